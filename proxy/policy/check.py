"""What is wrong with policy files beside each other, though each alone is valid."""

from collections.abc import Iterable, Iterator

from proxy.policy.model import Policy
from proxy.policy.yaml_reader import Fault


def conflicts(policies: Iterable[Policy]) -> Iterator[Fault]:
    """Yield a fault for each policy that cannot be served from the same folder as those before it.

    A file is named after its tenant, since that is how an operator finds it;
    a tenant has one file; a login belongs to one tenant, since PostgreSQL
    tells tenants apart by their logins alone.
    """
    tenants: dict[str, Policy] = {}
    logins: dict[str, Policy] = {}
    for policy in policies:
        stem = policy.source.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".yaml")
        if stem != policy.tenant:
            yield Fault(
                policy.source, 1, 1, f'the file is named "{stem}" and its tenant "{policy.tenant}"',
                f"Rename the file to {policy.tenant}.yaml.",
            )  # fmt: skip
        same_tenant = tenants.setdefault(policy.tenant, policy)
        same_login = logins.setdefault(policy.login, policy)
        if same_tenant is not policy:
            yield Fault(policy.source, 1, 1, f'tenant "{policy.tenant}" is in {same_tenant.source} too', "Keep one.")
        elif same_login is not policy:
            yield Fault(
                policy.source, 1, 1, f'the login "{policy.login}" is in {same_login.source} too',
                "Give each tenant a login of its own.",
            )  # fmt: skip

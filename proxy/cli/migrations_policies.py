"""After migrating: do the policies of that database still fit, and with --with-policies, their rights applied.

A policy is a database's by its `database:`. One whose login is not there yet
has never been applied, and is no finding.
"""

import argparse
from functools import partial
from typing import Any, Final

from proxy.cli.console import UsageError
from proxy.cli.migrations_report import Output
from proxy.cli.policy_files import PolicyFile, find_files, read_files
from proxy.database.admin import AdminConnection
from proxy.errors import StatementFailed
from proxy.migrations.files import shown
from proxy.migrations.patience import Busy, Patience
from proxy.migrations.runner import apply_script
from proxy.policy.ddl import wall_two
from proxy.policy.model import Policy
from proxy.policy.rights import Drift

# All is applied, and a policy does not fit.
MISFIT: Final = 3
_SHOWN: Final = 10


class Policies:
    """The policies of one database."""

    def __init__(self, database: str, arguments: argparse.Namespace, output: Output) -> None:
        self._arguments: Final = arguments
        self._output: Final = output
        self._files: Final = self._find(database)

    def _find(self, database: str) -> list[tuple[PolicyFile, Policy]]:
        try:
            files = read_files(find_files([], self._arguments.policies))
        except UsageError:
            return []  # a checkout without policies
        for file in files:
            if file.policy is None:
                self._output.say(f"  {shown(file.path)} is not valid, and not looked at: `policy check` tells why")
        return [(file, file.policy) for file in files if file.policy and file.policy.database == database]

    async def settle(self, connection: AdminConnection, *, new: bool) -> tuple[int, list[dict[str, Any]]]:
        """Apply the policies if that is asked for, and hold them against the database.

        Returns the exit status and what --json says of each. In a `new`
        database a policy that has yet to be applied is no finding. Raises
        `StatementFailed` and `Refusal`.
        """
        told = []
        for file, policy in self._files:
            if self._arguments.with_policies:
                await self._apply(connection, file, policy)
            ready = self._arguments.with_policies or (not new and await _exists(connection, policy.login))
            drifts = await self._check(policy) if ready else []
            self._tell(file, policy, drifts, ready=ready)
            told.append(
                {
                    "file": shown(file.path),
                    "tenant": policy.tenant,
                    "ready": ready,
                    "applied": self._arguments.with_policies,
                    "differences": [{"kind": kind, "message": message} for kind, message in drifts],
                }
            )
        return (MISFIT if any(one["differences"] for one in told) else 0), told

    def rehearse(self) -> list[dict[str, Any]]:
        """Print what --with-policies would run; return what --json says of it."""
        if not self._arguments.with_policies:
            return []
        scripts = [(shown(file.path), self._script(policy)) for file, policy in self._files]
        for path, sql in scripts:
            self._output.say(f"\n-- the rights of {path}\n{sql}")
        return [{"file": path, "sql": sql} for path, sql in scripts]

    def _script(self, policy: Policy) -> str:
        return wall_two(policy, self._arguments.gateway_role)

    async def _apply(self, connection: AdminConnection, file: PolicyFile, policy: Policy) -> None:
        async def on_busy(failure: Busy, pause_s: float) -> None:
            self._output.say(f"  {shown(file.path)}: {failure}; trying again in {pause_s:g} s")

        patience = Patience(retries=self._arguments.lock_retries)
        try:
            await patience.exert(partial(apply_script, connection, self._script(policy)), on_busy)
        except StatementFailed as exc:
            exc.message = f"the rights of {shown(file.path)} are not applied, the migrations are: {exc.message}"
            exc.hint = exc.hint or "Rights are given by a superuser; `policy sql` prints the script for one."
            raise

    async def _check(self, policy: Policy) -> list[Drift]:
        # Imported here: it brings the whole of vetting, which a run without a policy to check need not wait for.
        from proxy.database.checks import find_drift  # noqa: PLC0415

        return await find_drift(self._arguments.url or "postgresql://", policy, self._arguments.gateway_role)

    def _tell(self, file: PolicyFile, policy: Policy, drifts: list[Drift], *, ready: bool) -> None:
        path = shown(file.path)
        if not ready:
            self._output.say(f"  {path}: its login {policy.login} has no rights here yet; --with-policies gives them")
            return
        applied = "applied, and it " if self._arguments.with_policies else ""
        self._output.say(f"  {path}: {applied}{'fits' if not drifts else 'does not fit any more'}")
        if not drifts:
            return
        lines = [f"{kind}: {message}" for kind, message in drifts[:_SHOWN]]
        if len(drifts) > _SHOWN:
            lines.append(f"… and {len(drifts) - _SHOWN} more: `policy check --database URL`")
        self._output.complain(
            "\n  ".join([f"{path} does not fit its database any more:", *lines]),
            "Change the file where it asks for what is gone; --with-policies makes the rights equal to it.",
        )


async def _exists(connection: AdminConnection, role: str) -> bool:
    return bool(await connection.run("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", role))

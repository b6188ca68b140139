"""The folder of policy files: read whole at start, and looked at again each second.

At start every fault of every file is reported and nothing is served. Later a
file that has become invalid changes nothing: the last good policy stays in
force, and the fault is told once. Files are `<tenant>.yaml`; names that begin
with a dot (editors' own) and other endings are left alone, but `.yml` is a
fault, since its author surely meant it to count.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from proxy.policy.document import PolicyInvalid, parse_policy
from proxy.policy.model import Policy
from proxy.tenants.files import PolicyFiles

POLL_EVERY_S = 1.0
# An editor may take a file away for a moment while it saves.
_POLLS_BEFORE_GONE = 2
# Some milliseconds' work: the loop that looks has requests to answer.
_READ_AT_ONCE = 20


class PoliciesInvalid(Exception):  # noqa: N818 - like PolicyInvalid: the domain's word
    """The folder does not make a set of policies; `faults` says all that is wrong, a line each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look at the folder found: policies to put in force, tenants to drop, and files at fault."""

    loaded: tuple[Policy, ...] = ()
    removed: tuple[Policy, ...] = ()
    rejected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether anything changed."""
        return bool(self.loaded or self.removed or self.rejected)


class PolicyFolder:
    """The policies of a folder, as of the last look. Holds the last good version of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.policies: dict[str, Policy] = {}
        self._tenant_of: dict[str, str] = {}  # by login
        self._files = PolicyFiles(folder)
        self._due: dict[Path, None] = {}
        self._rejected: dict[Path, tuple[str, ...]] = {}
        self._missing: dict[str, int] = {}

    def load(self, tell: Callable[[str], None] = lambda _: None) -> dict[str, Policy]:
        """Read every file, and tell how far it is. Raises PoliciesInvalid with all that is wrong."""
        for _ in self.look_at_all():
            tell(f"{len(self.policies) + len(self._rejected):,} of {len(self._files.names):,}")
        faults = [fault for path in sorted(self._rejected) for fault in self._rejected[path]]
        if not faults and not self.policies:
            faults = [f"{self.folder}: no policy file (write <tenant>.yaml, one for each tenant)"]
        if faults:
            raise PoliciesInvalid(faults)
        return self.policies

    def look_at_all(self) -> Iterator[Changes]:
        """Look at every file, in as many looks as it takes: yield what each one found."""
        self._files.begin_anew()
        yield self.look(poll=False)
        while self._due or (self._files.half_way and self.folder not in self._rejected):
            yield self.look(poll=False)

    def poll(self) -> Iterator[Changes]:
        """Look for what changed, in as many looks as it takes to read it: yield what each one found."""
        yield self.look()
        while self._due:
            yield self.look(poll=False)

    def look(self, *, poll: bool = True) -> Changes:
        """Read what changed since the last look: at most so many files that nobody has to wait for it.

        A fault is told once, until it changes or is gone. A tenant whose file
        is away goes after some looks, of which those that are no `poll` do not count.
        """
        removed: tuple[Policy, ...] = ()
        if not self._due:
            try:
                self._due = dict.fromkeys(self._files.look())
            except OSError as exc:
                return Changes(rejected=self._reject(self.folder, (f"{self.folder}: cannot be read: {exc.strerror}",)))
            self._rejected.pop(self.folder, None)
            removed = tuple(self._gone()) if poll and (self._files.listed or self._missing) else ()
        loaded: list[Policy] = []
        rejected: dict[str, tuple[str, ...]] = {}
        for path in self._turn():
            try:
                policy = self._read(path)
            except PoliciesInvalid as exc:
                rejected |= self._reject(path, exc.faults)
            else:
                self._rejected.pop(path, None)
                loaded += self._take(policy)
        return Changes(tuple(loaded), removed, rejected)

    def _turn(self) -> list[Path]:
        """Return the files to read now, of those that are due."""
        turn = list(islice(self._due, _READ_AT_ONCE))
        for path in turn:
            del self._due[path]
        if not self._due:
            # What was at fault because of another file may be right now.
            turn += [path for path in islice(self._rejected, _READ_AT_ONCE) if path not in turn]
        return turn

    def _take(self, policy: Policy) -> Iterator[Policy]:
        """Put a policy in force; yield it if it says anything new."""
        known = self.policies.get(policy.tenant)
        if known is not None:
            del self._tenant_of[known.login]
        self.policies[policy.tenant] = policy
        self._tenant_of[policy.login] = policy.tenant
        if known is None or known.digest != policy.digest:
            yield policy

    def _reject(self, path: Path, faults: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Remember what is wrong with a file, after all the others; return it if it was not known before."""
        known = self._rejected.pop(path, None)
        self._rejected[path] = faults
        return {} if known == faults else {str(path): faults}

    def _read(self, path: Path) -> Policy:
        """Read one file. Raises PoliciesInvalid with all that is wrong with it."""
        if path.suffix == ".yml":
            raise PoliciesInvalid([f"{path}: a policy file ends in .yaml (rename it to {path.stem}.yaml)"])
        try:
            policy = parse_policy(path.read_text("utf-8"), str(path))
        except PolicyInvalid as exc:
            raise PoliciesInvalid(str(fault) for fault in exc.faults) from exc
        except OSError as exc:
            raise PoliciesInvalid([f"{path}: cannot be read: {exc.strerror}"]) from exc
        except UnicodeDecodeError as exc:
            raise PoliciesInvalid([f"{path}: is not UTF-8 (at byte {exc.start})"]) from exc
        faults = list(self._conflicts(path, policy))
        if faults:
            raise PoliciesInvalid(faults)
        return policy

    def _conflicts(self, path: Path, policy: Policy) -> Iterator[str]:
        """Yield what keeps a valid file from standing beside the others."""
        if policy.tenant != path.stem:
            yield f"{path}: tenant is {policy.tenant}, but the file is named {path.name} (the two must be equal)"
        other = self._tenant_of.get(policy.login, policy.tenant)
        if other != policy.tenant:
            yield (
                f"{path}: login {policy.login} is tenant {other}'s too "
                "(PostgreSQL could not tell the two apart: give each tenant a login of its own)"
            )

    def _gone(self) -> Iterator[Policy]:
        """Forget faults of files that are away, and policies whose files have been for a while: yield those."""
        for path in [path for path in self._rejected if path.name not in self._files.names]:
            del self._rejected[path]
        away = [name for name in self.policies if f"{name}.yaml" not in self._files.names]
        self._missing = {name: self._missing.get(name, 0) + 1 for name in away}
        for tenant, polls in self._missing.items():
            if polls >= _POLLS_BEFORE_GONE:
                policy = self.policies.pop(tenant)
                del self._tenant_of[policy.login]
                yield policy

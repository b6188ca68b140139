"""The folder of policy files: read whole at start, and looked at again each second.

At start every fault of every file is reported and nothing is served. Later a
file that has become invalid changes nothing: the last good policy stays in
force, and the fault is told once. Files are `<tenant>.yaml`; names that begin
with a dot (editors' own) and other endings are left alone, but `.yml` is a
fault, since its author surely meant it to count.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from proxy.policy.document import PolicyInvalid, parse_policy
from proxy.policy.model import Policy

POLL_EVERY_S = 1.0
# An editor may take a file away for a moment while it saves.
_POLLS_BEFORE_GONE = 2
_TOLD_EVERY = 500


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


Stamp = tuple[int, int, int]


class PolicyFolder:
    """The policies of a folder, as of the last look. Holds the last good version of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.policies: dict[str, Policy] = {}
        self._tenant_of: dict[str, str] = {}  # by login
        self._stamps: dict[Path, Stamp] = {}
        self._rejected: dict[Path, tuple[str, ...]] = {}
        self._missing: dict[str, int] = {}

    def load(self, tell: Callable[[str], None] = lambda _: None) -> dict[str, Policy]:
        """Read every file, and tell how far it is. Raises PoliciesInvalid with all that is wrong."""
        changes = self.look(tell)
        faults = [fault for file in changes.rejected.values() for fault in file]
        if not faults and not self.policies:
            faults = [f"{self.folder}: no policy file (write <tenant>.yaml, one for each tenant)"]
        if faults:
            raise PoliciesInvalid(faults)
        return self.policies

    def look(self, tell: Callable[[str], None] = lambda _: None) -> Changes:
        """Read what changed since the last look. A fault is told once, until it changes or is gone."""
        try:
            stamps = {path: _stamp(path) for path in sorted(self.folder.iterdir()) if _counts(path)}
        except OSError as exc:
            return Changes(rejected=self._news({self.folder: (f"{self.folder}: cannot be read: {exc.strerror}",)}))
        changed = [path for path, stamp in stamps.items() if self._stamps.get(path) != stamp]
        self._stamps = stamps
        removed = tuple(self._gone(stamps))
        loaded: list[Policy] = []
        rejected: dict[Path, tuple[str, ...]] = {}
        # What was at fault because of another file may be right now.
        again = [path for path in self._rejected if path in stamps and path not in changed]
        for number, path in enumerate(changed + again):
            if number % _TOLD_EVERY == 0:
                tell(f"{number:,} of {len(changed):,}")
            try:
                loaded += self._take(self._read(path))
            except PoliciesInvalid as exc:
                rejected[path] = exc.faults
        return Changes(tuple(loaded), removed, self._news(rejected))

    def _take(self, policy: Policy) -> Iterator[Policy]:
        """Put a policy in force; yield it if it says anything new."""
        known = self.policies.get(policy.tenant)
        if known is not None:
            del self._tenant_of[known.login]
        self.policies[policy.tenant] = policy
        self._tenant_of[policy.login] = policy.tenant
        if known is None or known.digest != policy.digest:
            yield policy

    def _news(self, rejected: dict[Path, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Remember what is at fault, and return what was not known before."""
        known, self._rejected = self._rejected, rejected
        return {str(path): faults for path, faults in rejected.items() if known.get(path) != faults}

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

    def _gone(self, stamps: Mapping[Path, Stamp]) -> Iterator[Policy]:
        """Forget policies whose files have been away for a while, and yield them."""
        present = {path.stem for path in stamps if path.suffix == ".yaml"}
        self._missing = {name: self._missing.get(name, 0) + 1 for name in self.policies if name not in present}
        for tenant, polls in self._missing.items():
            if polls >= _POLLS_BEFORE_GONE:
                policy = self.policies.pop(tenant)
                del self._tenant_of[policy.login]
                yield policy


def _counts(path: Path) -> bool:
    return path.suffix in {".yaml", ".yml"} and not path.name.startswith(".") and path.is_file()


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino

"""Finding and reading the policy files that a command line names."""

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from proxy.cli.console import CommandFailed, UsageError
from proxy.policy.document import PolicyInvalid, parse_policy
from proxy.policy.model import Policy
from proxy.policy.second_reader import GATEWAY_ROLE
from proxy.policy.yaml_reader import Fault


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file: its policy, or all that is wrong with it."""

    path: Path
    policy: Policy | None
    faults: tuple[Fault, ...] = ()


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Give a command its `--policies`."""
    parser.add_argument(
        "--policies",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("PROXY_POLICIES") or "policies"),
        help="the folder of policy files (default: PROXY_POLICIES, or policies/)",
    )


def add_gateway_role(parser: argparse.ArgumentParser) -> None:
    """Give a command its `--gateway-role`."""
    parser.add_argument(
        "--gateway-role",
        metavar="ROLE",
        default=GATEWAY_ROLE,
        help=f"the gateway's own role, that of PROXY_CONTROL_URL: the second reader's (default: {GATEWAY_ROLE})",
    )


def find_files(named: Sequence[str], folder: Path) -> list[Path]:
    """Return the files that are named by path or tenant, or else every file of the folder.

    Raises UsageError for what is not there.
    """
    if named:
        return [find_file(name, folder) for name in named]
    found = _in(folder)
    if not found:
        raise UsageError(f"no policy file in {folder}", "Name files, or a folder with --policies.")
    return found


def find_file(name: str, folder: Path) -> Path:
    """Return one file, named by its path or by its tenant. Raises UsageError."""
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix in {".yaml", ".yml"} or "/" in name:
        raise UsageError(f"there is no file {name}")
    of_tenant = folder / f"{name}.yaml"
    if of_tenant.is_file():
        return of_tenant
    tenants = [file.stem for file in _in(folder)]
    near = get_close_matches(name, tenants, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else f"There is: {', '.join(tenants)}." if tenants else None
    raise UsageError(f'there is no policy of tenant "{name}" in {folder}', hint or "Name a folder with --policies.")


def read_files(paths: Iterable[Path]) -> list[PolicyFile]:
    """Read files; what cannot be read or parsed becomes faults."""
    return [_read(path) for path in paths]


def load_policy(path: Path) -> Policy:
    """Return one file's policy. Raises CommandFailed with every fault of it."""
    file = _read(path)
    if file.policy is None:
        raise CommandFailed("\n".join(f"{fault}" for fault in file.faults))
    return file.policy


def _in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("."))


def _read(path: Path) -> PolicyFile:
    try:
        return PolicyFile(path, parse_policy(path.read_bytes().decode("utf-8-sig"), str(path)))
    except PolicyInvalid as exc:
        return PolicyFile(path, None, exc.faults)
    except OSError as exc:
        return PolicyFile(path, None, (Fault(str(path), 1, 1, f"cannot be read: {exc.strerror}"),))
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        hint = "Save it as UTF-8."
        return PolicyFile(path, None, (Fault(str(path), line, 1, f"byte {exc.start} is not UTF-8", hint),))

"""Finding and reading the expiry lists below a folder of migrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.expiry.document import FILE_NAME, Expiry, ExpiryInvalid, parse_expiry
from proxy.policy.yaml_reader import Fault


@dataclass(frozen=True, slots=True)
class ExpiryList:
    """What expires in one database."""

    database: str
    entries: tuple[Expiry, ...]


def find_databases(folder: Path) -> list[str]:
    """Return the databases that have a list, in order of their names."""
    return sorted(file.parent.name for file in folder.glob(f"*/{FILE_NAME}") if not file.parent.name.startswith("."))


def load_lists(folder: Path, databases: Sequence[str]) -> tuple[ExpiryList, ...]:
    """Read the lists of databases. Raises `ExpiryInvalid` with every fault of every file."""
    lists: list[ExpiryList] = []
    faults: list[Fault] = []
    for database in databases:
        try:
            lists.append(ExpiryList(database, _load(folder / database / FILE_NAME)))
        except ExpiryInvalid as exc:
            faults += exc.faults
    if faults:
        raise ExpiryInvalid(faults)
    return tuple(lists)


def _load(path: Path) -> tuple[Expiry, ...]:
    try:
        return parse_expiry(path.read_bytes().decode("utf-8-sig"), str(path))
    except OSError as exc:
        raise ExpiryInvalid([Fault(str(path), 1, 1, f"cannot be read: {exc.strerror}")]) from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        fault = Fault(str(path), line, 1, f"byte {exc.start} is not UTF-8", "Save it as UTF-8.")
        raise ExpiryInvalid([fault]) from exc

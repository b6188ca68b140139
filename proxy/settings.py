"""The gateway's settings: environment variables that begin with `PROXY_`, read once at start.

Every variable is a row of `VARIABLES`, the one source of names, defaults and
meanings (`docs/settings.md` is tested against it). All faults are reported
together. A secret may come from a file (`PROXY_X_FILE`) and is never in a
`repr`, a message or an error.
"""

import difflib
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

PREFIX = "PROXY_"
LOG_LEVELS = ("debug", "info", "warning", "error")
LEAST_SECRET_BYTES = 32  # RFC 7518 §3.2: a key of the hash's size or larger
LARGEST_SECRET_FILE_BYTES = 65_536

# Read by the embedded PostgreSQL and by the tests, not by the gateway.
_OTHERS = re.compile(r"PROXY_(PG_BINDIR|TEST_\w+)")
_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class SettingFault:
    """One thing wrong with one variable, and what to do about it."""

    variable: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        """Spell the fault on one line."""
        return f"{self.variable}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class SettingsInvalid(Exception):  # noqa: N818 - like Refusal: the domain's word
    """The environment does not make settings; `faults` says all that is wrong with it."""

    def __init__(self, faults: tuple[SettingFault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class TcpListen:
    """A host and a port to listen on; port 0 takes any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        """Spell it as the variable does."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixListen:
    """A Unix socket to listen on."""

    path: Path

    def __str__(self) -> str:
        """Spell it as the variable does."""
        return f"unix:{self.path}"


Listen = TcpListen | UnixListen


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What the gateway was told at start; one field for each row of `VARIABLES`.

    `database_url` names a server only: no user, no database. `jwt_keys` is a
    path or a URL. Fields of secrets are hidden in `repr`.
    """

    database_url: str | None
    passfile: Path | None
    control_url: str | None = field(metadata={"secret": True})
    policies: Path
    listen: Listen
    admin_listen: Listen
    workers: int
    jwt_secret: bytes | None = field(metadata={"secret": True})
    jwt_keys: str | None
    jwt_issuer: str | None
    jwt_audience: str | None
    max_request_bytes: int
    log_level: str
    redis_url: str | None = field(metadata={"secret": True})

    def __repr__(self) -> str:
        """Show every field; of a secret, only whether it is set."""
        shown = (
            f"{f.name}=<hidden>"
            if f.metadata.get("secret") and getattr(self, f.name) is not None
            else f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
        )
        return f"Settings({', '.join(shown)})"


def parse_listen(text: str) -> Listen:
    """Make an address from `host:port`, `[v6]:port` or `unix:/path`; ValueError says what is wrong."""
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:"))
        if not path.is_absolute():
            raise ValueError("the path after unix: is not absolute")
        return UnixListen(path)
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/\s]+)):([0-9]{1,5})", text)
    if found is None or int(found[3]) > 65_535:
        raise ValueError(f"{text!r} is not an address; write 127.0.0.1:3000, [::1]:3000 or unix:/run/proxy.sock")
    return TcpListen(found[1] or found[2], int(found[3]))


def parse_size(text: str) -> int:
    """Make a number of bytes from `65536`, `64KiB` or `1MB`; ValueError says what is wrong."""
    found = re.fullmatch(r"([0-9]{1,15})\s*([A-Za-z]*)", text)
    if found is None or found[2].lower() not in _UNITS:
        raise ValueError(f"{text!r} is not a size; write a whole number with B, kB, MB, GB, KiB, MiB or GiB")
    return int(found[1]) * _UNITS[found[2].lower()]


def _parse_request_size(text: str) -> int:
    size = parse_size(text)
    if not 1024 <= size <= 1024**3:
        raise ValueError("must be from 1KiB to 1GiB")
    return size


def _parse_workers(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 256:
        raise ValueError(f"{text!r} is not a number of processes from 1 to 256")
    return int(text)


def _parse_log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"{text!r} is not a level; one of {', '.join(LOG_LEVELS)}")
    return text.lower()


def _parse_secret(text: str) -> bytes:
    secret = text.encode("utf-8", "surrogateescape")
    if b"-----BEGIN" in secret:
        raise ValueError("holds a PEM key, not a secret; public keys go into PROXY_JWT_KEYS")
    if len(secret) < LEAST_SECRET_BYTES:
        raise ValueError(
            f"is {len(secret)} bytes long; HS256 needs {LEAST_SECRET_BYTES} or more, such as: openssl rand -base64 48"
        )
    return secret


def _split_url(text: str, schemes: tuple[str, ...]) -> SplitResult:
    # urlsplit's own complaints may quote the URL, and with it a password.
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in schemes:
        raise ValueError(f"is not a URL that begins with {' or '.join(s + '://' for s in schemes)}")
    return parts


def _postgresql_url(text: str) -> tuple[bool, bool, dict[str, str]]:
    """Return whether the URL names a user and a database, and its options."""
    parts = _split_url(text, ("postgresql", "postgres"))
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    user = "@" in parts.netloc or "user" in options
    database = parts.path.strip("/") != "" or bool({"dbname", "database"} & options.keys())
    return user, database, options


def _parse_database_url(text: str) -> str:
    user, database, options = _postgresql_url(text)
    if user or "password" in options or "passfile" in options:
        raise ValueError("names a user or password; leave them out: a policy's login is the user, PROXY_PASSFILE its")
    if database:
        raise ValueError("names a database; leave it out: each policy file names its own")
    return text


def _parse_control_url(text: str) -> str:
    user, database, _ = _postgresql_url(text)
    if not (user and database):
        raise ValueError("must name the gateway's own role and database: postgresql://ROLE@HOST/DATABASE")
    return text


def _parse_redis_url(text: str) -> str:
    _split_url(text, ("redis", "rediss", "unix"))
    return text


def _parse_jwt_keys(text: str) -> str:
    if "://" not in text:
        return text
    parts = _split_url(text, ("https", "http"))
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("is plain http to another machine: whoever is between could hand out keys; use https")
    if not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be a URL with a host and without a user or password")
    return text


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its default as one would write it, what it means, how it is read."""

    name: str
    default: str | None
    meaning: str
    parse: Callable[[str], Any] = str
    secret: bool = False

    @property
    def field(self) -> str:
        """The field of `Settings` that it fills."""
        return self.name.removeprefix(PREFIX).lower()


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "PROXY_DATABASE_URL",
        None,
        "Required. The PostgreSQL server: host or socket folder, port, options such as `sslmode`. "
        "No user and no database: each policy file names its own.",
        _parse_database_url,
    ),
    Variable(
        "PROXY_PASSFILE",
        None,
        "Passwords of the tenants' logins and of the gateway's own role, in libpq's format. Not readable by others.",
        Path,
    ),
    Variable(
        "PROXY_CONTROL_URL",
        None,
        "The gateway's own role and database, for API keys and revocations. "
        "Without it there are no keys and nothing can be revoked. "
        "The role is the second reader in the tenants' databases, too: `database_proxy` where this is not set.",
        _parse_control_url,
        secret=True,
    ),
    Variable("PROXY_POLICIES", "policies", "Folder of the policy files, one `<tenant>.yaml` each.", Path),
    Variable(
        "PROXY_LISTEN",
        "127.0.0.1:3000",
        "Where queries are answered: `host:port`, `[v6]:port` or `unix:/path`.",
        parse_listen,
    ),
    Variable(
        "PROXY_ADMIN_LISTEN",
        "127.0.0.1:3001",
        "Where `/livez`, `/readyz` and `/metrics` are answered. Keep it private.",
        parse_listen,
    ),
    Variable(
        "PROXY_WORKERS",
        "1",
        "Number of worker processes, 1 to 256. A tenant's rate and concurrency are divided among them.",
        _parse_workers,
    ),
    Variable(
        "PROXY_JWT_SECRET",
        None,
        "Secret of HS256 tokens, 32 bytes or more.",
        _parse_secret,
        secret=True,
    ),
    Variable(
        "PROXY_JWT_KEYS",
        None,
        "Public keys of RS256, ES256 and EdDSA tokens: a PEM file, a folder of them, "
        "a JWKS file, or a JWKS URL (https, or http on this machine).",
        _parse_jwt_keys,
    ),
    Variable("PROXY_JWT_ISSUER", None, "When set, a token's `iss` must equal it."),
    Variable("PROXY_JWT_AUDIENCE", None, "When set, a token's `aud` must hold it."),
    Variable(
        "PROXY_MAX_REQUEST_BYTES",
        "1MiB",
        "Largest request body, 1KiB to 1GiB.",
        _parse_request_size,
    ),
    Variable("PROXY_LOG_LEVEL", "info", "One of debug, info, warning, error.", _parse_log_level),
    Variable(
        "PROXY_REDIS_URL",
        None,
        "For several gateways that share limits. Read and checked; this version does nothing with it yet.",
        _parse_redis_url,
        secret=True,
    ),
)


def load_settings(environ: Mapping[str, str], *, serving: bool = True) -> Settings:
    """Make settings from an environment, or raise SettingsInvalid with every fault.

    With `serving`, what `serve` cannot do without must be there, and paths
    must exist; the commands for tokens and keys need less (`serving=False`).
    """
    faults: list[SettingFault] = list(_strangers(environ))
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        try:
            raw = _raw(variable, environ)
            values[variable.field] = None if raw is None else variable.parse(raw)
        except ValueError as exc:
            faults.append(SettingFault(variable.name, str(exc)))
            values[variable.field] = None
    if serving:
        faulty = {fault.variable.removesuffix("_FILE") for fault in faults}
        faults += [fault for fault in _unfit_to_serve(values, faulty) if fault.variable not in faulty]
    if faults:
        raise SettingsInvalid(tuple(faults))
    return Settings(**values)


def _strangers(environ: Mapping[str, str]) -> Iterator[SettingFault]:
    known = [v.name for v in VARIABLES] + [f"{v.name}_FILE" for v in VARIABLES if v.secret]
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not _OTHERS.fullmatch(name):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            hint = f"did you mean {near[0]}?" if near else "docs/settings.md lists every setting"
            yield SettingFault(name, "is not a setting", hint)


def _raw(variable: Variable, environ: Mapping[str, str]) -> str | None:
    value = environ.get(variable.name, variable.default)
    file = environ.get(f"{variable.name}_FILE") if variable.secret else None
    if file is not None:
        if variable.name in environ:
            raise ValueError(f"is set, and so is {variable.name}_FILE; keep one of them")
        value = _read_secret(Path(file))
    if value == "":
        raise ValueError("is set but empty; unset it or give it a value")
    return value


def _read_secret(path: Path) -> str:
    """Return what a file holds, without the line end that editors and `echo` add."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_SECRET_FILE_BYTES + 1)
    except OSError as exc:
        raise ValueError(f"the file {path} cannot be read: {exc.strerror}") from None
    if len(content) > LARGEST_SECRET_FILE_BYTES:
        raise ValueError(f"the file {path} is larger than {LARGEST_SECRET_FILE_BYTES} bytes")
    return re.sub(rb"\r?\n\Z", b"", content).decode("utf-8", "surrogateescape")


def _unfit_to_serve(values: Mapping[str, Any], faulty: Collection[str]) -> Iterator[SettingFault]:
    if values["database_url"] is None:
        yield SettingFault("PROXY_DATABASE_URL", "is not set", "such as postgresql://127.0.0.1:5432")
    ways_in = {"PROXY_JWT_SECRET", "PROXY_JWT_KEYS", "PROXY_CONTROL_URL"}
    if not (values["jwt_secret"] or values["jwt_keys"] or values["control_url"] or ways_in.intersection(faulty)):
        yield SettingFault(
            "PROXY_JWT_SECRET",
            "is not set, nor are PROXY_JWT_KEYS and PROXY_CONTROL_URL, so nobody could log in",
            "set one of the three",
        )
    if values["policies"] and not values["policies"].is_dir():
        yield SettingFault("PROXY_POLICIES", f"there is no folder {values['policies']}")
    keys = values["jwt_keys"]
    if keys and "://" not in keys and not Path(keys).exists():
        yield SettingFault("PROXY_JWT_KEYS", f"there is no file or folder {keys}")
    listen = values["listen"]
    if listen and listen == values["admin_listen"] and getattr(listen, "port", None) != 0:
        yield SettingFault("PROXY_ADMIN_LISTEN", f"is the same address as PROXY_LISTEN, {listen}")
    yield from _unfit_passfile(values["passfile"])


def _unfit_passfile(path: Path | None) -> Iterator[SettingFault]:
    if path is None:
        return
    if not path.is_file():
        yield SettingFault("PROXY_PASSFILE", f"there is no file {path}")
    elif path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        # libpq's own rule: a password file that others can read is not used.
        yield SettingFault("PROXY_PASSFILE", f"others may read {path}", f"run: chmod 600 {path}")

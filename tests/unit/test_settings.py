"""Settings: what the environment says, and every way in which it may be wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.settings import (
    VARIABLES,
    SettingsInvalid,
    TcpListen,
    UnixListen,
    load_settings,
    parse_listen,
    parse_size,
)

SECRET = "correct-horse-battery-staple-0123456789"
Environ = Callable[..., dict[str, str]]


@pytest.fixture
def environ(tmp_path: Path) -> Environ:
    """Make an environment that is fit to serve, with changes; None takes a variable out."""

    def make(**changes: str | None) -> dict[str, str]:
        base = {
            "PROXY_DATABASE_URL": "postgresql://127.0.0.1:5432",
            "PROXY_POLICIES": str(tmp_path),
            "PROXY_JWT_SECRET": SECRET,
            "HOME": "/somewhere",
        }
        merged = base | {name: value for name, value in changes.items() if value is not None}
        return {name: value for name, value in merged.items() if changes.get(name, "") is not None}

    return make


def faults_of(environ: dict[str, str], *, serving: bool = True) -> dict[str, str]:
    """Return the faults of an environment, by variable."""
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(environ, serving=serving)
    return {fault.variable: str(fault) for fault in caught.value.faults}


def test_defaults_are_the_documented_ones(environ: Environ, tmp_path: Path) -> None:
    """What is not set takes the contract's default."""
    settings = load_settings(environ())

    assert settings.listen == TcpListen("127.0.0.1", 3000)
    assert settings.admin_listen == TcpListen("127.0.0.1", 3001)
    assert settings.max_request_bytes == 1_048_576
    assert settings.workers == 1
    assert settings.log_level == "info"
    assert settings.policies == tmp_path
    assert settings.jwt_secret == SECRET.encode()
    assert settings.control_url is None


def test_all_faults_are_reported_together(environ: Environ) -> None:
    """One run names everything that is wrong."""
    faults = faults_of(
        environ(
            PROXY_WORKERS="many",
            PROXY_LISTEN="nowhere",
            PROXY_JWT_SECRET="short",
            PROXY_MAX_REQUEST_BYTES="1 parsec",
            PROXY_LOG_LEVEL="loud",
            PROXY_DATABASE_URL=None,
            PROXY_POLICYS="x",
            PROXY_PASSFILE="/nowhere/pgpass",
            PROXY_POLICIES="/nowhere/policies",
        )
    )

    assert set(faults) == {
        "PROXY_WORKERS",
        "PROXY_LISTEN",
        "PROXY_JWT_SECRET",
        "PROXY_MAX_REQUEST_BYTES",
        "PROXY_LOG_LEVEL",
        "PROXY_DATABASE_URL",
        "PROXY_POLICYS",
        "PROXY_PASSFILE",
        "PROXY_POLICIES",
    }


def test_an_unknown_variable_is_a_fault_with_a_near_miss(environ: Environ) -> None:
    """A typing slip in a name is not silently ignored."""
    faults = faults_of(environ(PROXY_JWT_ISUER="me", PROXY_JWT_SECRT_FILE="/x", PROXY_ZZZ="1"))

    assert "did you mean PROXY_JWT_ISSUER?" in faults["PROXY_JWT_ISUER"]
    assert "did you mean PROXY_JWT_SECRET_FILE?" in faults["PROXY_JWT_SECRT_FILE"]
    assert "docs/settings.md" in faults["PROXY_ZZZ"]


def test_variables_of_the_tests_and_of_the_embedded_server_are_no_fault(environ: Environ) -> None:
    """What other parts of the project read may be set."""
    assert load_settings(environ(PROXY_PG_BINDIR="/usr/bin", PROXY_TEST_ANYTHING="1"))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://me@127.0.0.1", "names a user"),
        ("postgresql://me:opensesame@127.0.0.1", "names a user"),
        ("postgresql://127.0.0.1/?user=me", "names a user"),
        ("postgresql://127.0.0.1/?password=opensesame", "names a user"),
        ("postgresql://127.0.0.1/callmeback", "names a database"),
        ("postgresql:///?host=/tmp&dbname=x", "names a database"),
        ("mysql://127.0.0.1", "is not a URL that begins with postgresql://"),
        ("postgresql://[oops", "is not a URL"),
    ],
)
def test_the_database_url_names_a_server_only(environ: Environ, url: str, told: str) -> None:
    """The user and the database come from the policy; saying them here is a fault, never echoed."""
    fault = faults_of(environ(PROXY_DATABASE_URL=url))["PROXY_DATABASE_URL"]

    assert told in fault
    assert "opensesame" not in fault


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///?host=/run/postgresql",
        "postgres://db.example:6432/?sslmode=verify-full",
        "postgresql://a:5432,b:5432/?target_session_attrs=primary",
        "postgresql://%2Frun%2Fpostgresql",
    ],
)
def test_the_database_url_takes_what_libpq_takes(environ: Environ, url: str) -> None:
    """Sockets, options and several hosts are a server too."""
    assert load_settings(environ(PROXY_DATABASE_URL=url)).database_url == url


def test_the_control_url_names_role_and_database(environ: Environ) -> None:
    """The gateway's own role and database are said, not guessed."""
    fault = faults_of(environ(PROXY_CONTROL_URL="postgresql://127.0.0.1/gateway"))["PROXY_CONTROL_URL"]
    assert "must name the gateway's own role and database" in fault

    url = "postgresql://gateway:opensesame@127.0.0.1/gateway"
    assert load_settings(environ(PROXY_CONTROL_URL=url)).control_url == url


@pytest.mark.parametrize("secret", ["x" * 31, "é" * 15])
def test_a_short_secret_is_a_fault(environ: Environ, secret: str) -> None:
    """An HS256 secret has at least 32 bytes, whatever its characters."""
    fault = faults_of(environ(PROXY_JWT_SECRET=secret))["PROXY_JWT_SECRET"]

    assert "HS256 needs 32 or more" in fault
    assert secret not in fault


def test_a_pem_key_as_secret_is_a_fault(environ: Environ) -> None:
    """A public key as an HMAC secret would let anyone sign."""
    pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"

    assert "PROXY_JWT_KEYS" in faults_of(environ(PROXY_JWT_SECRET=pem))["PROXY_JWT_SECRET"]


def test_a_secret_may_come_from_a_file(environ: Environ, tmp_path: Path) -> None:
    """The line end that editors add is no part of the secret; other bytes are."""
    file = tmp_path / "secret"
    file.write_bytes(b"\xff\x00 " + SECRET.encode() + b" \r\n")

    settings = load_settings(environ(PROXY_JWT_SECRET=None, PROXY_JWT_SECRET_FILE=str(file)))

    assert settings.jwt_secret == b"\xff\x00 " + SECRET.encode() + b" "


def test_a_secret_and_its_file_together_are_a_fault(environ: Environ, tmp_path: Path) -> None:
    """Nobody has to guess which of two secrets is in force."""
    fault = faults_of(environ(PROXY_JWT_SECRET_FILE=str(tmp_path)))["PROXY_JWT_SECRET"]

    assert "keep one of them" in fault


def test_an_unreadable_secret_file_is_named(environ: Environ, tmp_path: Path) -> None:
    """The fault says which file, and why."""
    missing = tmp_path / "gone"

    fault = faults_of(environ(PROXY_JWT_SECRET=None, PROXY_JWT_SECRET_FILE=str(missing)))["PROXY_JWT_SECRET"]

    assert str(missing) in fault
    assert "No such file" in fault


def test_only_secrets_have_a_file_form(environ: Environ) -> None:
    """A file form of an ordinary variable is an unknown variable."""
    assert "PROXY_LISTEN_FILE" in faults_of(environ(PROXY_LISTEN_FILE="/x"))


@pytest.mark.parametrize("variable", [v.name for v in VARIABLES])
def test_an_empty_variable_is_a_fault(environ: Environ, variable: str) -> None:
    """Empty is neither unset nor a value: an empty issuer must not switch its check off."""
    assert "set but empty" in faults_of(environ(**{variable: ""}))[variable]


def test_nobody_could_log_in_is_a_fault(environ: Environ) -> None:
    """A gateway without secret, keys and control database refuses to start."""
    assert "nobody could log in" in faults_of(environ(PROXY_JWT_SECRET=None))["PROXY_JWT_SECRET"]


def test_a_faulty_way_in_is_told_once(environ: Environ) -> None:
    """A wrong PROXY_JWT_KEYS is not also told as a missing secret."""
    faults = faults_of(environ(PROXY_JWT_SECRET=None, PROXY_JWT_KEYS="http://idp.example/jwks"))

    assert set(faults) == {"PROXY_JWT_KEYS"}


def test_secrets_are_in_no_repr_and_no_fault(environ: Environ) -> None:
    """Neither settings nor their faults show a secret."""
    shown = repr(
        load_settings(
            environ(
                PROXY_CONTROL_URL="postgresql://gateway:opensesame@127.0.0.1/gateway",
                PROXY_REDIS_URL="redis://:opensesame@127.0.0.1",
            )
        )
    )
    assert SECRET not in shown
    assert "opensesame" not in shown
    assert "jwt_secret=<hidden>" in shown

    faults = faults_of(
        environ(
            PROXY_CONTROL_URL="mysql://me:opensesame@h/d", PROXY_REDIS_URL="http://:opensesame@h", PROXY_WORKERS="0"
        )
    )
    assert set(faults) == {"PROXY_CONTROL_URL", "PROXY_REDIS_URL", "PROXY_WORKERS"}
    assert "opensesame" not in "".join(faults.values())


def test_commands_need_less_than_serving() -> None:
    """Minting a token asks for no database and no policies."""
    settings = load_settings({"PROXY_JWT_SECRET": SECRET}, serving=False)

    assert settings.jwt_secret == SECRET.encode()
    assert settings.database_url is None


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://idp.example/jwks.json", True),
        ("http://127.0.0.1:8080/jwks", True),
        ("http://[::1]:8080/jwks", True),
        ("http://localhost/jwks", True),
        ("http://idp.example/jwks.json", False),
        ("http://127.0.0.1.evil.example/jwks", False),
        ("http://127.0.0.1@evil.example/jwks", False),
        ("https://user:opensesame@idp.example/jwks", False),
        ("https:///jwks", False),
        ("ftp://idp.example/jwks", False),
        ("file:///etc/passwd", False),
    ],
)
def test_keys_come_over_https_or_from_this_machine(environ: Environ, url: str, fine: bool) -> None:
    """Nobody between the gateway and the issuer may hand out keys."""
    if fine:
        assert load_settings(environ(PROXY_JWT_KEYS=url)).jwt_keys == url
    else:
        assert "opensesame" not in faults_of(environ(PROXY_JWT_KEYS=url))["PROXY_JWT_KEYS"]


def test_a_missing_key_file_is_a_fault(environ: Environ) -> None:
    """A path that does not exist is told at start."""
    assert "there is no file or folder" in faults_of(environ(PROXY_JWT_KEYS="/nowhere/keys"))["PROXY_JWT_KEYS"]


def test_a_passfile_that_others_can_read_is_a_fault(environ: Environ, tmp_path: Path) -> None:
    """A client would ignore it, and the logins would fail for a reason that nobody sees."""
    passfile = tmp_path / "pgpass"
    passfile.write_text("*:*:*:*:x\n")
    passfile.chmod(0o644)
    assert "chmod 600" in faults_of(environ(PROXY_PASSFILE=str(passfile)))["PROXY_PASSFILE"]

    passfile.chmod(0o600)
    assert load_settings(environ(PROXY_PASSFILE=str(passfile))).passfile == passfile


def test_one_address_cannot_serve_both(environ: Environ) -> None:
    """Metrics never come up on the address of the queries."""
    fault = faults_of(environ(PROXY_LISTEN="127.0.0.1:3001"))["PROXY_ADMIN_LISTEN"]
    assert "same address" in fault

    assert load_settings(environ(PROXY_LISTEN="127.0.0.1:0", PROXY_ADMIN_LISTEN="127.0.0.1:0"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:3000", TcpListen("127.0.0.1", 3000)),
        ("[::1]:0", TcpListen("::1", 0)),
        ("localhost:80", TcpListen("localhost", 80)),
        ("unix:/run/proxy.sock", UnixListen(Path("/run/proxy.sock"))),
    ],
)
def test_addresses_are_read_and_written_alike(text: str, address: TcpListen | UnixListen) -> None:
    """An address spells itself as the variable did."""
    assert parse_listen(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "3000", ":3000", "::1:3000", "a:70000", "unix:run", "a b:1", "http://a:1", "a:\uff11"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Neither a guess at the host nor at the port."""
    with pytest.raises(ValueError, match=r"address|absolute"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("65536", 65_536), ("64KiB", 65_536), ("1MB", 10**6), ("1 mib", 2**20), ("2GiB", 2**31)],
)
def test_sizes_have_units(text: str, size: int) -> None:
    """Thousands and 1024s are told apart."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5MiB", "1TiB", "MiB", "1m", "٣"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """A size that cannot be read is not taken for another."""
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_every_variable_is_documented() -> None:
    """docs/settings.md holds a row for each variable, with its default and meaning."""
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()

    rows = [line for line in page.splitlines() if line.startswith("| `PROXY_")]
    assert rows == [f"| `{v.name}` | {f'`{v.default}`' if v.default else ''} | {v.meaning} |" for v in VARIABLES]
    assert all(f"`{v.name}`" in page.split("## Secrets from files")[1] for v in VARIABLES if v.secret)

"""The issuer's keys on disk: read at start, read again when they change, kept when they break."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm

from proxy.identity.signing_keys import KeyInvalid
from proxy.issuer import IssuerKeys, Keys, load_keys


def pem() -> bytes:
    """Return a new public key as PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def kids(keys: Keys) -> list[str | None]:
    """Return the names of keys."""
    return [key.kid for key in keys]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with two keys and a file that is none."""
    (tmp_path / "old.pem").write_bytes(pem())
    (tmp_path / "new.pem").write_bytes(pem())
    (tmp_path / "README").write_text("not a key")
    return tmp_path


@pytest.fixture
async def watching(folder: Path) -> AsyncIterator[tuple[IssuerKeys, list[list[str | None]]]]:
    """Watch the folder; the list holds the names of the keys of each time that they changed."""
    seen: list[list[str | None]] = []
    issuer = IssuerKeys(str(folder), lambda keys: seen.append(kids(keys)))
    issuer.interval_s = 0.02
    issuer.least_interval_s = 0.0
    await issuer.start()
    yield issuer, seen
    await issuer.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true, two seconds at most."""
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - what is watched has no event to wait for
            await asyncio.sleep(0.01)


def test_a_folder_names_its_keys_by_file(folder: Path) -> None:
    """The kid is the file's name without .pem; other files are passed over."""
    assert kids(load_keys(str(folder))) == ["new", "old"]


def test_one_pem_file_is_one_key(folder: Path) -> None:
    """A file alone works as its folder would."""
    assert kids(load_keys(str(folder / "old.pem"))) == ["old"]


def test_a_key_set_file_names_its_own_keys(tmp_path: Path) -> None:
    """A JWKS file is known by what is in it."""
    jwk = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [{**jwk, "kid": "ed"}]}))

    assert kids(load_keys(str(file))) == ["ed"]


def test_every_broken_file_is_named(folder: Path) -> None:
    """All faults come together, each with its file."""
    (folder / "old.pem").write_text("-----BEGIN PUBLIC KEY-----")
    (folder / "new.pem").write_text("nonsense")

    with pytest.raises(KeyInvalid, match=r"new\.pem: holds 0 keys.*\n.*old\.pem: is no public key"):
        load_keys(str(folder))


def test_a_folder_without_keys_is_a_fault(tmp_path: Path) -> None:
    """An empty folder is told, as is one that is not there."""
    with pytest.raises(KeyInvalid, match=r"holds 0 files \*\.pem"):
        load_keys(str(tmp_path))
    with pytest.raises(KeyInvalid, match="No such file"):
        load_keys(str(tmp_path / "gone"))


def test_a_huge_file_is_a_fault(tmp_path: Path) -> None:
    """Keys are small; whatever this is, it is not read whole."""
    file = tmp_path / "keys.json"
    file.write_bytes(b" " * (1024 * 1024 + 1))

    with pytest.raises(KeyInvalid, match="larger than"):
        load_keys(str(file))


async def test_start_fails_where_keys_cannot_be_read(tmp_path: Path) -> None:
    """A gateway does not start with keys that nobody could use."""
    issuer = IssuerKeys(str(tmp_path / "gone"), lambda _: None)

    with pytest.raises(KeyInvalid, match="No such file"):
        await issuer.start()
    await issuer.stop()


async def test_a_new_key_is_seen_without_a_restart(
    watching: tuple[IssuerKeys, list[list[str | None]]], folder: Path
) -> None:
    """Rotation is copying one file in and taking one away."""
    _, seen = watching
    assert seen == [["new", "old"]]

    (folder / "next.pem").write_bytes(pem())
    await until(lambda: seen[-1] == ["new", "next", "old"])
    (folder / "old.pem").unlink()
    await until(lambda: seen[-1] == ["new", "next"])


async def test_a_key_replaced_in_its_file_is_seen(
    watching: tuple[IssuerKeys, list[list[str | None]]], folder: Path
) -> None:
    """The content counts, whatever the file's time says."""
    issuer, seen = watching
    (folder / "old.pem").write_bytes(pem())

    await until(lambda: len(seen) == 2)
    assert issuer.problem is None


async def test_broken_keys_leave_the_last_good_ones(
    watching: tuple[IssuerKeys, list[list[str | None]]], folder: Path
) -> None:
    """A half-written file takes nobody's access away; the problem is told until it is mended."""
    issuer, seen = watching
    reported: list[str | None] = []
    issuer._report = reported.append
    good = (folder / "old.pem").read_bytes()
    (folder / "old.pem").write_bytes(good[:40])
    await until(lambda: issuer.problem is not None)
    assert "old.pem" in (issuer.problem or "")
    assert len(seen) == 1

    (folder / "old.pem").write_bytes(good)
    await until(lambda: issuer.problem is None)
    assert len(seen) == 1
    assert [problem is None for problem in reported] == [False, True]


async def test_an_unknown_kid_makes_it_look_at_once(folder: Path) -> None:
    """A token of a key that has just been added need not wait for the next look; callers share one."""
    seen: list[list[str | None]] = []
    issuer = IssuerKeys(str(folder), lambda keys: seen.append(kids(keys)))
    await issuer.start()
    issuer.least_interval_s = 0.0
    assert await issuer.look_again() is False

    (folder / "next.pem").write_bytes(pem())
    assert await asyncio.gather(*(issuer.look_again() for _ in range(5))) == [True] * 5
    assert len(seen) == 2

    (folder / "later.pem").write_bytes(pem())
    issuer.least_interval_s = 60.0
    assert await issuer.look_again() is False
    await issuer.stop()

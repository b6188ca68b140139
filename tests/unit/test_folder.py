"""The folder of policy files: strict at start, forgiving at a reload."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from proxy.policy.model import Policy
from proxy.tenants.folder import PoliciesInvalid, PolicyFolder

VALID = """\
tenant: {tenant}
database: {tenant}
login: {login}
roles:
  default:
    notes: {{select: [id]}}
"""


def write(folder: Path, tenant: str, *, name: str | None = None, login: str | None = None, more: str = "") -> Path:
    """Write a valid policy file, or one that the arguments make invalid."""
    path = folder / (name or f"{tenant}.yaml")
    path.write_text(VALID.format(tenant=tenant, login=login or f"{tenant}_edge") + more)
    return path


def faults_at_start(folder: Path) -> str:
    """Return all that is wrong at start, as one text."""
    with pytest.raises(PoliciesInvalid) as caught:
        PolicyFolder(folder).load()
    return "\n".join(caught.value.faults)


def test_every_file_is_a_tenant(tmp_path: Path) -> None:
    """Two valid files are two policies; what editors and readers leave beside them does not count."""
    write(tmp_path, "acme")
    write(tmp_path, "globex")
    write(tmp_path, "x", name=".acme.yaml.swp")
    write(tmp_path, "x", name=".x.yaml")
    (tmp_path / "README.md").write_text("no policy")
    (tmp_path / "policy.schema.json").write_text("{}")
    assert sorted(PolicyFolder(tmp_path).load()) == ["acme", "globex"]


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """A name that differs, an unreadable document, a wrong ending and a shared login: one list."""
    write(tmp_path, "acme")
    write(tmp_path, "other", name="misnamed.yaml")
    (tmp_path / "broken.yaml").write_text("[")
    (tmp_path / "latin.yaml").write_bytes(b"tenant: caf\xe9")
    write(tmp_path, "late", name="late.yml")
    write(tmp_path, "thief", login="acme_edge")
    faults = faults_at_start(tmp_path)
    for name in ("misnamed.yaml", "broken.yaml", "latin.yaml", "late.yml", "thief.yaml"):
        assert name in faults
    assert "tenant is other" in faults
    assert "login acme_edge is tenant acme's too" in faults


def test_empty_folder_is_a_fault(tmp_path: Path) -> None:
    """A gateway without a tenant serves nobody: surely a wrong folder."""
    assert "no policy file" in faults_at_start(tmp_path)


def test_missing_folder_is_a_fault(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    assert "nowhere: cannot be read" in faults_at_start(tmp_path / "nowhere")


def test_untouched_folder_has_no_news(tmp_path: Path) -> None:
    """Looking again at the same files changes nothing."""
    write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    folder.load()
    assert not folder.look()


def test_changed_file_replaces_its_policy(tmp_path: Path) -> None:
    """A valid change is in force at the next look."""
    write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    before = folder.load()["acme"]
    write(tmp_path, "acme", login="acme_other")
    changes = folder.look()
    assert [policy.login for policy in changes.loaded] == ["acme_other"]
    assert folder.policies["acme"].digest != before.digest


def test_touched_file_is_no_change(tmp_path: Path) -> None:
    """A new time stamp on the same text puts nothing in force anew."""
    path = write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    folder.load()
    os.utime(path, (1, 1))
    assert not folder.look()


def test_invalid_change_keeps_the_last_good_policy_and_is_told_once(tmp_path: Path) -> None:
    """A broken file changes nothing; it is reported at the first look and not at the second."""
    path = write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    good = folder.load()["acme"]
    path.write_text("[")
    assert list(folder.look().rejected) == [str(path)]
    assert not folder.look()
    assert folder.policies["acme"] is good


def test_mended_file_is_in_force_again(tmp_path: Path) -> None:
    """After a broken version, a good one is taken."""
    path = write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    folder.load()
    path.write_text("[")
    folder.look()
    write(tmp_path, "acme", login="acme_new")
    assert [policy.login for policy in folder.look().loaded] == ["acme_new"]


def test_fault_that_another_file_caused_goes_with_it(tmp_path: Path) -> None:
    """A file refused for sharing a login is taken, untouched, once the other file lets go of it."""
    write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    folder.load()
    write(tmp_path, "globex", login="acme_edge")
    assert folder.look().rejected
    write(tmp_path, "acme", login="acme_own")
    loaded = [policy.tenant for policy in folder.look().loaded]
    assert loaded == ["acme", "globex"]


def test_new_file_is_a_new_tenant(tmp_path: Path) -> None:
    """A tenant can be added while serving."""
    write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    folder.load()
    write(tmp_path, "globex")
    assert [policy.tenant for policy in folder.look().loaded] == ["globex"]


def test_removed_file_removes_the_tenant_after_a_moment(tmp_path: Path) -> None:
    """A file that stays away takes its tenant along; one that an editor swaps does not."""
    path = write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    folder.load()
    text = path.read_text()
    path.unlink()
    assert not folder.look().removed
    path.write_text(text)
    assert not folder.look().removed
    path.unlink()
    folder.look()
    assert [policy.tenant for policy in folder.look().removed] == ["acme"]
    assert not folder.policies


def test_vanished_folder_keeps_what_is_in_force(tmp_path: Path) -> None:
    """An unmounted disk does not lock every tenant out; it is told once."""
    inner = tmp_path / "policies"
    inner.mkdir()
    path = write(inner, "acme")
    folder = PolicyFolder(inner)
    folder.load()
    path.unlink()
    inner.rmdir()
    assert list(folder.look().rejected) == [str(inner)]
    assert not folder.look()
    assert "acme" in folder.policies


class Unwalked(dict[str, Policy]):
    """Policies by tenant that may be looked up, but not gone through."""

    def values(self) -> NoReturn:  # type: ignore[override]
        """Fail."""
        raise AssertionError("a file is held to every other one")


def test_a_file_is_read_without_a_walk_through_the_others(tmp_path: Path) -> None:
    """What one file costs does not grow with the number of files."""
    for number in range(3):
        write(tmp_path, f"tenant_{number}")
    folder = PolicyFolder(tmp_path)
    folder.policies = Unwalked()
    folder.load()
    write(tmp_path, "thief", login="tenant_1_edge")
    (faults,) = folder.look().rejected.values()
    assert "login tenant_1_edge is tenant tenant_1's too" in faults[0]


def test_login_is_free_again_once_its_tenant_is_gone_or_has_another(tmp_path: Path) -> None:
    """What was taken is not taken for ever."""
    write(tmp_path, "acme", login="first")
    gone = write(tmp_path, "globex", login="second")
    folder = PolicyFolder(tmp_path)
    folder.load()
    write(tmp_path, "acme", login="third_one")
    gone.unlink()
    folder.look()
    folder.look()
    write(tmp_path, "heir", login="first")
    write(tmp_path, "heiress", login="second")
    assert [policy.login for policy in folder.look().loaded] == ["first", "second"]


def test_progress_is_told_while_reading(tmp_path: Path) -> None:
    """Whoever waits for many files sees how far it is."""
    for number in range(3):
        write(tmp_path, f"tenant_{number}")
    told: list[str] = []
    PolicyFolder(tmp_path).load(told.append)
    assert told == ["3 of 3"]


def test_many_changed_files_are_read_in_several_looks(tmp_path: Path) -> None:
    """No look takes long, and all are in force in the end; whoever is at fault is told once."""
    for number in range(50):
        write(tmp_path, f"tenant_{number:02}")
    folder = PolicyFolder(tmp_path)
    folder.load()
    for number in range(50):
        write(tmp_path, f"tenant_{number:02}", login="tenant_00_edge" if number == 9 else f"login_{number:02}")
    looks = [*folder.poll()]
    assert max(len(look.loaded) for look in looks) <= 20
    assert sum(len(look.loaded) for look in looks) == 50
    assert not folder.look()


def test_looking_at_all_does_not_hurry_a_tenant_away(tmp_path: Path) -> None:
    """A file that an editor has taken away for a moment has its second, also at a SIGHUP."""
    write(tmp_path, "globex")
    path = write(tmp_path, "acme")
    folder = PolicyFolder(tmp_path)
    folder.load()
    path.unlink()
    assert not any(changes for _ in range(3) for changes in folder.look_at_all())
    assert "acme" in folder.policies

"""The hunt of `tests/hunt.py`, for a short while in every run of the tests.

`PROXY_TEST_FUZZ_SECONDS` says how long (30), `PROXY_TEST_FUZZ_SEED` with which
seed (any). `-m "not fuzz"` leaves it out.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import replace

import hunt
import pytest
from databases import MakeDatabase
from statement_corpus import SCHEMA

from proxy.vetting.verdict import Allowed, Denied, Touched, Verdict

SECONDS = float(os.environ.get("PROXY_TEST_FUZZ_SECONDS", "30"))
SEED = int(os.environ.get("PROXY_TEST_FUZZ_SEED") or secrets.randbelow(10**9))


@pytest.fixture
def dsn(make_database: MakeDatabase, admin_dsn: Callable[[str], str]) -> str:
    """Make a database to hunt in."""
    return admin_dsn(make_database("hunt", SCHEMA + hunt.TRAPS))


@pytest.mark.fuzz
@pytest.mark.timeout(SECONDS + 120)
async def test_no_mutant_gets_past_vetting(dsn: str) -> None:
    """Of mutants of the corpus, PostgreSQL sees in none that is allowed what the verdict does not."""
    print(f"seed {SEED}")  # noqa: T201 - shown where the test fails
    tally = await hunt.hunt(dsn, SEED, SECONDS, print)
    assert tally.findings == [], f"./run fuzz --seed {SEED} meets them again: {tally}"
    assert tally.stages["analysed"] > SECONDS


async def test_a_blind_verdict_is_found_out(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vetting that tells nothing of what it allows is found out at once, by a short statement."""

    def blind(sql: str, *about: object) -> Verdict:
        verdict = vet(sql, *about)  # type: ignore[arg-type]
        return replace(verdict, touched=Touched()) if isinstance(verdict, Allowed) else verdict

    vet = hunt.vet
    monkeypatch.setattr(hunt, "vet", blind)
    tally = await hunt.hunt(dsn, 1, 2, print)
    found = [finding.sql for finding in tally.findings if finding.fault.startswith("disagreement: reads ")]
    assert tally.disagreements >= len(found) > 0
    assert min(map(len, found)) < 60


async def test_a_failing_judge_is_found_out(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vetting that fails is a finding, not a denial like others."""

    def failing(*_about: object) -> Verdict:
        return Denied("vetting-failed", "the statement could not be judged")

    monkeypatch.setattr(hunt, "vet", failing)
    tally = await hunt.hunt(dsn, 1, 0.1, print)
    assert {finding.fault.split(":")[0] for finding in tally.findings} == {"vetting-failed"}

"""That two users of ai_calling_platform never see each other's rows nor change them, whatever they ask."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isolation import Isolation, MakeIsolation, Owner, search

SYSTEM = "ai_calling_platform"

JOHN, JANE = (Owner({"sub": user}, user) for user in ("64f8a1b2c3d4e5f6a7b8c9d0", "64f8a1b2c3d4e5f6a7b8ca00"))
OWNERS = {"users": "id", **dict.fromkeys(("agents", "phones", "calllogs", "sessions"), "user_id")}


@pytest.fixture(params=[(JOHN, JANE), (JANE, JOHN)], ids=["john", "jane"])
async def isolation(request: pytest.FixtureRequest, make_isolation: MakeIsolation) -> AsyncIterator[Isolation]:
    """Return one user beside the other; each has to have seen rows of their own, and changed some."""
    made = await make_isolation("user", *request.param, OWNERS)
    yield made
    assert made.answered
    assert made.changed


@search
@given(data=st.data())
async def test_a_user_cannot_tell_that_there_are_others(isolation: Isolation, data: st.DataObject) -> None:
    """Each table, the view, each count, error and change is as if they were alone."""
    await isolation.check(data.draw(isolation.statements()))

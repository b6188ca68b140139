"""What the vetting process does with what it is asked, without being one."""

from proxy.policy.model import Policy
from proxy.vetter.child import Kept, answer
from proxy.vetter.messages import Ask, dump, load
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Denied, Verdict

POLICY = Policy("acme", "acme", "acme_edge", {}, digest="d1")
CATALOG = Catalog({}, "v1")


def judge(sql: str, policy: Policy, role: str, catalog: Catalog) -> Verdict:
    """Deny, and say what was asked."""
    return Denied("some-rule", f"{sql} {policy.tenant} {role} {catalog.version}")


def test_policy_and_catalog_are_sent_once() -> None:
    """What is not there is asked for; once it came along, its name is enough."""
    kept = Kept()
    ask = Ask("SELECT 1", "reader", "d1", "v1")
    assert answer(ask, kept, judge) is None
    whole = ask._replace(policy=dump(POLICY), catalog=dump(CATALOG))
    assert answer(whole, kept, judge) == answer(ask, kept, judge) == Denied("some-rule", "SELECT 1 acme reader v1")


def test_what_is_kept_is_bounded_by_its_size() -> None:
    """What was not asked for longest goes first, and the newest stays, however large it is."""
    pickled = dump("x" * 100)
    kept = Kept(max_bytes=2 * len(pickled))
    for name in ("a", "b"):
        kept.put(name, pickled)
    kept.get("a")
    kept.put("c", pickled)
    assert [kept.get(name) is not None for name in "abc"] == [True, False, True]
    kept.put("large", dump("y" * 1_000))
    assert kept.get("large") == "y" * 1_000
    assert kept.get("a") is None


def test_replacing_does_not_count_twice() -> None:
    """The same name put again and again leaves room for others."""
    pickled = dump("x" * 100)
    kept = Kept(max_bytes=2 * len(pickled))
    kept.put("other", pickled)
    for _ in range(10):
        kept.put("x", pickled)
    assert kept.get("other") is not None


def test_any_text_can_be_sent() -> None:
    """A lone surrogate or a NUL is a text like any other: to refuse it is for vetting."""
    ask = Ask("SELECT '\ud800\0'", "r", "d", "v")
    assert load(dump(ask)) == ask

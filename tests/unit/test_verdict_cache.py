"""Verdicts already reached."""

from proxy.vetting.cache import VerdictCache, key_of
from proxy.vetting.verdict import Denied


def denied(text: str = "no") -> Denied:
    """Make a verdict of some size."""
    return Denied("some-rule", text)


def test_texts_that_differ_by_a_space_have_keys_of_their_own() -> None:
    """Nothing about the text is normalised."""
    assert key_of("SELECT 1", "p", "r", "c") != key_of("SELECT  1", "p", "r", "c")


def test_key_holds_all_that_a_verdict_depends_on() -> None:
    """Another policy, role or catalog is another verdict."""
    keys = {key_of("x", *rest) for rest in [("p", "r", "c"), ("q", "r", "c"), ("p", "s", "c"), ("p", "r", "d")]}
    assert len(keys) == 4


def test_text_that_is_no_unicode_has_a_key() -> None:
    """A lone surrogate is no reason to fail here."""
    assert key_of("\ud800", "p", "r", "c") != key_of("\ud801", "p", "r", "c")


def test_known_verdict_is_found() -> None:
    """What was put comes back; what was not is None."""
    cache, verdict = VerdictCache(), denied()
    cache.put(key_of("x", "p", "r", "c"), verdict)
    assert cache.get(key_of("x", "p", "r", "c")) is verdict
    assert cache.get(key_of("y", "p", "r", "c")) is None


def test_memory_is_bounded_by_size_not_by_number() -> None:
    """Long entries push out as many old ones as they need room for."""
    cache = VerdictCache(max_bytes=20_000)
    for i in range(100):
        cache.put(key_of(str(i), "p", "r", "c"), denied("n" * 500))
    assert 1 <= len(cache) <= 5
    assert cache.get(key_of("99", "p", "r", "c")) is not None


def test_what_was_used_last_stays_longest() -> None:
    """The entry that goes is the one not asked for longest."""
    cache = VerdictCache(max_bytes=7_000)
    first, second, third = (key_of(name, "p", "r", "c") for name in "abc")
    for key in (first, second):
        cache.put(key, denied())
    cache.get(first)
    cache.put(third, denied())
    cache.put(key_of("d", "p", "r", "c"), denied())
    assert cache.get(first) is not None
    assert cache.get(second) is None


def test_replacing_an_entry_does_not_count_it_twice() -> None:
    """Putting the same key again and again leaves room for others."""
    cache = VerdictCache(max_bytes=7_000)
    other = key_of("other", "p", "r", "c")
    cache.put(other, denied())
    for _ in range(50):
        cache.put(key_of("x", "p", "r", "c"), denied())
    assert cache.get(other) is not None


def test_verdict_larger_than_the_cache_is_not_kept() -> None:
    """One monstrous entry does not empty the cache for nothing."""
    cache = VerdictCache(max_bytes=5_000)
    cache.put(key_of("x", "p", "r", "c"), denied())
    cache.put(key_of("y", "p", "r", "c"), denied("n" * 10_000))
    assert cache.get(key_of("x", "p", "r", "c")) is not None
    assert cache.get(key_of("y", "p", "r", "c")) is None

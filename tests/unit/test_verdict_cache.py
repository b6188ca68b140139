"""Verdicts already reached."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.vetting.cache import Key, VerdictCache, _size_of
from proxy.vetting.verdict import Denied


def denied(text: str = "no") -> Denied:
    """Make a verdict of some size."""
    return Denied("some-rule", text)


def key(text: str) -> Key:
    """Make the key of a text."""
    return text, "p", "r", "c"


def test_texts_that_differ_by_a_space_have_verdicts_of_their_own() -> None:
    """Nothing about the text is normalised."""
    cache = VerdictCache()
    cache.put(key("SELECT 1"), denied())
    assert cache.get(key("SELECT  1")) is None


def test_verdict_holds_for_all_that_it_depends_on_together() -> None:
    """Another policy, role or catalog is another verdict."""
    cache = VerdictCache()
    cache.put(("x", "p", "r", "c"), denied())
    assert [cache.get(("x", *rest)) for rest in [("q", "r", "c"), ("p", "s", "c"), ("p", "r", "d")]] == [None] * 3


def test_text_that_is_no_unicode_has_a_verdict() -> None:
    """A lone surrogate is no reason to fail here."""
    cache, verdict = VerdictCache(), denied()
    cache.put(key("\ud800"), verdict)
    assert cache.get(key("\ud800")) is verdict
    assert cache.get(key("\ud801")) is None


def test_known_verdict_is_found() -> None:
    """What was put comes back; what was not is None."""
    cache, verdict = VerdictCache(), denied()
    cache.put(key("x"), verdict)
    assert cache.get(key("x")) is verdict
    assert cache.get(key("y")) is None


def test_memory_is_bounded_by_size_not_by_number() -> None:
    """Long entries push out as many old ones as they need room for."""
    cache = VerdictCache(max_bytes=20_000)
    for i in range(100):
        cache.put(key(str(i)), denied("n" * 400))
    assert 1 <= len(cache) <= 5
    assert cache.get(key("99")) is not None


def test_text_asked_for_again_outlives_any_number_of_new_ones() -> None:
    """A flood of texts that come once pushes out itself alone."""
    cache = VerdictCache(max_bytes=30_000)
    cache.put(key("kept"), denied())
    cache.get(key("kept"))
    cache.put(key("once"), denied())
    for i in range(1_000):
        cache.put(key(str(i)), denied())
    assert cache.get(key("kept")) is not None
    assert cache.get(key("once")) is None


def test_what_is_pushed_out_of_protection_has_another_time_on_probation() -> None:
    """Texts asked for twice take each other's place, and the one that goes is not forgotten at once."""
    cache = VerdictCache(max_bytes=15_000)
    for name in "abcdef":
        cache.put(key(name), denied())
        cache.get(key(name))
    assert cache.get(key("a")) is not None


def test_replacing_an_entry_does_not_count_it_twice() -> None:
    """Putting the same key again and again leaves room for others."""
    cache = VerdictCache(max_bytes=15_000)
    cache.put(key("other"), denied())
    for _ in range(50):
        cache.put(key("x"), denied())
        cache.get(key("x"))
    assert cache.get(key("other")) is not None
    assert cache.bytes < 5_000


def test_verdict_larger_than_its_share_is_not_kept() -> None:
    """One monstrous entry does not empty the cache for nothing."""
    cache = VerdictCache(max_bytes=15_000)
    cache.put(key("x"), denied())
    cache.put(key("y"), denied("n" * 10_000))
    assert cache.get(key("x")) is not None
    assert cache.get(key("y")) is None


class Model:
    """The same cache, written down plainly: two lists, the longest unasked first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.probation: list[tuple[Key, int]] = []
        self.protected: list[tuple[Key, int]] = []

    def get(self, wanted: Key) -> bool:
        """Say whether it is there, and protect it."""
        found = [entry for entry in self.probation + self.protected if entry[0] == wanted]
        self.probation = [entry for entry in self.probation if entry[0] != wanted]
        self.protected = [entry for entry in self.protected if entry[0] != wanted] + found
        while sum(size for _, size in self.protected) > int(self.max_bytes * 0.8):
            self.probation.append(self.protected.pop(0))
        return bool(found)

    def put(self, new: Key, size: int) -> None:
        """Take it on probation."""
        if size > self.max_bytes - int(self.max_bytes * 0.8):
            return
        self.probation = [entry for entry in self.probation if entry[0] != new] + [(new, size)]
        self.protected = [entry for entry in self.protected if entry[0] != new]
        while sum(size for _, size in self.probation + self.protected) > self.max_bytes:
            self.probation.pop(0)


@given(
    st.integers(10_000, 60_000),
    st.lists(st.tuples(st.booleans(), st.integers(0, 12), st.integers(0, 1_500)), max_size=120),
)
def test_cache_does_what_its_plain_description_does(max_bytes: int, steps: list[tuple[bool, int, int]]) -> None:
    """Whatever is put and asked for, the same verdicts are there, and never more than the bytes allowed."""
    cache, model = VerdictCache(max_bytes), Model(max_bytes)
    for is_put, name, letters in steps:
        if is_put:
            verdict = denied("n" * letters)
            cache.put(key(str(name)), verdict)
            model.put(key(str(name)), _size_of(verdict) + 4 * len(str(name)))
        else:
            assert (cache.get(key(str(name))) is not None) == model.get(key(str(name)))
        assert len(cache) == len(model.probation) + len(model.protected)
        assert cache.bytes == sum(size for _, size in model.probation + model.protected) <= max_bytes


@given(st.lists(st.integers(0, 3_000), max_size=80))
def test_flood_of_new_texts_leaves_what_was_asked_for_twice(sizes: list[int]) -> None:
    """Whatever the sizes of the texts that come once, allowed or denied, the known ones stay."""
    cache = VerdictCache(max_bytes=60_000)
    known = [key(f"known {i}") for i in range(5)]
    for name in known:
        cache.put(name, denied())
        cache.get(name)
    for number, size in enumerate(sizes):
        cache.put(key(str(number)), denied("n" * size))
    assert all(cache.get(name) is not None for name in known)

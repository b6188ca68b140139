"""What holds for a while."""

from proxy.admission.expiring import Expiring


def test_entry_is_there_until_its_time_is_over() -> None:
    """It is found before, and not found from then on."""
    held: Expiring[str, int] = Expiring(for_s=5)
    held.put("a", 1, now_s=100.0)
    assert (held.get("a", 104.9), held.get("b", 104.9)) == (1, None)
    assert held.get("a", 105.0) is None


def test_putting_again_begins_anew() -> None:
    """The later value counts, for as long as any."""
    held: Expiring[str, int] = Expiring(for_s=5)
    held.put("a", 1, now_s=100.0)
    held.put("a", 2, now_s=103.0)
    assert held.get("a", 107.0) == 2


def test_full_map_forgets_the_oldest() -> None:
    """However many are put, no more than so many are held."""
    held: Expiring[int, int] = Expiring(for_s=5, limit=2)
    for number in range(3):
        held.put(number, number, now_s=100.0)
    assert [held.get(number, 101.0) for number in range(3)] == [None, 1, 2]

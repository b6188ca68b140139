"""API keys: made, found, compared, and used only while they may be."""

import re

import pytest

from proxy.errors import Refusal
from proxy.identity.keys import KeyRecord, KeyRing, generate_key, hash_key, parse_key_id

NOW = 1_763_700_000.0


def ring_with(text: str, **changes: object) -> KeyRing:
    """Return a ring that knows one key."""
    key_id = parse_key_id(text) or ""
    ring = KeyRing()
    ring.replace([KeyRecord(key_id, hash_key(text), "callmeback", "billing", **changes)])  # type: ignore[arg-type]
    return ring


def refusal_of(ring: KeyRing, text: str, now: float = NOW) -> str:
    """Return the slug of a refusal, after making sure that it does not show the key."""
    with pytest.raises(Refusal) as caught:
        ring.authenticate(text, now)
    assert len(text) < 4 or text not in repr(caught.value)
    return caught.value.error


def test_keys_are_unlike_each_other() -> None:
    """Each has its own id and secret, in the published form."""
    made = {generate_key() for _ in range(50)}

    assert len({key_id for key_id, _ in made}) == len({text for _, text in made}) == 50
    assert all(re.fullmatch(r"dbp_[a-z0-9]{12}_[A-Za-z0-9]{43}", text) for _, text in made)
    assert all(parse_key_id(text) == key_id for key_id, text in made)


def test_a_key_becomes_a_principal() -> None:
    """Tenant and role are those that it was made for; its id is its subject."""
    key_id, text = generate_key()

    principal = ring_with(text).authenticate(text, NOW)

    assert (principal.tenant, principal.role, principal.subject) == ("callmeback", "billing", key_id)
    assert (principal.kind, principal.credential_id, principal.expires_at) == ("key", key_id, None)
    assert principal.claims["sub"] == key_id


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text + "\n",
        lambda text: text.upper(),
        lambda text: text.replace("_", "-"),
        lambda text: "dbp_" + "a" * 12 + text[16:],
        lambda text: text[:16],
        lambda text: text[:-1] + "\u0660",
        lambda text: text[:-1] + "\udc80",
        lambda text: "dbp_" + text,
        lambda _: "dbp_",
        lambda _: "",
        lambda text: hash_key(text).hex(),
    ],
    ids=range(14),
)
def test_anything_but_the_key_is_refused(spoil: object) -> None:
    """A character more, less or other is another key; its hash is none."""
    _, text = generate_key()

    assert refusal_of(ring_with(text), spoil(text)) == "token-invalid"  # type: ignore[operator]


def test_an_expired_key_is_refused() -> None:
    """Keys are measured by the gateway's own clock: no leeway."""
    _, text = generate_key()
    ring = ring_with(text, expires_at=NOW)

    assert ring.authenticate(text, NOW - 0.001)
    assert refusal_of(ring, text) == "token-expired"


def test_a_revoked_key_is_refused_and_says_so_only_to_its_holder() -> None:
    """Who has the id alone learns nothing of its state."""
    _, text = generate_key()
    ring = ring_with(text, revoked_at=NOW - 1)

    assert refusal_of(ring, text) == "token-revoked"
    assert refusal_of(ring, text[:-1] + ("a" if text[-1] != "a" else "b")) == "token-invalid"


def test_a_key_that_is_gone_is_refused() -> None:
    """The ring holds what it was last given, and nothing from before."""
    _, text = generate_key()
    ring = ring_with(text)
    ring.replace([])

    assert refusal_of(ring, text) == "token-invalid"


def test_uses_are_noted_and_taken_once() -> None:
    """Only keys that were let in count as used."""
    key_id, text = generate_key()
    ring = ring_with(text)
    ring.authenticate(text, NOW)
    ring.authenticate(text, NOW + 5)
    refusal_of(ring, text[:-2])

    assert ring.take_used() == {key_id: NOW + 5}
    assert ring.take_used() == {}

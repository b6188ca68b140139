"""The authenticator: tokens and keys by one question, remembered but never longer than they hold."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode

import pytest

from proxy.errors import Refusal
from proxy.identity.authenticator import Authenticator
from proxy.identity.keys import KeyRecord, KeyRing, generate_key, hash_key
from proxy.identity.principal import Principal
from proxy.identity.revocations import Revocations
from proxy.identity.tokens import TokenVerifier

NOW = 1_763_700_000.0
SECRET = b"correct-horse-battery-staple-0123456789"
OTHER_SECRET = b"another-horse-battery-staple-0123456789"


class CountingVerifier(TokenVerifier):
    """A verifier that counts how often it is asked."""

    asked = 0

    def verify(self, token: str, now: float) -> Principal:
        """Count, then verify."""
        self.asked += 1
        return super().verify(token, now)


def token(secret: bytes = SECRET, **claims: object) -> str:
    """Make a token that holds for ten minutes."""
    said = {"sub": "u", "tenant": "t", "exp": NOW + 600, **claims}
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, said)]
    signed = b".".join(parts)
    return b".".join([signed, urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")]).decode()


def refusal_of(authenticator: Authenticator, text: str, now: float = NOW) -> str:
    """Return the slug of a refusal."""
    with pytest.raises(Refusal) as caught:
        authenticator.authenticate(text, now)
    return caught.value.error


@pytest.fixture
def verifier() -> CountingVerifier:
    """Make a verifier by secret."""
    return CountingVerifier(SECRET)


@pytest.fixture
def revocations() -> Revocations:
    """Make an empty view that has been loaded."""
    return Revocations(required=False)


@pytest.fixture
def authenticator(verifier: CountingVerifier, revocations: Revocations) -> Authenticator:
    """Make an authenticator without keys."""
    return Authenticator(verifier, KeyRing(), revocations)


def test_a_token_is_verified_once(authenticator: Authenticator, verifier: CountingVerifier) -> None:
    """The second time it is known; another token is another question."""
    first = authenticator.authenticate(token(), NOW)
    assert authenticator.authenticate(token(), NOW + 1) is first
    assert verifier.asked == 1

    authenticator.authenticate(token(sub="v"), NOW)
    assert verifier.asked == 2


def test_a_known_token_still_expires(authenticator: Authenticator) -> None:
    """Knowing a token does not stretch its time: leeway, and not a moment more."""
    authenticator.authenticate(token(), NOW)

    assert authenticator.authenticate(token(), NOW + 629.9)
    assert refusal_of(authenticator, token(), NOW + 630) == "token-expired"
    assert refusal_of(authenticator, token(), NOW + 630) == "token-expired"


def test_a_known_token_is_revoked_at_once(authenticator: Authenticator, revocations: Revocations) -> None:
    """Revocation is asked on every call, and of this token alone."""
    authenticator.authenticate(token(jti="a"), NOW)
    revocations.replace({"a": None})

    assert refusal_of(authenticator, token(jti="a")) == "token-revoked"
    assert authenticator.authenticate(token(jti="b"), NOW)
    assert authenticator.authenticate(token(), NOW)


def test_a_revoked_token_that_was_never_seen_is_refused(authenticator: Authenticator, revocations: Revocations) -> None:
    """The first sight asks too."""
    revocations.replace({"a": NOW + 600})

    assert refusal_of(authenticator, token(jti="a")) == "token-revoked"


def test_refusals_are_not_remembered(authenticator: Authenticator, verifier: CountingVerifier) -> None:
    """Wrong tokens cannot fill the memory."""
    for _ in range(3):
        assert refusal_of(authenticator, token(OTHER_SECRET)) == "token-invalid"

    assert verifier.asked == 3
    assert len(authenticator._known) == 0


def test_new_keys_make_old_answers_void(authenticator: Authenticator) -> None:
    """A token of a key that was taken away is no longer known."""
    authenticator.authenticate(token(), NOW)
    authenticator.replace_verifier(TokenVerifier(OTHER_SECRET))

    assert refusal_of(authenticator, token()) == "token-invalid"
    assert authenticator.authenticate(token(OTHER_SECRET), NOW)


def test_what_is_remembered_is_bounded_by_count(verifier: CountingVerifier, revocations: Revocations) -> None:
    """The longest unused goes first."""
    small = Authenticator(verifier, KeyRing(), revocations, max_tokens=2)
    for subject in ("a", "b", "a", "c"):
        small.authenticate(token(sub=subject), NOW)
    assert verifier.asked == 3

    small.authenticate(token(sub="a"), NOW)
    assert verifier.asked == 3
    small.authenticate(token(sub="b"), NOW)
    assert verifier.asked == 4


def test_what_is_remembered_is_bounded_by_bytes(verifier: CountingVerifier, revocations: Revocations) -> None:
    """Large tokens push out more; the count of bytes returns to where it was."""
    small = Authenticator(verifier, KeyRing(), revocations, max_bytes=50_000)
    for number in range(20):
        small.authenticate(token(sub=str(number), pad="x" * 2000), NOW)

    assert 1 <= len(small._known) <= 3
    assert 0 < small._bytes <= 50_000
    small.replace_verifier(verifier)
    assert small._bytes == 0


def test_nobody_is_let_in_before_revocations_are_loaded(verifier: CountingVerifier) -> None:
    """A gateway that does not know what was revoked does not serve."""
    revocations = Revocations(required=True)
    ring = KeyRing()
    key_id, key = generate_key()
    ring.replace([KeyRecord(key_id, hash_key(key), "t", "r")])
    authenticator = Authenticator(verifier, ring, revocations)

    assert refusal_of(authenticator, token()) == "database-unavailable"
    assert refusal_of(authenticator, key) == "database-unavailable"

    revocations.replace({})
    assert authenticator.authenticate(token(), NOW).kind == "jwt"
    assert authenticator.authenticate(key, NOW).kind == "key"


@pytest.mark.parametrize("text", ["", "x", "dbp_", "dbp_x", "a.b.c", "\udc80", "é" * 9000, "x" * 9000, "\0"])
def test_any_other_text_is_refused(authenticator: Authenticator, text: str) -> None:
    """Nothing but a refusal comes of it."""
    assert refusal_of(authenticator, text) == "token-invalid"

"""`token`: make tokens without an issuer of one's own, and revoke any."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from proxy.cli.console import CommandFailed, UsageError, add_json, add_subcommand, print_json, subcommands
from proxy.cli.credentials import duration_s, name, read_settings, show_moment, with_store
from proxy.errors import Refusal
from proxy.identity.claims import DEFAULT_ROLE, LAST_SECOND, Expected, believe
from proxy.identity.keys import PREFIX
from proxy.identity.minting import PrivateKey, mint_token, new_claims
from proxy.identity.signing_keys import KeyInvalid
from proxy.identity.tokens import LARGEST_TOKEN_BYTES, peek_claims
from proxy.settings import Settings

DESCRIPTION = "A token (a JWT) says for whom a request speaks: a tenant, a role of its policy file, a subject."

MINT = """\
Prints a new token, alone on the last line. It is signed with PROXY_JWT_SECRET,
or with the private key of --key, whose public half the gateway knows by its
kid (PROXY_JWT_KEYS). Every token gets a jti, so that it can be revoked.

examples:
  database-proxy token mint --tenant callmeback --role persona-manager
  database-proxy token mint --tenant callmeback --role call-orchestrator \\
      --subject 6f1c… --ttl 15m --claim plan=gold --claim 'seats:=5'
  database-proxy token mint --tenant callmeback --key issuer.pem --kid 2025-11
  curl -H "Authorization: Bearer $(database-proxy token mint --tenant callmeback)" …"""

REVOKE = """\
Refuses a token on every gateway within a second, for good. Name it by its jti,
or give the whole token; - reads it from standard input, where no list of
processes shows it. Needs PROXY_CONTROL_URL.

examples:
  database-proxy token revoke 0b6f3c7de7a14f0e9a0a3f6f0f6f7b1c
  database-proxy token revoke - < token.txt"""

# Said by options of their own, or by the clock.
_NOT_BY_CLAIM = {"tenant": "--tenant", "role": "--role", "exp": "--ttl", "iat": "the clock"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    parser.description = DESCRIPTION
    group = subcommands(parser)
    mint = add_subcommand(group, "mint", "make a token", description=MINT)
    mint.add_argument("--tenant", required=True, type=name, help="the tenant: the name of a policy file")
    mint.add_argument("--role", default=DEFAULT_ROLE, type=name, help=f"a role of that file (default: {DEFAULT_ROLE})")
    mint.add_argument("--subject", type=name, help="the claim sub: who in the tenant (default: the tenant)")
    mint.add_argument("--ttl", default="1h", type=duration_s, help="how long it holds: 90s, 15m, 1h, 30d (default: 1h)")
    mint.add_argument(
        "--claim",
        action="append",
        default=[],
        type=_claim,
        metavar="NAME=VALUE",
        help="another claim, a text; NAME:=JSON for a number, a list or the like; may be repeated",
    )
    mint.add_argument("--jti", type=name, help="its own name (default: a random one)")
    mint.add_argument("--key", type=Path, metavar="FILE", help="a private key in PEM: RSA, P-256 or Ed25519")
    mint.add_argument("--kid", type=name, help="the key's name in the gateway (default: FILE without its ending)")
    mint.add_argument("--alg", choices=("HS256", "RS256", "ES256", "EdDSA"), help="the algorithm; follows from the key")
    add_json(mint)
    mint.set_defaults(run=run_mint)
    revoke = add_subcommand(group, "revoke", "refuse a token from now on", description=REVOKE)
    revoke.add_argument("token", metavar="JTI|TOKEN|-", help="the token's jti, the token, or - for standard input")
    revoke.set_defaults(run=run_revoke)


def run_mint(arguments: argparse.Namespace) -> int:
    """Print a token."""
    settings = read_settings()
    said = {
        "sub": arguments.subject,
        "jti": arguments.jti,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
    }
    more = {claim: value for claim, value in said.items() if value is not None} | dict(arguments.claim)
    now = time.time()
    claims = new_claims(arguments.tenant, arguments.role, now, arguments.ttl, more)
    _check(claims, settings, now)
    token = _sign(claims, arguments, settings)
    if len(token) > LARGEST_TOKEN_BYTES:
        raise CommandFailed(f"the token has {len(token)} bytes; the gateway takes {LARGEST_TOKEN_BYTES} at most")
    if arguments.json:
        print_json({"token": token, "claims": claims})
    else:
        print(f"jti {claims['jti']}, expires {show_moment(claims['exp'])}", file=sys.stderr)
        print(token)
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revoke a token by what names it."""
    jti, expires_at = _identify(sys.stdin.read().strip() if arguments.token == "-" else arguments.token)  # noqa: S105
    new = with_store(lambda store: store.revoke_token(jti, expires_at))
    print(f"revoked: {jti}" if new else f"was revoked before: {jti}")
    return 0


def _claim(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE` or `NAME:=JSON`: the type of an argument."""
    claim, equals, value = text.partition("=")
    as_json = claim.endswith(":")
    claim = claim.removesuffix(":")
    if not equals or not claim:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    if claim in _NOT_BY_CLAIM:
        raise argparse.ArgumentTypeError(f"{claim} is set by {_NOT_BY_CLAIM[claim]}")
    try:
        return claim, json.loads(value) if as_json else value
    except ValueError:
        raise argparse.ArgumentTypeError(f"what follows {claim}:= is no JSON; a text takes = alone") from None


def _check(claims: dict[str, Any], settings: Settings, now: float) -> None:
    """Refuse to make what the gateway would refuse."""
    try:
        believe(claims, Expected(settings.jwt_issuer, settings.jwt_audience), now)
    except Refusal as refusal:
        raise CommandFailed("the gateway would refuse this token", refusal.hint) from None


def _sign(claims: dict[str, Any], arguments: argparse.Namespace, settings: Settings) -> str:
    if arguments.key is not None:
        return _sign_by_key(claims, arguments)
    if arguments.kid is not None:
        raise UsageError("--kid names the key of --key", "leave it out to sign with PROXY_JWT_SECRET")
    if arguments.alg not in (None, "HS256"):
        raise UsageError(f"--alg {arguments.alg} needs a private key", "name its file with --key")
    if settings.jwt_secret is None:
        raise UsageError(
            "there is nothing to sign with: PROXY_JWT_SECRET is not set",
            "set it (or PROXY_JWT_SECRET_FILE) as for the gateway, or name a private key with --key",
        )
    return mint_token(claims, settings.jwt_secret)


def _sign_by_key(claims: dict[str, Any], arguments: argparse.Namespace) -> str:
    file: Path = arguments.key
    try:
        key = PrivateKey(file.read_bytes())
    except OSError as exc:
        raise CommandFailed(f"{file} cannot be read: {exc.strerror}") from None
    except KeyInvalid as exc:
        raise CommandFailed(f"{file} {exc}") from None
    if arguments.alg not in (None, key.algorithm):
        raise UsageError(f"--alg {arguments.alg} does not fit {file}, a key for {key.algorithm}")
    return key.sign(claims, arguments.kid or file.stem)


def _identify(text: str) -> tuple[str, float | None]:
    """Return the `jti` that a text is or holds, and when its token expires, if that is known."""
    if text.startswith(PREFIX):
        raise UsageError("this is an API key, not a token", "database-proxy key revoke ID")
    try:
        claims = peek_claims(text)
    except Refusal:
        return _jti_itself(text), None
    jti, expires_at = claims.get("jti"), _expiry(claims)
    if not isinstance(jti, str) or not jti.isprintable() or not jti:
        until = "" if expires_at is None else f"; it holds until {show_moment(expires_at)}"
        raise CommandFailed(
            f"this token has no jti, so it cannot be revoked alone{until}", "another secret or key ends it"
        )
    return jti, expires_at


def _jti_itself(text: str) -> str:
    if text.startswith("eyJ") and "." in text:
        raise CommandFailed("this looks like a token but cannot be read", "was it copied whole?")
    try:
        return name(text)
    except argparse.ArgumentTypeError as exc:
        raise UsageError(f"this is no jti: it {exc}") from None


def _expiry(claims: dict[str, Any]) -> float | None:
    """Return when a token says that it expires, if it says so in a way that the gateway would believe."""
    expires_at = claims.get("exp")
    if isinstance(expires_at, int | float) and 0 <= expires_at <= LAST_SECOND:
        return float(expires_at)
    return None

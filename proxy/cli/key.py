"""`key`: API keys, for services that have no tokens."""

import argparse
import sys
import time

from proxy.cli.console import CommandFailed, add_json, add_subcommand, print_json, subcommands
from proxy.cli.credentials import duration_s, name, show_moment, with_store
from proxy.identity.keys import KeyRecord, parse_key_id

DESCRIPTION = """\
An API key stands for one tenant and one role, like a token, but is kept in the
control database (PROXY_CONTROL_URL) and holds until it is revoked or expires.
A service sends it as it would send a token: Authorization: Bearer dbp_…"""

CREATE = """\
Prints a new key, alone on the last line and only this once: only its SHA-256 is stored.

examples:
  database-proxy key create --tenant callmeback --role billing --note "nightly invoices"
  database-proxy key create --tenant callmeback --role persona-manager --ttl 90d"""

LIST = """\
Lists every key: never its secret, but its id, whom it stands for, its state and when it was last used
(to about 15 seconds).

examples:
  database-proxy key list
  database-proxy key list --json"""

REVOKE = """\
Refuses a key on every gateway within a second, for good.

example:
  database-proxy key revoke q3v9k2m1x7ab"""

COLUMNS = ("ID", "TENANT", "ROLE", "STATE", "CREATED", "LAST USED", "EXPIRES", "NOTE")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    parser.description = DESCRIPTION
    group = subcommands(parser)
    create = add_subcommand(group, "create", "make a key", description=CREATE)
    create.add_argument("--tenant", required=True, type=name, help="the tenant: the name of a policy file")
    create.add_argument("--role", required=True, type=name, help="a role of that file")
    create.add_argument("--ttl", type=duration_s, help="how long it holds: 1h, 30d, 52w (default: until revoked)")
    create.add_argument("--note", type=name, help="what it is for; shown by key list")
    add_json(create)
    create.set_defaults(run=run_create)
    list_ = add_subcommand(group, "list", "show every key", description=LIST)
    add_json(list_)
    list_.set_defaults(run=run_list)
    revoke = add_subcommand(group, "revoke", "refuse a key from now on", description=REVOKE)
    revoke.add_argument("id", metavar="ID", help="the key's id: what stands between dbp_ and the next _")
    revoke.set_defaults(run=run_revoke)


def run_create(arguments: argparse.Namespace) -> int:
    """Print a key."""
    expires_at = None if arguments.ttl is None else time.time() + arguments.ttl
    record, text = with_store(
        lambda store: store.create_key(arguments.tenant, arguments.role, expires_at=expires_at, note=arguments.note)
    )
    if arguments.json:
        print_json({"key": text, **describe(record, time.time())})
    else:
        expiry = show_moment(record.expires_at, "never")
        print(f"id {record.id}, expires {expiry}; the key is shown this once:", file=sys.stderr)
        print(text)
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Print every key, the newest last."""
    records, now = with_store(lambda store: store.list_keys()), time.time()
    if arguments.json:
        print_json([describe(record, now) for record in records])
    elif not records:
        print("There are no keys. Make one: database-proxy key create --help", file=sys.stderr)
    else:
        _print_table([COLUMNS, *(_row(record, now) for record in records)])
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revoke a key by its id, or by its whole text."""
    key_id = parse_key_id(arguments.id) or arguments.id.removeprefix("dbp_")
    record = with_store(lambda store: store.revoke_key(key_id)) if key_id.isalnum() else None
    if record is None:
        raise CommandFailed("there is no key of this id", "database-proxy key list shows them")
    print(f"revoked: {record.id} (tenant {record.tenant}, role {record.role})")
    return 0


def state_of(record: KeyRecord, now: float) -> str:
    """Say whether a key holds: active, expired or revoked."""
    if record.revoked_at is not None:
        return "revoked"
    return "expired" if record.expires_at is not None and now >= record.expires_at else "active"


def describe(record: KeyRecord, now: float) -> dict[str, str | None]:
    """Return what `--json` shows of a key: everything but its hash. Times are ISO 8601 in UTC, or null."""
    moments = {
        "createdAt": record.created_at,
        "expiresAt": record.expires_at,
        "lastUsedAt": record.last_used_at,
        "revokedAt": record.revoked_at,
    }
    return {
        "id": record.id,
        "tenant": record.tenant,
        "role": record.role,
        "state": state_of(record, now),
        "note": record.note,
        **{field: None if at is None else show_moment(at) for field, at in moments.items()},
    }


def _row(record: KeyRecord, now: float) -> tuple[str, ...]:
    cells = (
        record.id,
        record.tenant,
        record.role,
        state_of(record, now),
        show_moment(record.created_at),
        show_moment(record.last_used_at, "never"),
        show_moment(record.expires_at, "never"),
        record.note or "",
    )
    # A row may have been written by hand: no terminal acts on what it holds.
    return tuple("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

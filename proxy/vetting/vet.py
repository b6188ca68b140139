"""Text → verdict: the rules in their order, and the one place where an `Allowed` is made."""

from hashlib import blake2b

from proxy.policy.model import Policy
from proxy.vetting.catalog import Catalog
from proxy.vetting.denial import Denial
from proxy.vetting.grammar import parse
from proxy.vetting.grants import Grants, grants_of
from proxy.vetting.lexer import Token, tokenize
from proxy.vetting.resolver import resolve
from proxy.vetting.rules import USE_RULES
from proxy.vetting.rules.regenerated_faithfully import regenerated_faithfully
from proxy.vetting.rules.single_statement import single_statement
from proxy.vetting.rules.statement_kind import statement_kind
from proxy.vetting.rules.statement_size import nesting, statement_size
from proxy.vetting.rules.text_plain import text_plain
from proxy.vetting.spelling import spell
from proxy.vetting.statement import Uses
from proxy.vetting.verdict import Allowed, Denied, Touched, Verdict


def vet(sql: str, policy: Policy, role: str, catalog: Catalog | None = None) -> Verdict:
    """Judge one statement for one role of a policy.

    Every way out is a verdict: whatever cannot be judged is denied. Without a
    catalog only the policy's own column lists are known, which is enough to
    explain and to test a policy; what runs is judged with one.
    """
    fingerprint = ""
    try:
        known = policy.roles.get(role)
        if known is None:
            return Denied(
                "role-known", "the policy has no such role", hint="Ask for a token with a role of the policy."
            )
        text_plain(sql)
        statement_size(sql, policy.limits.statement_bytes)
        tokens = tokenize(sql)
        nesting(tokens)
        fingerprint = _fingerprint(tokens)
        tokens = single_statement(tokens)
        statement_kind(tokens)
        named = any(statement.sql.strip() == sql.strip() and role in statement.to for statement in policy.statements)
        return _judge(tokens, fingerprint, sql, policy, grants_of(policy, known, catalog), named=named)
    except Denial as denial:
        return _denied(denial, sql, fingerprint)
    except RecursionError:
        return Denied("statement-size", "the statement nests too deep", fingerprint=fingerprint)
    except Exception as exc:  # noqa: BLE001 - what vetting cannot judge must not run
        return Denied(
            "vetting-failed",
            "the statement could not be judged",
            detail=type(exc).__name__,
            hint="This is a gap in the gateway: please report the statement's shape.",
            fingerprint=fingerprint,
        )


def _judge(  # noqa: PLR0913 - what a judgement rests on
    tokens: list[Token], fingerprint: str, sql: str, policy: Policy, grants: Grants, *, named: bool
) -> Verdict:
    statement = resolve(parse(tokens), grants)
    violations = [violation for rule in USE_RULES for violation in rule(statement, grants)]
    # What no policy can allow goes first: neither a named statement nor mode `observe` lets it through.
    violations.sort(key=lambda violation: not violation.final)
    violation = violations[0] if violations and (violations[0].final or not named) else None
    if violation is not None and (violation.final or policy.mode == "enforce"):
        return _denied(violation, sql, fingerprint)
    text = spell(statement.tree)
    regenerated_faithfully(tokens, text, statement)
    return Allowed(
        sql=text,
        command=statement.command,
        writes=statement.writes,
        parameter_count=statement.parameter_count,
        fingerprint=fingerprint,
        touched=_touched(statement.uses),
        observed=None if violation is None else _denied(violation, sql, fingerprint),
    )


def _fingerprint(tokens: list[Token]) -> str:
    """Name a statement's shape: its tokens without their values."""
    shape = "\0".join(token.kind if token.kind in {"string", "number"} else token.text for token in tokens)
    return blake2b(shape.encode(), digest_size=8).hexdigest()


def _denied(denial: Denial, sql: str, fingerprint: str) -> Denied:
    return Denied(
        rule=denial.rule,
        message=denial.message,
        code=denial.code,
        detail=None if denial.at is None else _place(sql, denial.at),
        hint=denial.hint,
        position=None if denial.at is None else denial.at + 1,
        syntax=denial.syntax,
        fingerprint=fingerprint,
    )


def _place(sql: str, offset: int) -> str:
    line = sql.count("\n", 0, offset) + 1
    column = offset - (sql.rfind("\n", 0, offset) + 1) + 1
    return f"line {line}, column {column}"


def _touched(uses: Uses) -> Touched:
    touched = Touched(
        deletes=frozenset(use.table for use in uses.tables if use.kind == "delete"),
        locks=frozenset(use.table for use in uses.tables if use.kind == "lock"),
        unbounded=frozenset(use.table for use in uses.tables if use.kind.startswith("unbounded")),
        functions=frozenset(str(use) for use in uses.functions),
        types=frozenset(f"{use.schema}.{use.name}" for use in uses.types),
    )
    into = {"select": touched.reads, "insert": touched.inserts, "update": touched.updates}
    for verb, table, column, _ in uses.columns:
        columns = into[verb]
        columns[table] = columns.get(table, frozenset()) | ({column} if column is not None else frozenset())
    return touched

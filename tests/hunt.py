"""The hunt: mutants of the corpus are vetted, and what vetting allows is read by PostgreSQL's own analysis.

    ./run fuzz [--seconds N] [--seed S]

A finding is a statement on which vetting failed or called itself unfaithful,
whose regenerated text does not regenerate to itself, of which PostgreSQL
touches more than the verdict says, or to which PostgreSQL gives another
meaning before than after. The same seed meets the same mutants in the same
order on the same PostgreSQL; a finding is cut down to its least and printed.
Exit status: 0; 1 where there is a finding; 2 for wrong usage.
"""

import argparse
import asyncio
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

import asyncpg
import yaml
from mutations import Material, Words, material_of, mutant, text_of, words_of
from statement_corpus import SCHEMA, allowed_cases, attacks, corpus_policy, denied_cases

from proxy.database.analyse import Analyst
from proxy.database.catalog import load_catalog
from proxy.embedded import Cluster, find_binaries
from proxy.policy.model import Columns, Grant, Policy, Role, TableName
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.second_reading import disagreements
from proxy.vetting.verdict import Allowed, Denied

# Where functions are made of statements, to compare what they mean.
MEANINGS = "meanings"
# On top of the corpus: names that stand for two things, and functions that a column's absence would call.
TRAPS = f"""
CREATE SCHEMA {MEANINGS};
CREATE TABLE excluded (id int PRIMARY KEY, excluded int, old text, new text, hidden text);
CREATE TABLE value (id int PRIMARY KEY, value jsonb, key text, calls int, hidden text);
CREATE TABLE lower (lower text, count int, "cte 1" int, hidden text);
CREATE TABLE "cte 1" (id int, name text, hidden text);
CREATE TABLE heirs (share int) INHERITS (value);
CREATE FUNCTION name(agents) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.password_hash';
CREATE FUNCTION status(agents) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.password_hash';
CREATE FUNCTION id(anyelement) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION call_id(calls) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.recording_key';
CREATE FUNCTION lower(text, int DEFAULT 1) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION value(json) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION count(calls) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint';
"""
SESSION = """
SET log_min_messages = fatal;
SET search_path = pg_catalog, public, pg_temp;
SET timezone = 'UTC';
SET statement_timeout = '5s';
"""
ROLES = ("hunted", "hunted", "agent", "reader", "shop-writer")
# The rules by which vetting itself says that it has a gap.
GAPS = frozenset({"vetting-failed", "regenerated-faithfully"})
# Functions and types get their schemas in writing; PostgreSQL may then find none that fits.
_NOT_FOUND = frozenset({"42883", "42704", "42725"})
_NO_MEANING = ("must have an alias", "arguments of type record", "arguments of type record[]")
_MOST_OF_A_KIND = 4
_FAMILY, _MOST_WORDS_OF_A_PARENT = 4_000, 90
_SEEDS = Path(__file__).parent / "seeds"

# Of PostgreSQL's trees, what regenerating may change: aliases, NATURAL written out as USING; places (PostgreSQL 15).
_TOKEN = r"(?:\\.|[^\s\\(){}])+"
_LOOSE = re.compile(
    rf":location -?\d+|:ctename {_TOKEN}"
    rf"|:(?:alias|eref) (?:<>|\{{ALIAS :aliasname {_TOKEN} :colnames (?:<>|\((?:{_TOKEN} ?)*\))\}})"
)


class Judged(NamedTuple):
    """How far a mutant came, and what is wrong with its verdict."""

    stage: Literal["denied", "seen", "refused", "analysed"]
    fault: str | None = None


class Finding(NamedTuple):
    """What is wrong, and the least statement that shows it."""

    fault: str
    sql: str
    role: str

    def __str__(self) -> str:
        """Tell it, with the statement as a Python string."""
        return f"{self.fault}\n    role {self.role}: {self.sql!r}"


@dataclass
class Tally:
    """What a hunt saw."""

    stages: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    disagreements: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def mutants(self) -> int:
        """How many mutants were tried."""
        return self.stages.total()

    def __str__(self) -> str:
        """Tell it in one line."""
        allowed = self.mutants - self.stages["denied"]
        return (
            f"{self.mutants:,} mutants tried, {allowed:,} allowed, {self.stages['analysed']:,} analysed,"
            f" {self.stages['refused']:,} refused by PostgreSQL, {self.stages['seen']:,} known already;"
            f" {self.disagreements:,} disagreements, {len(self.findings):,} findings;"
            f" {self.mutants / max(self.seconds, 1e-9):,.0f} mutants/s"
        )


class Judge:
    """Judges statements in a database that has `SCHEMA` and `TRAPS`; both connections are a `SESSION`."""

    def __init__(self, connection: asyncpg.Connection, analyst: Analyst, catalog: Catalog) -> None:
        self._connection = connection
        self._analyst = analyst
        self._catalog = catalog
        self._policy = hunted_policy()
        self._roomy = replace(self._policy, limits=replace(self._policy.limits, statement_bytes=10**6))
        self._seen: set[int] = set()

    async def judge(self, sql: str, role: str, *, again: bool = False) -> Judged:
        """Vet a statement and look for what is wrong; a regenerated text is looked at once, or `again`."""
        verdict = vet(sql, self._policy, role, self._catalog)
        if isinstance(verdict, Denied):
            gap = f"{verdict.rule}: {verdict.message} {verdict.detail or ''}" if verdict.rule in GAPS else None
            return Judged("denied", gap)
        if hash(verdict.sql) in self._seen and not again:
            return Judged("seen")
        self._seen.add(hash(verdict.sql))
        try:
            reading = await self._analyst.read(verdict.sql)
        except asyncpg.PostgresError as error:
            return Judged("refused", self._not_a_fixpoint(verdict, role) or await self._refused(sql, error))
        beyond = "; ".join(disagreements(verdict.touched, reading))
        if beyond:
            return Judged("analysed", f"disagreement: {beyond}")
        return Judged("analysed", self._not_a_fixpoint(verdict, role) or await self._another_meaning(sql, verdict))

    def _not_a_fixpoint(self, verdict: Allowed, role: str) -> str | None:
        again = vet(verdict.sql, self._roomy, role, self._catalog)
        if isinstance(again, Denied):
            return f"regenerated, it is denied: {again.rule}: {again.message}"
        if again.sql != verdict.sql:
            return "regenerated twice, it is another text"
        return "regenerated, it touches something else" if again.touched != verdict.touched else None

    async def _refused(self, sql: str, error: asyncpg.PostgresError) -> str | None:
        """Say so where PostgreSQL would have taken the caller's text."""
        if error.sqlstate in _NOT_FOUND:
            return None
        try:
            await meanings(self._connection, sql)
        except asyncpg.PostgresError:
            return None
        return f"PostgreSQL takes it, but not regenerated: {error.sqlstate} {error.args[0]}"

    async def _another_meaning(self, sql: str, verdict: Allowed) -> str | None:
        try:
            written, regenerated = await meanings(self._connection, sql, verdict.sql)
        except asyncpg.PostgresError as error:
            # 42P19: FOR UPDATE OF x counts as a use of a common table expression x.
            # PostgreSQL 15 wants an alias for each subquery; ours have one.
            # A parameter may be a record (`(1, 2) = $1`); the function that shows the meaning cannot have one.
            if error.sqlstate in _NOT_FOUND | {"42P19"} or error.args[0].endswith(_NO_MEANING):
                return None
            # RECURSIVE takes the table of an INSERT for a common table expression of that name, and reads that one
            # first: a parameter in both gets its type from the other one of the two.
            if error.sqlstate == "42804" and _is_recursive(sql):
                return None
            return f"PostgreSQL refuses it as written: {error.sqlstate} {error.args[0]}"
        # RECURSIVE lets PostgreSQL put common table expressions in another order, by names that might be meant.
        order = sorted if _is_recursive(sql) else list
        same = order(written.split()) == order(regenerated.split())
        return None if same else "it means something else regenerated"


class Hunt:
    """Mutants of the corpus, and mutants of those that PostgreSQL knows too, before a judge."""

    def __init__(self, connection: asyncpg.Connection, analyst: Analyst, catalog: Catalog, seed: int) -> None:
        self._judge = Judge(connection, analyst, catalog)
        self._material = material(catalog)
        self._random = Random(seed)  # noqa: S311 - chance that can be repeated is what is wanted
        self._family: list[tuple[Words, str]] = []
        self._tally = Tally()

    async def run(self, seconds: float, tell: Callable[[str], None] = lambda _line: None) -> Tally:
        """Hunt for a time; `tell` gets each finding as it comes, and the tally once a minute."""
        tally, started, minutes = self._tally, time.monotonic(), 0
        while tally.seconds < seconds:
            await self._one(tell)
            tally.seconds = time.monotonic() - started
            if tally.seconds // 60 > minutes:
                minutes += 1
                tell(str(tally))
        return tally

    async def _one(self, tell: Callable[[str], None]) -> None:
        parent, role = self._parent()
        sql = mutant(self._random, parent, self._material)
        stage, fault = await self._judge.judge(sql, role)
        self._tally.stages[stage] += 1
        if stage == "analysed":
            self._adopt(sql, role)
        if fault is None:
            return
        self._tally.disagreements += fault.startswith("disagreement")
        if sum(_kind(fault) == _kind(finding.fault) for finding in self._tally.findings) >= _MOST_OF_A_KIND:
            return
        found = Finding(fault, await self._shrunk(sql, role, fault), role)
        if found not in self._tally.findings:
            self._tally.findings.append(found)
            tell(f"mutant {self._tally.mutants:,}: {found}")

    def _parent(self) -> tuple[Words, str]:
        if self._family and self._random.random() < 0.6:
            return self._random.choice(self._family)
        return self._random.choice(self._material.statements), self._random.choice(ROLES)

    def _adopt(self, sql: str, role: str) -> None:
        words = words_of(sql)
        if words is None or len(words) > _MOST_WORDS_OF_A_PARENT:
            return
        if len(self._family) < _FAMILY:
            self._family.append((words, role))
        else:
            self._family[self._random.randrange(_FAMILY)] = (words, role)

    async def _shrunk(self, sql: str, role: str, fault: str) -> str:
        """Leave out words as long as the same kind of fault is found."""
        words = words_of(sql)
        if words is None or not await self._same_kind(text_of(words), role, fault):
            return sql
        width = len(words) // 2
        while width:
            for start in range(len(words) - width, -1, -1):
                less = [*words[:start], *words[start + width :]]
                if await self._same_kind(text_of(less), role, fault):
                    words = less
            width //= 2
        return text_of(words)

    async def _same_kind(self, sql: str, role: str, fault: str) -> bool:
        found = (await self._judge.judge(sql, role, again=True)).fault
        return found is not None and _kind(found) == _kind(fault)


def _is_recursive(sql: str) -> bool:
    return "recursive" in sql.lower()


def _kind(fault: str) -> str:
    """Return what findings of one cause have in common, more or less."""
    return re.sub(r'"[^"]*"|\d+', "…", fault)


async def meanings(connection: asyncpg.Connection, *texts: str) -> list[str]:
    """Return the trees that PostgreSQL makes of statements, without what regenerating may change."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        return [await _meaning(connection, f"meaning{number}", text) for number, text in enumerate(texts)]
    finally:
        await transaction.rollback()


async def _meaning(connection: asyncpg.Connection, name: str, sql: str) -> str:
    # The statement's own comment must not take the end of the body with it.
    body = sql.rstrip("; \t\n\r\f") if "--" not in sql else f"{sql}\n"
    # In SQL: asyncpg prepares nothing that has a parameter of a row type.
    await connection.execute(f"PREPARE {name} AS {body}")
    arguments = await connection.fetchval(
        "SELECT pg_catalog.array_to_string(parameter_types::text[], ', ')"
        " FROM pg_catalog.pg_prepared_statements WHERE name = $1",
        name,
    )
    await connection.execute(f"DEALLOCATE {name}")
    await connection.execute(
        f"CREATE FUNCTION {MEANINGS}.{name}({arguments}) RETURNS void LANGUAGE sql BEGIN ATOMIC {body}; END"
    )
    tree: str = await connection.fetchval(
        "SELECT prosqlbody::text FROM pg_catalog.pg_proc WHERE proname = $1 AND pronamespace = $2::regnamespace",
        name,
        MEANINGS,
    )
    return _LOOSE.sub("", tree).replace(":isNatural true", ":isNatural false")


def material(catalog: Catalog) -> Material:
    """Cut up the corpus, the hostile statements and the seeds."""
    names = {f'"{name}"' for columns in catalog.relations.values() for name in columns}
    return material_of(_statements(), (f'{table.schema}."{table.name}"' for table in catalog.relations), names)


def _statements() -> Iterator[str]:
    yield from (case.sql for case in (*allowed_cases(), *denied_cases()))
    yield from (attack["sql"] for attack in attacks())
    for path in sorted(_SEEDS.glob("*.yaml")):
        yield from (entry["sql"] for entry in yaml.safe_load(path.read_text()))


def hunted_policy() -> Policy:
    """Return the corpus's policy with a role that may do much, but never with a `hidden` column."""
    policy = corpus_policy()
    grants = dict(policy.roles["agent"].grants)
    for name, columns in _TRAP_COLUMNS.items():
        listed = Columns(names=tuple(columns.split()))
        grants[TableName("public", name)] = Grant(
            TableName("public", name), listed, listed, listed, delete=True, unbounded=True, lock=True
        )
    # Of a row there is a trap, count(calls), that PostgreSQL prefers to its own function and a verdict never does.
    types = tuple(name for name in policy.types if name != "calls")
    return replace(policy, types=types, roles={**policy.roles, "hunted": Role("hunted", grants)})


_TRAP_COLUMNS = {
    "excluded": "id excluded old new",
    "value": "id value key calls",
    "lower": "lower count",
    "cte 1": "id name",
    "heirs": "id share",
}


async def hunt(dsn: str, seed: int, seconds: float, tell: Callable[[str], None]) -> Tally:
    """Hunt on a database that has `SCHEMA` and `TRAPS`; `dsn` is its superuser's."""
    connection, analysts = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        await connection.execute(SESSION)
        await analysts.execute(SESSION)
        hunters = Hunt(connection, await Analyst.on(analysts), await load_catalog(connection), seed)
        return await hunters.run(seconds, tell)
    finally:
        await connection.close()
        await analysts.close()


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(SCHEMA + TRAPS)
    finally:
        await connection.close()


def main(arguments: list[str]) -> int:
    """Run one hunt on a PostgreSQL of its own."""
    parser = argparse.ArgumentParser(
        prog="./run fuzz",
        description="Vet mutants of the corpus and hold each allowed one to PostgreSQL's own analysis.",
        epilog="A finding is printed with the least statement that shows it. Add that to tests/corpus with its fix.",
    )
    parser.add_argument("--seconds", type=float, default=60, help="how long to hunt (default: 60)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="hunt as a hunt before did")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}, {options.seconds:g} s", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="dbp-hunt-"))
    folder.chmod(0o711)
    try:
        with Cluster(folder / "postgresql", find_binaries({}), tcp_port=0, fast=True) as cluster:
            dsn = cluster.dsn("postgres")
            asyncio.run(_prepare(dsn))
            tally = asyncio.run(hunt(dsn, options.seed, options.seconds, lambda line: print(line, flush=True)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(tally)
    return 1 if tally.findings else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

"""Statements drawn from a grammar over what one role may do: queries, and changes that aim at another owner's rows.

Queries with joins, subqueries, common table expressions, aggregates and set
operations; UPDATE, DELETE and INSERT … ON CONFLICT, with RETURNING.
"""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from isolation_queries import Drawn, Queries, Relation, Source


@st.composite
def statements(draw: st.DrawFn, relations: Sequence[Relation], calls: Sequence[str] = ()) -> Drawn:
    """Draw a statement; `calls` are expressions, with `{value}` where anybody's value goes."""
    return _Statements(draw, relations, calls).statement()


class _Statements(Queries):
    """One statement while it is drawn: a query, or a change."""

    def statement(self) -> Drawn:
        """Draw a read, or a change where the role may change anything."""
        having = self._relations.values()
        changes: list[Callable[[], Drawn]] = []
        if any(each.updatable for each in having):
            changes.append(self._update)
        if any(each.deletable for each in having):
            changes.append(self._delete)
        if any(each.insertable and each.rows for each in having):
            changes.append(self._insert)
        reads = [self.read, self.read, self.read, self.whole_rows]
        return self._one(reads if not changes or self._yes() else changes)()

    def _update(self) -> Drawn:
        relation = self._relation(lambda each: bool(each.updatable))
        target = self._as_source(relation, "t")
        source, joined = target, ""
        if self._one([False, False, True]):
            other = self._as_source(self._relation(), self._alias())
            source, joined = Source("", {**target.columns, **other.columns}), f" FROM {other.text}"
        sets = ", ".join(f"{name} = {self._new_value(relation, name)}" for name in self._some(relation.updatable))
        where, vettable = self._where(source)
        sql = f"UPDATE {relation.name} AS t SET {sets}{joined}{where}"
        return self._returning(sql, target, vettable=vettable)

    def _delete(self) -> Drawn:
        relation = self._relation(lambda each: each.deletable)
        target = self._as_source(relation, "t")
        where, vettable = self._where(target)
        return self._returning(f"DELETE FROM {relation.name} AS t{where}", target, vettable=vettable)

    def _where(self, source: Source) -> tuple[str, bool]:
        """Draw the condition of a change; vetting denies a change without one."""
        if self._one([False] * 7 + [True]):
            return "", False
        return f" WHERE {self._condition(source, 2)}", True

    def _insert(self) -> Drawn:
        relation = self._relation(lambda each: bool(each.insertable and each.rows))
        row = self._one(list(relation.rows))
        names = list(relation.insertable)
        values = [self._cell(row[name]) for name in names]
        for number in self._some(list(range(len(names)))) if self._yes() else []:
            values[number] = self._new_value(relation, names[number])
        rows = f"VALUES ({', '.join(values)})"
        if set(names) <= set(relation.columns) and self._one([False, False, False, True]):
            source = self._as_source(relation, "s")
            rows = f"SELECT {', '.join(f's.{name}' for name in names)} FROM {source.text}{self._where(source)[0]}"
        sql = f"INSERT INTO {relation.name} AS t ({', '.join(names)}) {rows}"
        return self._returning(sql + self._on_conflict(relation), self._as_source(relation, "t"))

    def _on_conflict(self, relation: Relation) -> str:
        keys = [key for key in relation.keys if set(key) <= set(relation.columns)]
        target = f" ({', '.join(self._one(keys))})" if keys else ""
        how = self._one(["", "nothing", "update"])
        if how == "update" and target and relation.updatable:
            changed = self._one(list(relation.updatable))
            to = f"excluded.{changed}" if changed in relation.columns else self._new_value(relation, changed)
            return f" ON CONFLICT{target} DO UPDATE SET {changed} = {to}"
        return f" ON CONFLICT{target} DO NOTHING" if how else ""

    def _returning(self, sql: str, target: Source, *, vettable: bool = True) -> Drawn:
        if not target.columns:
            return Drawn(sql, writes=True, vettable=vettable)
        labelled = {f"c{number}": name for number, name in enumerate(self._some(list(target.columns)))}
        items = ", ".join(f"{name} AS {label}" for label, name in labelled.items())
        match self._one(["", "returning", "with", "join"]):
            case "":
                return Drawn(sql, writes=True, vettable=vettable)
            case "returning":
                return Drawn(f"{sql} RETURNING {items}", writes=True, vettable=vettable)
            case "with":
                wrapped = f"WITH w AS ({sql} RETURNING {items}) SELECT {', '.join(labelled)} FROM w"
                return Drawn(wrapped, writes=True, vettable=vettable)
        other = self._as_source(self._relation(), "o")
        read = ", ".join([*labelled, f"{self._one(list(other.columns))} AS d0"])
        on = self._condition(other, 0)
        joined = f"WITH w AS ({sql} RETURNING {items}) SELECT {read} FROM w JOIN {other.text} ON {on}"
        return Drawn(joined, writes=True, vettable=vettable)

    def _new_value(self, relation: Relation, name: str) -> str:
        values = [row[name] for row in relation.rows if name in row]
        return self._cell(self._one(values)) if values else "DEFAULT"

"""Definitions compared by what they mean: a server writes an expression otherwise than it was given, once.

``CHECK (kind IN ('a', 'b'))`` is stored as a tree and written as ``= ANY (ARRAY[…])``; what is read back from
that text is the same condition as another tree, with another text, which is stable from then on. So the text
that the target should have is the source's after one round trip through the target itself: objects of that
definition are made in the target's temporary schema, read, and rolled back. Nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from engines.postgres.catalog.schema_objects import ObjectKey, Objects
from engines.postgres.session import PostgresError, Session

_NAME = r'(?:"(?:[^"]|"")*"|[^".\s(]+)'
_INDEX = re.compile(
    rf"^(?P<head>CREATE (?:UNIQUE )?INDEX {_NAME} ON (?:ONLY )?)(?P<table>{_NAME}\.{_NAME})(?P<tail> .*)$",
    re.S,
)
_IDENTIFIERS = re.compile(rf"({_NAME})(?:\.|$)")
_SCRATCH = "pg_temp.bmii_scratch"
# What a server of another major version may write in another way, even where the meaning is one.
_VERSION_DEPENDENT = frozenset({"view definition", "rule"})
# What says nothing about the definition that was tried.
_ABOUT_ALL = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.LockNotAvailable)
_PATIENCE = "SET LOCAL lock_timeout = '10s'"
# How many definitions are tried at once.
_BATCH = 50

# ruff: noqa: S608 - the parts of these statements are definitions that servers wrote


@dataclass(frozen=True)
class _Trip:
    """``make`` creates something with a definition, ``read`` is the query of its text."""

    make: str
    read: str
    finish: Callable[[str], str] = str


@dataclass(frozen=True)
class Reconciled:
    """The source's objects as the target would write them.

    ``undecided`` are those of which that could not be found out, between two major versions.
    """

    objects: Objects
    undecided: tuple[ObjectKey, ...] = ()


def reconcile(target_session: Session, source: Objects, target: Objects, *, same_version: bool) -> Reconciled:
    """Return ``source`` with the target's text wherever both mean the same.

    ``target_session`` is one with the target, outside of a transaction.
    """
    differing = [
        key for key, text in source.items() if key in target and target[key] != text and key.kind in _TRIPS
    ]
    if not differing:
        return Reconciled(source)
    objects, undecided = dict(source), []
    try:
        with target_session.transaction(force_rollback=True):
            target_session.execute("SET TRANSACTION READ WRITE")
            target_session.execute(_PATIENCE)
            _require_temporary_objects(target_session)
            wanted = _travel(target_session, {key: source[key] for key in differing}, target)
            others = [key for key, text in wanted.items() if text not in (None, target[key])]
            stable = _travel(target_session, {key: target[key] for key in others}, target)
            for key, text in wanted.items():
                if text is None and not same_version and key.kind in _VERSION_DEPENDENT:
                    undecided.append(key)
                elif text is None or text not in (target[key], stable.get(key)):
                    continue
                objects[key] = target[key]
    except psycopg.errors.ReadOnlySqlTransaction:
        # A standby: what is written otherwise counts as different.
        return Reconciled(source)
    return Reconciled(objects, tuple(undecided))


def _require_temporary_objects(session: Session) -> None:
    row = session.execute("SELECT has_database_privilege(current_database(), 'TEMPORARY')").fetchone()
    if not (row and row[0]):
        database, user = session.info.dbname, session.info.user
        raise PostgresError(
            "definitions that are written in another way can only be compared with temporary objects",
            subject=database,
            remedy=f"GRANT TEMPORARY ON DATABASE {database} TO {user}.",
        )


def _travel(session: Session, texts: Mapping[ObjectKey, str], target: Objects) -> dict[ObjectKey, str | None]:
    """Return the text that the server writes for each of ``texts``; None when it does not take it."""
    found = dict.fromkeys(texts)
    known = ((key, _TRIPS[key.kind](key, text, target)) for key, text in texts.items())
    trips = [(key, trip) for key, trip in known if trip is not None]
    for start in range(0, len(trips), _BATCH):
        batch = trips[start : start + _BATCH]
        made = _make(session, [trip for _, trip in batch])
        if None in made:  # one of them was refused, and those after it were not tried
            made = [text for _, trip in batch for text in _make(session, [trip])]
        found |= {key: text for (key, _), text in zip(batch, made, strict=True)}
    return found


def _make(session: Session, trips: Sequence[_Trip]) -> list[str | None]:
    """Make and read each, all in one message; return None for all when one is refused."""
    steps = (
        f"SAVEPOINT bmii_scratch; {one.make}; {one.read}; ROLLBACK TO bmii_scratch; RELEASE bmii_scratch"
        for one in trips
    )
    rows: list[TupleRow | None] = []
    try:
        with session.transaction(force_rollback=True):
            cursor = session.execute(";\n".join(steps))
            more: bool | None = True
            while more:
                if cursor.description:
                    rows.append(cursor.fetchone())
                more = cursor.nextset()
    except psycopg.Error as error:
        if session.closed or session.broken or isinstance(error, _ABOUT_ALL):
            raise
        return [None for _ in trips]
    return [one.finish(str(row[0])) if row else None for one, row in zip(trips, rows, strict=True)]


def _parts(name: str) -> list[str]:
    return _IDENTIFIERS.findall(name)


def _relation(name: str) -> tuple[str, str, str]:
    """Return the schema of a relation, its name, and the rest of ``name``, each quoted as in SQL."""
    schema, relation, *rest = _parts(name)
    return schema, relation, ".".join(rest)


def _scratch_table(name: str) -> str:
    """Return the statement that makes an empty table of the same columns and name."""
    schema, relation, _ = _relation(name)
    return f"CREATE TABLE pg_temp.{relation} (LIKE {schema}.{relation});"


def _home(schema: str) -> Callable[[str], str]:
    """Return what puts a text of the temporary schema back where it came from."""
    return lambda text: re.sub(r"\bpg_temp(?:_\d+)?\.", lambda _: f"{schema}.", text)


def _constraint(key: ObjectKey, text: str, _target: Objects) -> _Trip:
    _, relation, _ = _relation(key.name)
    return _Trip(
        f"{_scratch_table(key.name)} ALTER TABLE pg_temp.{relation} ADD CONSTRAINT bmii_scratch {text}",
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'bmii_scratch'"
        " AND connamespace = pg_my_temp_schema()",
    )


def _index(_key: ObjectKey, text: str, _target: Objects) -> _Trip | None:
    match = _INDEX.match(text)
    if match is None:
        return None
    _, relation, _ = _relation(match["table"])

    def finish(made: str) -> str:
        again = _INDEX.match(made)
        return match["head"] + match["table"] + again["tail"] if again else made

    return _Trip(
        f"{_scratch_table(match['table'])} CREATE INDEX bmii_scratch ON pg_temp.{relation}{match['tail']}",
        f"SELECT pg_get_indexdef('{_SCRATCH}'::regclass)",
        finish,
    )


def _view(_key: ObjectKey, text: str, _target: Objects) -> _Trip:
    return _Trip(f"CREATE VIEW {_SCRATCH} AS {text}", f"SELECT pg_get_viewdef('{_SCRATCH}'::regclass)")


def _on_relation(
    key: ObjectKey, text: str, target: Objects, *, before: str, after: str, read: str
) -> _Trip | None:
    """Return the trip of a trigger or a rule: ``before`` and ``after`` stand around its table's name."""
    schema, relation, _ = _relation(key.name)
    definition, _, enabled = text.rpartition(" enabled ")
    place = f"{before}{schema}.{relation}{after}"
    if place not in definition:
        return None
    make = _scratch_table(key.name)
    if ObjectKey("view", f"{schema}.{relation}") in target:
        make = f"CREATE VIEW pg_temp.{relation} AS SELECT * FROM {schema}.{relation};"
    home = _home(schema)
    return _Trip(
        f"{make} {definition.replace(place, f'{before}pg_temp.{relation}{after}', 1)}",
        read.format(relation=f"pg_temp.{relation}".replace("'", "''")),
        lambda made: f"{home(made)} enabled {enabled}",
    )


def _trigger(key: ObjectKey, text: str, target: Objects) -> _Trip | None:
    read = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = '{relation}'::regclass"
    return _on_relation(key, text, target, before=" ON ", after=" ", read=read)


def _rule(key: ObjectKey, text: str, target: Objects) -> _Trip | None:
    read = (
        "SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = '{relation}'::regclass "
        "AND rulename <> '_RETURN'"
    )
    return _on_relation(key, text, target, before=" TO ", after="", read=read)


def _policy(clause: str, column: str) -> Callable[[ObjectKey, str, Objects], _Trip]:
    def trip(key: ObjectKey, text: str, _target: Objects) -> _Trip:
        _, relation, _ = _relation(key.name)
        return _Trip(
            f"{_scratch_table(key.name)} CREATE POLICY bmii_scratch ON pg_temp.{relation} {clause} ({text})",
            f"SELECT pg_get_expr({column}, polrelid) FROM pg_policy WHERE polname = 'bmii_scratch' "
            f"AND polrelid = 'pg_temp.{_literal(relation)}'::regclass",
        )

    return trip


def _default(key: ObjectKey, text: str, target: Objects) -> _Trip:
    _, relation, column = _relation(key.name)
    kind = re.search(r" generated (.)", target.get(ObjectKey("column", key.name), ""))
    change = f"ALTER {column} SET DEFAULT {text}"
    if kind:
        stored = "VIRTUAL" if kind[1] == "v" else "STORED"
        type_ = target[ObjectKey("column", key.name)].partition(" generated ")[0].removesuffix(" not null")
        change = f"DROP COLUMN {column}, ADD COLUMN {column} {type_} GENERATED ALWAYS AS ({text}) {stored}"
    return _Trip(
        f"{_scratch_table(key.name)} ALTER TABLE pg_temp.{relation} {change}",
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef "
        f"WHERE adrelid = 'pg_temp.{_literal(relation)}'::regclass",
    )


def _domain(clause: str, read: str) -> Callable[[ObjectKey, str, Objects], _Trip]:
    def trip(key: ObjectKey, text: str, _target: Objects) -> _Trip:
        schema, domain, _ = _relation(key.name)
        # The base type cannot be written in a statement that is not yet known: the server writes it.
        make = (
            f"DO $bmii_scratch$BEGIN EXECUTE (SELECT format('CREATE DOMAIN {_SCRATCH} AS %s', "
            f"format_type(typbasetype, typtypmod)) FROM pg_type "
            f"WHERE oid = '{_literal(f'{schema}.{domain}')}'::regtype); END$bmii_scratch$; "
            f"ALTER DOMAIN {_SCRATCH} {clause} {text}"
        )
        return _Trip(make, read)

    return trip


def _statistics(key: ObjectKey, text: str, _target: Objects) -> _Trip | None:
    head, (body, _, table) = f"CREATE STATISTICS {key.name} ", text.rpartition(" FROM ")
    if not body.startswith(head):
        return None
    _, relation, _ = _relation(table)

    def finish(made: str) -> str:
        body = made.rpartition(" FROM ")[0].partition("bmii_scratch ")[2]
        return f"{head}{body} FROM {table}"

    return _Trip(
        f"{_scratch_table(table)} "
        f"CREATE STATISTICS {_SCRATCH} {body.removeprefix(head)} FROM pg_temp.{relation}",
        "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxname = 'bmii_scratch' "
        "AND stxnamespace = pg_my_temp_schema()",
        finish,
    )


def _function(key: ObjectKey, text: str, _target: Objects) -> _Trip | None:
    schema, name = _parts(key.name.partition("(")[0])
    place = f"{schema}.{name}("
    if place not in text:
        return None
    return _Trip(
        text.replace(place, f"pg_temp.{name}(", 1),
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()",
        _home(schema),
    )


def _partition_key(key: ObjectKey, text: str, _target: Objects) -> _Trip:
    return _Trip(
        f"CREATE TABLE {_SCRATCH} (LIKE {key.name}) PARTITION BY {text}",
        f"SELECT pg_get_partkeydef('{_SCRATCH}'::regclass)",
    )


def _literal(name: str) -> str:
    return name.replace("'", "''")


_TRIPS: dict[str, Callable[[ObjectKey, str, Objects], _Trip | None]] = {
    "check": _constraint,
    "exclusion": _constraint,
    "index": _index,
    "view definition": _view,
    "trigger": _trigger,
    "rule": _rule,
    "policy using": _policy("USING", "polqual"),
    "policy check": _policy("WITH CHECK", "polwithcheck"),
    "default": _default,
    "domain check": _domain(
        "ADD",
        f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = '{_SCRATCH}'::regtype",
    ),
    "domain default": _domain(
        "SET DEFAULT", f"SELECT pg_get_expr(typdefaultbin, 0) FROM pg_type WHERE oid = '{_SCRATCH}'::regtype"
    ),
    "statistics": _statistics,
    "function": _function,
    "procedure": _function,
    "partition key": _partition_key,
}

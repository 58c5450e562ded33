"""Statements that keep the triggers of a table from firing while rows are copied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Name, Table
from engines.postgres.session import Session

_TRIGGERS = """
SELECT n.nspname, c.relname, t.tgname, t.tgenabled::text
FROM unnest(%s::text[], %s::text[]) AS w (schema, name)
JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
JOIN pg_trigger t ON t.tgrelid = c.oid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' ORDER BY 1, 2, 3"""
_ENABLE = {"O": "ENABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


@dataclass(frozen=True)
class TriggerSwitch:
    """Statements that switch a table's triggers off, and on again as they were."""

    off: tuple[str, ...] = ()
    on: tuple[str, ...] = ()


# Nothing is switched off.
TRIGGERS_ON = TriggerSwitch()


def read(target: Session, tables: Iterable[Table]) -> dict[Name, TriggerSwitch]:
    """Return what keeps the triggers of each of ``tables`` from firing.

    Triggers come after the rows, so there are none but when a finished copy is repaired.
    """
    found = {table.key: (table, list[tuple[str, str]]()) for table in tables}
    columns = [[name[0] for name in found], [name[1] for name in found]]
    for schema, relation, name, enabled in target.execute(_TRIGGERS, columns):
        found[schema, relation][1].append((name, enabled))
    return {
        key: TriggerSwitch(
            tuple(_alter(table, "DISABLE TRIGGER", name) for name, _ in triggers),
            tuple(_alter(table, _ENABLE[enabled], name) for name, enabled in triggers),
        )
        for key, (table, triggers) in found.items()
    }


def _alter(table: Table, verb: str, trigger: str) -> str:
    statement = sql.SQL("ALTER TABLE ONLY {} {} {}")
    return statement.format(table.identifier, sql.SQL(verb), sql.Identifier(trigger)).as_string(None)

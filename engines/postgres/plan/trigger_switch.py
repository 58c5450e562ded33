"""Statements that keep the triggers of a table from firing while rows are copied."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Table
from engines.postgres.session import Session

_TRIGGERS = """
SELECT tgname, tgenabled::text FROM pg_trigger
WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY 1"""
_ENABLE = {"O": "ENABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


@dataclass(frozen=True)
class TriggerSwitch:
    """Statements that switch a table's triggers off, and on again as they were."""

    off: tuple[str, ...] = ()
    on: tuple[str, ...] = ()


# Nothing is switched off.
TRIGGERS_ON = TriggerSwitch()


def read(target: Session, table: Table) -> TriggerSwitch:
    """Return what keeps the triggers of ``table`` from firing.

    Triggers come after the rows, so there are none but when a finished copy is repaired.
    """
    rows = target.execute(_TRIGGERS, [table.identifier.as_string(target)]).fetchall()
    return TriggerSwitch(
        tuple(_alter(table, "DISABLE TRIGGER", name) for name, _ in rows),
        tuple(_alter(table, _ENABLE[enabled], name) for name, enabled in rows),
    )


def _alter(table: Table, verb: str, trigger: str) -> str:
    statement = sql.SQL("ALTER TABLE ONLY {} {} {}")
    return statement.format(table.identifier, sql.SQL(verb), sql.Identifier(trigger)).as_string(None)

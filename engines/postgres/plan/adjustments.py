"""Where a copy departs from what pg_dump writes.

Conditions that ask other tables come after the rows; row-level security does not bind the owner of the copy
where that would keep the copy from being read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from psycopg import sql

from engines.errors import ConfigurationError
from engines.postgres.catalog import FIRST_OWN, FORCED, OWN, Name, ObjectKey, Scope
from engines.postgres.session import Session, search_path, settings

_RELATION = OWN.format(catalog="pg_class", oid="c.oid")

# ruff: noqa: S608 - the parts of these queries are constants

# A condition that calls a function may ask other tables, whose rows may come later.
_ASKING = f"""
SELECT n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid),
       format('%I.%I.%I', n.nspname, c.relname, k.conname), pg_get_expr(k.conbin, k.conrelid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND k.coninhcount = 0 AND k.convalidated AND {_RELATION} AND EXISTS (
    SELECT FROM pg_depend d
    WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refobjid >= {FIRST_OWN}
      AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid
                      AND e.deptype = 'e'))
ORDER BY k.oid"""

_FORCED = f"""
SELECT n.nspname, c.relname, format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relforcerowsecurity AND c.relrowsecurity AND {_RELATION} ORDER BY 1, 2"""

_HIDDEN = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND row_security_active(c.oid) AND {_RELATION} ORDER BY 1, 2"""


@dataclass(frozen=True)
class DeferredCheck:
    """A CHECK constraint that comes after the rows; ``key`` names it among the objects."""

    table: Name
    name: str
    definition: str
    key: ObjectKey
    expression: str

    @property
    def drop(self) -> sql.Composed:
        """The statement that takes it off."""
        statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
        return statement.format(sql.Identifier(*self.table), sql.Identifier(self.name))

    @property
    def add(self) -> sql.Composed:
        """The statement that creates it, and asks it of every row."""
        return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
            sql.Identifier(*self.table), sql.Identifier(self.name), sql.SQL(self.definition)
        )


@dataclass(frozen=True)
class ForcedRowSecurity:
    """A table whose row-level security holds for its owner too."""

    table: Name
    key: ObjectKey

    @property
    def relax(self) -> sql.Composed:
        """The statement that lets the owner see all rows."""
        return sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(sql.Identifier(*self.table))


@dataclass(frozen=True)
class Adjustments:
    """``deferred_checks`` come after the rows; ``forced`` is left off; functions expect ``search_path``.

    ``results`` are the settings that a view is filled with, as the source's sessions have them.
    """

    deferred_checks: tuple[DeferredCheck, ...] = ()
    forced: tuple[ForcedRowSecurity, ...] = ()
    search_path: str = ""
    results: Mapping[str, str] = field(default_factory=dict)

    @property
    def with_tables(self) -> tuple[sql.Composed, ...]:
        """Statements that belong into the transaction that creates the tables."""
        return (*(one.drop for one in self.deferred_checks), *(one.relax for one in self.forced))


def read(session: Session, scope: Scope, *, keep_forced: bool) -> Adjustments:
    """Return the adjustments for a copy of the database behind ``session``.

    ``keep_forced`` says that the target's user reads all rows whatever a table forces.
    """
    conditions = tuple(
        DeferredCheck((row[0], row[1]), row[2], row[3], ObjectKey("check", row[4]), row[5])
        for row in session.execute(_ASKING)
        if scope.covers(row[0], row[1])
    )
    forced = () if keep_forced else tuple(_forced(session, scope))
    return Adjustments(conditions, forced, search_path.expected(session), settings.results_of(session))


def _forced(session: Session, scope: Scope) -> Iterable[ForcedRowSecurity]:
    for schema, name, identity in session.execute(_FORCED):
        if scope.covers(schema, name):
            yield ForcedRowSecurity((schema, name), ObjectKey(FORCED, identity))


def require_all_rows(session: Session, scope: Scope) -> None:
    """Raise ``ConfigurationError`` when row-level security hides rows of the source from its user."""
    user = session.info.user
    hidden = [".".join(row) for row in session.execute(_HIDDEN) if scope.covers(row[0], row[1])]
    if hidden:
        raise ConfigurationError(
            f"row-level security would hide rows of {', '.join(hidden[:5])} from {user}",
            subject=session.info.dbname,
            remedy=f"Read with the owner of the tables; where it is forced: ALTER ROLE {user} BYPASSRLS.",
            details=hidden,
        )

"""Invalid indexes: what a concurrent build that failed, or was cut off, leaves behind.

PostgreSQL keeps such an index and maintains it, but no query uses it, and its name is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

# An index whose build is in progress is invalid too; and an index of a partitioned table is so on purpose,
# until every partition has its own.
_INVALID = """
SELECT n.nspname, c.relname, t.relname
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i'
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
ORDER BY 1, 2"""

_NAME = r'"(?:[^"]|"")+"|[\w$]+'
_BUILD = re.compile(
    r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"(?P<name>{_NAME})\s+ON\s+(?:(?P<schema>{_NAME})\.)?(?P<table>{_NAME})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Index:
    """An index by its bare names, as the catalogue has them."""

    schema: str
    name: str
    table: str

    def __str__(self) -> str:
        """The name for a statement."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def removal(self) -> str:
        """The statement that removes it without blocking anyone."""
        return f"DROP INDEX CONCURRENTLY {self};"


def quoted(name: str) -> str:
    """Return ``name`` as an identifier of SQL."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return name
    return '"' + name.replace('"', '""') + '"'


def invalid(connection: sa.Connection) -> tuple[Index, ...]:
    """Return the invalid indexes of the database."""
    rows = connection.execute(sa.text(_INVALID)).all()
    connection.commit()
    return tuple(Index(*row) for row in rows)


def built_by(sql: str, found: Iterable[Index]) -> tuple[Index, ...]:
    """Return those of ``found`` that the statements of ``sql`` build concurrently, by index and table."""
    builds = [
        (_bare(match["schema"] or ""), _bare(match["name"]), _bare(match["table"]))
        for match in _BUILD.finditer(sql)
    ]
    return tuple(
        one
        for one in found
        if (one.schema, one.name, one.table) in builds or ("", one.name, one.table) in builds
    )


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()

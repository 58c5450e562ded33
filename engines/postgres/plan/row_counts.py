"""Exact row counts: a plan that somebody approves should not say "about"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from engines.postgres.session import Address, connection

# Counting reads a table once. Beyond so many bytes in all a plan would take longer than it is worth.
LIMIT = 50 << 30


def counted(source: Address, tables: Sequence[Mapping[str, Any]], limit: int = LIMIT) -> list[dict[str, Any]]:
    """Return the entries of a plan's ``tables`` with the rows of those that move counted, in one snapshot.

    ``counted`` says of each whether its number was; it is an estimate where more than ``limit`` bytes move.
    """
    moving = [one for one in tables if one["action"] != "keep"]
    if not moving or sum(one["bytes"] for one in moving) > limit:
        return [{**one, "counted": False} for one in tables]
    rows: dict[tuple[str, str], int] = {}
    with (
        connection.session(source, read_only=True, purpose="count") as session,
        connection.snapshot(session),
    ):
        for one in moving:
            name = sql.Identifier(one["schema"], one["name"])
            found = session.execute(sql.SQL("SELECT count(*) FROM ONLY {}").format(name)).fetchone()
            rows[one["schema"], one["name"]] = int(found[0]) if found else 0
    keys = ((one["schema"], one["name"]) for one in tables)
    return [
        {**one, "rows": rows.get(key, one["rows"]), "counted": key in rows}
        for one, key in zip(tables, keys, strict=True)
    ]

"""The baseline of a database: its content at one moment, to be compared with its content later.

Before users are moved the source must still be what was copied, and the target what the upgrade left. The
target cannot be compared with the source any more by then: an upgrade rewrites values, rightly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from engines.postgres import large_objects
from engines.postgres.catalog import Name, Objects, Scope, relations, schema_objects
from engines.postgres.checksum import ALGORITHM, DatabaseSnapshot, Fingerprint, parallel_scan
from engines.postgres.session import Address, Session, connection, search_path

PURPOSE = "bmii-migrate pg_baseline"


@dataclass(frozen=True)
class Baseline:
    """Rows and checksum of each table, where each sequence stands, large objects, and objects by kind.

    All are plain data by name, without values. ``objects`` has number and digest of the definitions of each
    kind; ``large_objects`` is None where only some schemas are compared.
    """

    tables: Mapping[str, Fingerprint]
    sequences: Mapping[str, tuple[int, bool]]
    objects: Mapping[str, tuple[int, str]]
    large_objects: tuple[int, str] | None = None
    algorithm: str = ALGORITHM

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return {
            "tables": {name: [one.rows, one.checksum] for name, one in self.tables.items()},
            "sequences": {name: list(stands) for name, stands in self.sequences.items()},
            "objects": {kind: list(each) for kind, each in self.objects.items()},
            "large_objects": list(self.large_objects) if self.large_objects else None,
            "algorithm": self.algorithm,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Baseline:
        """Read what ``to_dict`` wrote."""
        several = data["large_objects"]
        return cls(
            {name: Fingerprint(int(one[0]), str(one[1])) for name, one in data["tables"].items()},
            {name: (int(one[0]), bool(one[1])) for name, one in data["sequences"].items()},
            {kind: (int(one[0]), str(one[1])) for kind, one in data["objects"].items()},
            (int(several[0]), str(several[1])) if several else None,
            str(data["algorithm"]),
        )


class Change(NamedTuple):
    """A change since the baseline: its name, a description, and as how many differences it counts."""

    name: str
    what: str
    weight: int = 1

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.name}: {self.what}"


def take(
    address: Address, *, schemas: Iterable[str] = (), exclude_tables: Iterable[str] = (), jobs: int = 2
) -> Baseline:
    """Read the baseline of a database in one snapshot. Nothing is written."""
    with (
        connection.session(address, read_only=True, purpose=PURPOSE) as session,
        connection.snapshot(session) as snapshot,
    ):
        scope = relations.scope(session, schemas, exclude_tables)
        side = DatabaseSnapshot(address, snapshot, search_path.expected(session))
        return read(session, side, scope, jobs=jobs)


def read(
    session: Session,
    side: DatabaseSnapshot,
    scope: Scope,
    *,
    jobs: int,
    known: Mapping[Name, Fingerprint] | None = None,
) -> Baseline:
    """Read it in a session that is in the snapshot of ``side``; ``known`` are fingerprints from there."""
    sequences = relations.sequences(session, scope)
    found = dict(known or {})
    tables = relations.tables(session, scope)
    lacking = [table for table in tables if table.key not in found]
    found |= parallel_scan.fingerprints(side, lacking, jobs=jobs)
    several = None if scope.schemas else large_objects.fingerprint(session)
    return Baseline(
        {_name(*table.key): found[table.key] for table in tables},
        {_name(*one.key): (one.last_value, one.is_called) for one in sequences},
        _digests(schema_objects.read(session, scope)),
        (several.count, several.checksum) if several else None,
    )


def changes(before: Baseline, now: Baseline) -> list[Change]:
    """Return what is not as it was, tables first. Pure."""
    return [
        *_tables(before.tables, now.tables),
        *_others("sequence", before.sequences, now.sequences, _stands),
        *_others("objects of the kind", before.objects, now.objects, lambda one: f"{one[0]}"),
        *_large_objects(before.large_objects, now.large_objects),
    ]


def _tables(before: Mapping[str, Fingerprint], now: Mapping[str, Fingerprint]) -> Iterator[Change]:
    for name in sorted({*before, *now}):
        one, other = before.get(name), now.get(name)
        if one is None and other is not None:
            yield Change(f"table {name}", f"is new, with {other.rows} rows", max(1, other.rows))
        elif other is None and one is not None:
            yield Change(f"table {name}", f"is gone, with {one.rows} rows", max(1, one.rows))
        elif one is not None and other is not None and one != other:
            more = other.rows - one.rows
            what = f"{one.rows} rows, now {other.rows}" if more else f"{one.rows} rows, with other values now"
            yield Change(f"table {name}", what, max(1, abs(more)))


def _others(
    kind: str, before: Mapping[str, tuple[Any, Any]], now: Mapping[str, tuple[Any, Any]], reported: Any
) -> Iterator[Change]:
    for name in sorted({*before, *now}):
        one, other = before.get(name), now.get(name)
        if one != other:
            then = reported(one) if one else "none"
            after = reported(other) if other else "none"
            what = f"{then}, now {after}" if then != after else f"{then}, defined otherwise now"
            yield Change(f"{kind} {name}", what)


def _large_objects(before: tuple[int, str] | None, now: tuple[int, str] | None) -> Iterator[Change]:
    if before is None or now is None or before == now:
        return
    more = abs(now[0] - before[0])
    what = f"{before[0]}, now {now[0]}" if more else f"{before[0]}, with other contents now"
    yield Change("large objects", what, max(1, more))


def _stands(one: tuple[int, bool]) -> str:
    return f"at {one[0]}" + ("" if one[1] else " (not used)")


def _digests(objects: Objects) -> dict[str, tuple[int, str]]:
    found: dict[str, list[str]] = {}
    for key, definition in objects.items():
        found.setdefault(key.kind, []).append(repr((key.name, definition)))
    return {
        kind: (len(texts), hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest())
        for kind, texts in sorted(found.items())
    }


def _name(schema: str, relation: str) -> str:
    """Return a name that no other relation has."""
    plain = f"{schema}.{relation}"
    return plain if plain.count(".") == 1 and '"' not in plain else f'"{schema}"."{relation}"'

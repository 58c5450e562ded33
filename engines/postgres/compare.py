"""Proof that two databases hold the same: rows, sequences and schema objects. Nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from engines.postgres import catalog, connection, large_objects, measure, plan, survey
from engines.postgres import schema as schema_module
from engines.postgres.catalog import REVISION_TABLE, Sequence
from engines.postgres.checksum import Fingerprint
from engines.postgres.connection import Address, Session
from engines.postgres.errors import NotEqualError
from engines.postgres.facts import Facts
from engines.postgres.schema import Difference, Key

PURPOSE = "bmii-migrate pg_compare"
_SHOWN = 10


@dataclass(frozen=True)
class TableResult:
    """The rows of one table on both sides; ``target`` is None when the table or a column is missing there."""

    table: str
    source: Fingerprint
    target: Fingerprint | None

    @property
    def equal(self) -> bool:
        """Whether both sides have the same rows."""
        return self.source == self.target

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by the names of the module's return value."""
        return {
            "table": self.table,
            "source_rows": self.source.rows,
            "target_rows": self.target.rows if self.target else None,
            "source_checksum": self.source.checksum,
            "target_checksum": self.target.checksum if self.target else None,
            "equal": self.equal,
        }


@dataclass(frozen=True)
class SequenceResult:
    """Where a sequence stands on both sides, as (last value, whether it was handed out).

    ``wanted`` is where a copy puts it when the source's is behind the columns that it feeds.
    """

    sequence: str
    source: tuple[int, bool]
    target: tuple[int, bool] | None
    wanted: tuple[int, bool] | None = None

    @property
    def equal(self) -> bool:
        """Whether both stand at the same value, or the target where the rows need it."""
        return self.target is not None and self.target in (self.source, self.wanted)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by the names of the module's return value."""
        there = list(self.target) if self.target else None
        return {"sequence": self.sequence, "source": list(self.source), "target": there, "equal": self.equal}


@dataclass(frozen=True)
class Comparison:
    """What was found. ``upgraded`` says that the target's Alembic revision is not the source's.

    ``by_upgrade`` holds the schema differences then, and ``schema`` is empty.
    """

    source: Facts
    target: Facts
    tables: tuple[TableResult, ...]
    sequences: tuple[SequenceResult, ...]
    schema: Difference
    by_upgrade: Difference
    upgraded: bool
    started: str
    seconds: float
    large_objects: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether no difference was found."""
        return not self.differences()

    def differences(self) -> list[str]:
        """Return one line per difference, in words."""
        found = []
        for one in self.tables:
            if one.target is None:
                found.append(f"table {one.table}: it, or a column of it, is not on the target")
            elif not one.equal and one.source.rows == one.target.rows:
                found.append(f"table {one.table}: {one.source.rows} rows on both sides, with other values")
            elif not one.equal:
                found.append(f"table {one.table}: {one.source.rows} rows, the target has {one.target.rows}")
        found += [
            f"sequence {item.sequence}: source at {item.source}, target at {item.target}"
            for item in self.sequences
            if not item.equal
        ]
        return found + list(self.large_objects) + self.schema.lines()


def compare(
    source: Address,
    target: Address,
    *,
    schemas: Iterable[str] = (),
    exclude_tables: Iterable[str] = (),
    jobs: int = 2,
    expect_upgraded: bool = True,
) -> Comparison:
    """Compare both databases, each in one snapshot, over the tables and columns that the source has.

    ``expect_upgraded`` sets what Alembic revisions changed apart, when the target is at another revision.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    with (
        connection.session(source, read_only=True, purpose=PURPOSE) as ours,
        connection.session(target, read_only=True, purpose=PURPOSE) as theirs,
        connection.snapshot(ours) as here,
        connection.snapshot(theirs) as there,
    ):
        scope = catalog.scope(ours, schemas, exclude_tables)
        surveyed = survey.read(ours, theirs, scope, by_anyone=True)
        left, right = surveyed.source, surveyed.target
        upgraded = expect_upgraded and bool(right.revision) and left.revision != right.revision
        if upgraded:
            left = replace(left, tables=tuple(one for one in left.tables if one.name != REVISION_TABLE))
        shared = measure.shared(left.tables, right.tables)
        # What the target lacks is counted on the source all the same: the report says what would be lost.
        missing = [table for table in left.tables if table.key not in shared]
        ours_only = measure.fingerprints(source, missing, snapshot=here, jobs=jobs)
        objects = () if upgraded or scope.schemas else _large_objects(ours, theirs)
        measured = measure.both_sides((source, here), (target, there), shared.values(), jobs=jobs)
    found = plan.compare_objects(left, right)
    return Comparison(
        source=left,
        target=right,
        tables=tuple(
            TableResult(str(table), (measured[0] | ours_only)[table.key], measured[1].get(table.key))
            for table in left.tables
        ),
        sequences=tuple(_sequences(surveyed.standing, left.sequences, right.sequences)),
        schema=Difference() if upgraded else found,
        by_upgrade=found if upgraded else Difference(),
        upgraded=upgraded,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        large_objects=objects,
    )


def require_equal(found: Comparison, target: Address) -> None:
    """Raise ``NotEqualError`` unless both sides are equal."""
    lines = found.differences()
    if lines:
        more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise NotEqualError(
            f"it is not equal to the source: {'; '.join(lines[:_SHOWN])}{more}",
            subject=str(target),
            remedy="Nothing was changed. If the source took writes in between, stop them and copy again.",
            details=lines,
        )


def evidence(found: Comparison, source: Address, target: Address) -> dict[str, Any]:
    """Return what is kept to prove the result: small, and free of secrets."""
    return {
        "equal": found.equal,
        "differences": found.differences()[:_SHOWN],
        "source": {"address": str(source), "version": found.source.server.version},
        "target": {"address": str(target), "version": found.target.server.version},
        "source_revision": list(found.source.revision),
        "target_revision": list(found.target.revision),
        "started": found.started,
        "seconds": found.seconds,
        "tables": {
            one.table: {"rows": one.source.rows, "checksum": one.source.checksum, "equal": one.equal}
            for one in found.tables
        },
        "sequences": len(found.sequences),
        "objects": counts(found.source.objects),
    }


def counts(objects: schema_module.Objects) -> dict[str, int]:
    """Return how many objects there are of each kind."""
    kinds = [key.kind for key in objects]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def names(keys: Iterable[Key]) -> list[str]:
    """Return keys as text."""
    return [str(key) for key in keys]


def _large_objects(source: Session, target: Session) -> tuple[str, ...]:
    if large_objects.fingerprint(source) == large_objects.fingerprint(target):
        return ()
    return tuple(large_objects.difference(source, target).lines())


def _sequences(
    source: Iterable[Sequence], wanted: Iterable[Sequence], target: Iterable[Sequence]
) -> Iterable[SequenceResult]:
    there = {one.key: (one.last_value, one.is_called) for one in target}
    for one, other in zip(source, wanted, strict=True):
        yield SequenceResult(
            f"{one.schema}.{one.name}",
            (one.last_value, one.is_called),
            there.get(one.key),
            (other.last_value, other.is_called),
        )

"""The result of a comparison of two databases, and its text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from engines.postgres.baseline import Baseline
from engines.postgres.catalog import Database, SchemaDifference
from engines.postgres.checksum import Fingerprint
from engines.postgres.diff.row_diff import RowDifferences
from engines.postgres.large_objects import LargeObjects

Kind = Literal["table", "materialized view"]


@dataclass(frozen=True)
class TableResult:
    """The rows of one table on both sides; ``target`` is None when the table or a column is missing there.

    ``where`` is where they differ, unless that was not looked for. ``refreshed`` says of a materialised
    view that the target's rows are those that the source's would be after a refresh.
    """

    table: str
    source: Fingerprint
    target: Fingerprint | None
    where: RowDifferences | None = None
    kind: Kind = "table"
    refreshed: bool = False

    @property
    def equal(self) -> bool:
        """Whether both sides have the same rows."""
        return self.source == self.target or self.refreshed

    @property
    def difference(self) -> str:
        """The difference as text, empty when there is none."""
        head = f"{self.kind} {self.table}"
        if self.equal:
            return ""
        if self.target is None:
            return f"{head}: it, or a column of it, is not on the target"
        detail = f" ({self.where})" if self.where else ""
        if self.source.rows == self.target.rows:
            return f"{head}: {self.source.rows} rows on both sides, with other values{detail}"
        return f"{head}: {self.source.rows} rows, the target has {self.target.rows}{detail}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by the names of the module's return value."""
        return {
            "table": self.table,
            "source_rows": self.source.rows,
            "target_rows": self.target.rows if self.target else None,
            "source_checksum": self.source.checksum,
            "target_checksum": self.target.checksum if self.target else None,
            "equal": self.equal,
            "where": self.where.as_dict() if self.where else None,
            **({"refreshed": self.refreshed} if self.kind != "table" else {}),
        }


@dataclass(frozen=True)
class SequenceResult:
    """The state of a sequence on both sides, as (``last_value``, ``is_called``).

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
        target = list(self.target) if self.target else None
        return {"sequence": self.sequence, "source": list(self.source), "target": target, "equal": self.equal}


@dataclass(frozen=True)
class LargeObjectsResult:
    """The large objects on both sides; ``differences`` has a line for each that differs."""

    source: LargeObjects
    target: LargeObjects
    differences: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by the names of the module's return value."""
        return {
            "source_count": self.source.count,
            "target_count": self.target.count,
            "source_checksum": self.source.checksum,
            "target_checksum": self.target.checksum,
            "equal": self.source == self.target,
        }


@dataclass(frozen=True)
class NotCompared:
    """Something of the source that the result says nothing about, and why."""

    kind: str
    name: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Return the three fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """What was found. ``upgraded`` says that the target's Alembic revision is not the source's.

    ``by_upgrade`` holds what the upgrade changed then. ``upgrade_proven`` says that the target's schema was
    held against the source's, upgraded anew; without that ``schema`` is empty. ``snapshots`` are the
    transactions that the source and the target were read at. ``large_objects`` is None where only some
    schemas are compared. ``baseline`` is the source's baseline, if the options ask for it.
    ``only_on_target`` are properties of the database itself. ``apart`` are differences of owners, privileges
    and the like, which make no data unequal.
    """

    source: Database
    target: Database
    tables: tuple[TableResult, ...]
    views: tuple[TableResult, ...]
    sequences: tuple[SequenceResult, ...]
    large_objects: LargeObjectsResult | None
    schema: SchemaDifference
    by_upgrade: SchemaDifference
    upgraded: bool
    not_compared: tuple[NotCompared, ...]
    snapshots: tuple[str, str]
    started: str
    seconds: float
    only_on_target: tuple[str, ...] = ()
    upgrade_proven: bool = False
    apart: tuple[str, ...] = ()
    baseline: Baseline | None = None

    @property
    def equal(self) -> bool:
        """Whether no difference was found."""
        return not self.differences()

    def differences(self) -> list[str]:
        """Return one line per difference."""
        found = [one.difference for one in (*self.tables, *self.views) if not one.equal]
        found += [
            f"sequence {item.sequence}: source at {item.source}, target at {item.target}"
            for item in self.sequences
            if not item.equal
        ]
        found += self.large_objects.differences if self.large_objects else ()
        return [*found, *self.schema.lines(), *self.only_on_target]

"""The steps of a copy and their order: rows in parts, indexes, keys, statistics. Pure.

The order that was measured to be best: tables that others refer to come first, then their keys, then foreign
keys, while the tables that have them are still empty (an instant, where a check of all rows would take long),
then those tables' rows, and every other index as soon as its table is in. Of small tables the keys come last:
checking their rows takes no time, and so all of them can be copied at once (see ``batches``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from engines.postgres.catalog import Dependencies, Index, Name
from engines.postgres.copy.copy_statements import TableChunk
from engines.postgres.copy.dump_archive import Entry
from engines.postgres.copy.scheduler import Lock, Task
from engines.postgres.plan import TablePlan

# What a byte of an index costs, and a row that is sorted for one, in bytes that are copied: an index of few
# values is small, and takes as long to sort.
_INDEX_COST, _ROW_COST = 1.0, 30
# The same of a byte of a table that is read.
_READ_COST = 0.15
# Statistics are made from a sample of 30,000 pages.
_SAMPLE = 30000 * 8192


# What costs less is small: not worth a transaction, nor an arrangement, of its own.
SMALL = 1 << 20


@dataclass(frozen=True)
class CopyRows:
    """Copy chunks of tables in one transaction."""

    parts: tuple[TableChunk, ...]


@dataclass(frozen=True)
class RunScript:
    """Run a script in one transaction.

    It may begin an object (kind, name) that is incomplete until another script completes it. ``settings``
    hold while it runs.
    """

    what: str
    script: str
    settings: Mapping[str, str] = field(default_factory=dict)
    begins: tuple[str, str] | None = None
    completes: tuple[str, str] | None = None


@dataclass(frozen=True)
class RunScripts:
    """Run scripts in one transaction, or one by one where they do not go together."""

    scripts: tuple[RunScript, ...]


@dataclass(frozen=True)
class Analyze:
    """Gather statistics of tables, for the planner of queries."""

    tables: tuple[Name, ...]


Work: TypeAlias = CopyRows | RunScripts | Analyze
Steps: TypeAlias = list[Task[Work]]


@dataclass(frozen=True)
class GraphInputs:
    """What steps are made from: the ``tables`` to copy, ``entries`` of the archive with scripts.

    ``numbers`` gives the table that an entry of the archive makes; ``analyze`` the tables that need
    statistics; ``early_keys`` says whether foreign keys may be there while rows come in. The rows of tables
    ``naming`` hold names of the indexes of the entries ``named``, by their oid.
    """

    tables: Sequence[TablePlan]
    entries: Sequence[tuple[Entry, str]] = ()
    numbers: Mapping[int, Name] = field(default_factory=dict)
    dependencies: Dependencies = field(default_factory=Dependencies)
    analyze: frozenset[Name] = frozenset()
    early_keys: bool = True
    named: frozenset[int] = frozenset()
    naming: frozenset[Name] = frozenset()


def build(inputs: GraphInputs) -> tuple[Steps, list[tuple[Entry, str]]]:
    """Return the steps, and the entries that are left for afterwards, one by one in their order."""
    return _Builder(inputs).build()


class _Builder:
    def __init__(self, inputs: GraphInputs) -> None:
        self._inputs = inputs
        self._bytes = {one.table.key: one.table.bytes for one in inputs.tables}
        self._rows = {one.table.key: one.table.rows for one in inputs.tables}
        self._marks = {_loaded(name): name for name in self._bytes}
        self._steps: dict[str, Task[Work]] = {}
        self._made: dict[int, str] = {}
        self._late_keys: list[tuple[Entry, str]] = []

    def build(self) -> tuple[Steps, list[tuple[Entry, str]]]:
        for one in self._inputs.tables:
            self._add(Task(_loaded(one.table.key), after=frozenset(_keys(one))))
        self._add(Task(_ALL_LOADED, after=frozenset(self._marks)))
        rest = []
        numbers = {entry.number for entry, _ in self._inputs.entries}
        for entry, script in self._inputs.entries:
            inner = [number for number in entry.needs if number in numbers]
            ready = all(number in self._made for number in inner)
            if not (ready and self._entry(entry, script)):
                rest.append((entry, script))
        before = self._foreign_keys()
        named = {
            self._made[entry.number]
            for entry, _ in self._inputs.entries
            if self._is_named(entry) and entry.number in self._made
        }
        for one in self._inputs.tables:
            name = one.table.key
            after = frozenset(before.get(name, ())) | (named if name in self._inputs.naming else set())
            for key, chunk in zip(_keys(one), one.chunks, strict=True):
                work = CopyRows((TableChunk(one.table, chunk, one.triggers),))
                self._add(Task(key, work, chunk.bytes + 1, after, {name: "write"}))
        building = self._scripts_of()
        for name in sorted(self._inputs.analyze):
            self._statistics(name, building)
        return list(self._steps.values()), rest

    def _entry(self, entry: Entry, script: str) -> bool:
        """Add the steps of an entry; return whether it is one that can be done in parallel."""
        tables = self._tables(entry)
        if entry.kind == "FK CONSTRAINT" and entry.oid in self._inputs.dependencies.foreign_keys:
            # Their place is found when all else has its own.
            self._late_keys.append((entry, script))
            self._made[entry.number] = f"key {entry.number}"
            return True
        if entry.kind in {"INDEX", "CONSTRAINT"}:
            self._index(entry, script, tables)
            return True
        locks: dict[str, Lock] = {"INDEX ATTACH": "own", "STATISTICS": "tend"}
        if entry.kind not in locks:
            return False
        if entry.kind == "INDEX ATTACH":
            # The last partition's index makes the whole valid, which two at once do not see of each other.
            tables += sorted(self._inputs.dependencies.roots_of(tables) - set(tables))
        self._add_entry(entry, script, tables, locks[entry.kind], 0)
        return True

    def _index(self, entry: Entry, script: str, tables: list[Name]) -> None:
        index = self._inputs.dependencies.indexes.get(entry.oid, Index(0, ""))
        rows = sum(self._rows.get(name, 0) for name in tables)
        cost = index.size * _INDEX_COST + (rows * _ROW_COST or self._sum(tables) * _READ_COST)
        alone = index.added and script.count(index.added) == 1 and len(tables) == 1
        if alone and cost > SMALL:
            half = ("index", index.name)
            key = f"index {entry.number}"
            made = RunScript(f"INDEX of {entry.what}", f"{index.make};", begins=half)
            self._add(Task(key, RunScripts((made,)), cost, self._after(entry, tables), {tables[0]: "build"}))
            adopted = RunScript(entry.what, script.replace(index.added, index.adopt), completes=half)
            self._made[entry.number] = name = f"entry {entry.number}"
            self._add(Task(name, RunScripts((adopted,)), 0, frozenset({key}), {tables[0]: "own"}))
            return
        # An index may come with a change of its table (which it is clustered on, or identified by).
        own = entry.kind == "CONSTRAINT" or "ALTER TABLE" in script
        self._add_entry(entry, script, tables, "own" if own else "build", cost)

    def _add_entry(self, entry: Entry, script: str, tables: list[Name], lock: Lock, cost: float) -> None:
        self._made[entry.number] = key = f"entry {entry.number}"
        work = RunScripts((RunScript(entry.what, script),))
        self._add(Task(key, work, cost, self._after(entry, tables), dict.fromkeys(tables, lock)))

    def _foreign_keys(self) -> dict[Name, list[str]]:
        """Add the foreign keys; return which come before the rows of which tables.

        A key comes before the rows unless these are few, or that closes a circle: a table that refers to
        itself, in the end.
        """
        before = self._late_rows()
        dependencies = self._inputs.dependencies
        # The largest tables gain the most.
        order = sorted(self._late_keys, key=lambda one: -self._size(dependencies.foreign_keys[one[0].oid][0]))
        for entry, script in order:
            referring, referred = (
                dependencies.rows_of(name) for name in dependencies.foreign_keys[entry.oid]
            )
            key = f"key {entry.number}"
            moving = [name for name in referring if name in self._bytes]
            needs = self._after(entry, referred)
            size = self._sum(referring) + self._sum(referred)
            early = self._inputs.early_keys and len(moving) == len(referring) and size > SMALL
            if early and not self._leads_back(needs, {_loaded(name) for name in moving}, before):
                for name in moving:
                    before.setdefault(name, []).append(key)
                cost = 0.0
            else:
                needs |= self._after(entry, referring)
                cost = size * _READ_COST
            names = {*dependencies.foreign_keys[entry.oid], *referring, *referred}
            work = RunScripts((RunScript(entry.what, script),))
            self._add(Task(key, work, cost, needs, dict.fromkeys(names, "own")))
        return before

    def _late_rows(self) -> dict[Name, list[str]]:
        """Return what comes before the rows of tables that functions may read others for: all others'."""
        late = {name for name in self._bytes if name in self._inputs.dependencies.late_tables}
        others = [_loaded(name) for name in self._bytes if name not in late]
        return {name: list(others) for name in late}

    def _leads_back(
        self, starts: Iterable[str], ends: set[str], before: Mapping[Name, Iterable[str]]
    ) -> bool:
        """Return whether one of ``starts`` waits for one of ``ends``, as things stand."""
        seen: set[str] = set()
        waiting = list(starts)
        while waiting:
            key = waiting.pop()
            if key in ends:
                return True
            if key not in seen:
                seen.add(key)
                waiting += self._steps[key].after if key in self._steps else ()
                waiting += before.get(self._marks.get(key, ("", "")), ())
        return False

    def _scripts_of(self) -> dict[Name, set[str]]:
        """Return the steps that run scripts on each table."""
        found: dict[Name, set[str]] = {}
        for step in self._steps.values():
            if isinstance(step.work, RunScripts):
                for name in step.locks:
                    found.setdefault(name, set()).add(step.key)
        return found

    def _statistics(self, name: Name, building: Mapping[Name, set[str]]) -> None:
        tables = (name, *self._inputs.dependencies.rows_of(name))
        after = {_loaded(one) for one in tables if one in self._bytes}
        after = after.union(*(building.get(one, ()) for one in tables))
        cost = min(self._sum(tables), _SAMPLE) * _READ_COST
        self._add(
            Task(
                f"statistics {name}", Analyze((name,)), cost, frozenset(after), dict.fromkeys(tables, "tend")
            )
        )

    def _after(self, entry: Entry, tables: Iterable[Name]) -> frozenset[str]:
        # An index that rows name is built before any come.
        first = self._is_named(entry)
        rows = {_loaded(name) for name in tables if name in self._bytes and not first}
        if entry.oid in self._inputs.dependencies.late_indexes and not first:
            rows.add(_ALL_LOADED)
        return frozenset(rows | {self._made[number] for number in entry.needs if number in self._made})

    def _is_named(self, entry: Entry) -> bool:
        return entry.kind in {"INDEX", "CONSTRAINT"} and entry.oid in self._inputs.named

    def _tables(self, entry: Entry) -> list[Name]:
        numbers = self._inputs.numbers
        return list(dict.fromkeys(numbers[number] for number in entry.needs if number in numbers))

    def _sum(self, names: Iterable[Name]) -> int:
        return sum(self._bytes.get(name, 0) for name in names)

    def _size(self, name: Name) -> int:
        return self._sum(self._inputs.dependencies.rows_of(name))

    def _add(self, step: Task[Work]) -> None:
        self._steps[step.key] = step


_ALL_LOADED = "all rows"


def _loaded(name: Name) -> str:
    return f"rows {name!r}"


def _keys(one: TablePlan) -> list[str]:
    return [f"{_loaded(one.table.key)} part {chunk.number}" for chunk in one.chunks]

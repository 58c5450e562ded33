"""Carrying out the plan of a copy: schema, rows with their indexes and keys, and what comes after them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from engines.events import Emit
from engines.postgres import large_objects
from engines.postgres.catalog import Name, Table, checkpoint
from engines.postgres.copy import batches, dump_archive, schema_restore, task_graph, worker, worker_pool
from engines.postgres.copy.dump_archive import Archive, Entry
from engines.postgres.copy.prepare import CloneInputs, CloneSessions
from engines.postgres.copy.progress import Estimate, Progress
from engines.postgres.copy.scheduler import Scheduler
from engines.postgres.plan import CloneOptions, Plan, inspection
from engines.postgres.session import client_tools, translated

# Seconds between two looks whether the sessions that hold snapshot and lock are still there.
_CHECK_SESSIONS = 5.0


@dataclass(frozen=True)
class CopiedTable:
    """What was copied of a table."""

    table: Table
    rows: int
    bytes: int


def execute(
    sessions: CloneSessions,
    inputs: CloneInputs,
    plan: Plan,
    options: CloneOptions,
    emit: Emit,
    *,
    began: float,
) -> tuple[CopiedTable, ...]:
    """Carry out ``plan``. Each step is one transaction, and a step that is done is not planned again.

    The inspection ``began`` at that moment of the monotonic clock.
    """
    return _Execution(sessions, inputs, plan, options, emit, began).run()


@dataclass(frozen=True)
class _Execution:
    sessions: CloneSessions
    inputs: CloneInputs
    plan: Plan
    options: CloneOptions
    emit: Emit
    began: float

    def run(self) -> tuple[CopiedTable, ...]:
        stored = self._dump() if self.plan.finish_schema else None
        self._create_tables(stored)
        progress = Progress(self.plan.moving, self.emit)
        rest = self._copy_rows(stored, progress)
        if self.plan.large_objects:
            replace = self.options.on_target_rows == "replace"
            large_objects.copy(self.sessions.source, self.sessions.target, self.emit, replace=replace)
        self._finish(rest)
        return tuple(CopiedTable(one.table, *progress.counts(one.table.key)) for one in self.plan.moving)

    def _dump(self) -> Archive:
        found = self.inputs.inspection
        return dump_archive.dump(
            client_tools.find(found.source.server.major, found.target.server.major),
            self.sessions.source_address,
            self.sessions.snapshot,
            schemas=found.scope.schemas,
            excluded=found.scope.excluded,
            compressions=all(one.kind != "compression" for one in found.not_copied),
        )

    def _create_tables(self, stored: Archive | None) -> None:
        found = self.inputs.inspection
        script, number = "", 0
        if stored and self.plan.restore_schema:
            script, number = schema_restore.script_before(stored, found.target, found)
        schema_restore.prepare(
            self.sessions.target,
            self.plan,
            {one.table.key: len(one.chunks) for one in self.plan.moving},
            script,
            found.adjustments,
            lock_wait=self.options.lock_wait,
        )
        if script:
            self.emit("schema.created", steps=number)

    def _copy_rows(self, stored: Archive | None, progress: Progress) -> list[tuple[Entry, str]]:
        """Run what can be done in parallel; return what is left of the archive."""
        context = self._context()
        tasks, rest = task_graph.build(self._graph(stored, early_keys=context.replica))
        steps = batches.join(tasks, jobs=self.options.jobs)
        scheduler = Scheduler(steps)
        checked = time.monotonic()
        progress.expect(Estimate.of(steps, self.options.jobs, checked - self.began))

        def beat() -> None:
            nonlocal checked
            progress.steps(scheduler.done, len(scheduler))
            if time.monotonic() - checked >= _CHECK_SESSIONS:
                checked = time.monotonic()
                self._require_alive()

        def factory() -> worker.CopyWorker:
            return worker.CopyWorker(context, progress, self.emit)

        worker_pool.run(scheduler, factory, jobs=self.options.jobs, beat=beat, reported=progress.step)
        return rest

    def _context(self) -> worker.WorkerContext:
        return worker.WorkerContext(
            source=self.sessions.source_address,
            target=self.sessions.target_address,
            source_session=self.sessions.source,
            target_session=self.sessions.target,
            snapshot=self.sessions.snapshot,
            replica=worker.may_switch_triggers_off(self.sessions.target),
            search_path=self.inputs.inspection.adjustments.search_path,
        )

    def _graph(self, stored: Archive | None, *, early_keys: bool) -> task_graph.GraphInputs:
        return task_graph.GraphInputs(
            tables=self.plan.moving,
            entries=schema_restore.entries_after(stored, self.inputs.inspection) if stored else (),
            numbers=_entries_of_tables(stored, self.inputs),
            dependencies=self.inputs.dependencies,
            analyze=_to_analyze(self.inputs, (one.table for one in self.plan.moving)),
            early_keys=early_keys,
            named=self.inputs.references.indexes,
            naming=self.inputs.references.tables,
        )

    def _require_alive(self) -> None:
        """Raise ``UnreachableError`` when the session that holds the snapshot, or the lock, is gone."""
        for session, address in (
            (self.sessions.source, self.sessions.source_address),
            (self.sessions.target, self.sessions.target_address),
        ):
            with translated(str(address)):
                session.execute("SELECT 1")

    def _finish(self, rest: list[tuple[Entry, str]]) -> None:
        """Do what comes after rows and indexes; the last of it makes the copy a finished one."""
        found, target = self.inputs.inspection, self.sessions.target
        if self.plan.finish_schema:
            schema_restore.add_deferred_checks(target, found)
            schema_restore.restore_rest(target, rest, found.adjustments, self.emit)
        if self.plan.sequences:
            names = {one.key for one in self.plan.sequences}
            now = inspection.current_sequences(self.sessions.source, found.scope)
            schema_restore.set_sequences(target, [one for one in now if one.key in names])
        if self.plan.finish_schema:
            schema_restore.verify_schema(target, found.source, found.scope)
        checkpoint.forget(target, found.scope)


def _entries_of_tables(stored: Archive | None, inputs: CloneInputs) -> dict[int, Name]:
    """Return the table that an entry of the archive makes, by the entry's number."""
    known = inputs.dependencies.relations
    made = stored.tables() if stored else {}
    return {number: known[oid] for number, oid in made.items() if oid in known}


def _to_analyze(inputs: CloneInputs, moving: Iterable[Table]) -> frozenset[Name]:
    """Return what lacks statistics: what is copied now or was before, partitions with their root.

    A partitioned table has statistics of its own, which autovacuum never makes.
    """
    fresh = {table.key for table in moving}
    begun = inputs.checkpoint.tables
    fresh |= {table.key for table in inputs.inspection.source.tables if table.key in begun}
    roots = inputs.dependencies.roots_of(fresh)
    for root in roots:
        fresh -= set(inputs.dependencies.rows_of(root))
    return frozenset(fresh | roots)

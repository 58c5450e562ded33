"""Carrying out a plan: objects are copied and deleted in parallel, with retries of transient failures."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

from engines import events
from engines.aws import translated
from engines.objects.concurrency import parallel_map
from engines.objects.errors import (
    OBJECT_ERRORS,
    Failure,
    affects_every_object,
    is_transient,
    reason_of,
    source_changed,
    status_of,
    target_changed,
)
from engines.objects.manifest import MirrorState
from engines.objects.plan import ANYTHING, CopyTask, Extra, ObjectPair, diff_object
from engines.objects.progress import Progress
from engines.objects.s3 import Entry, Spool, Store, entry
from engines.objects.transfer import ambiguous_keys
from engines.objects.transfer.buffers import Buffers
from engines.objects.transfer.confirmation import Confirmation
from engines.objects.transfer.kept_attributes import KeptAttributes
from engines.objects.transfer.multipart import Checksums, CopyContext
from engines.objects.transfer.object_copy import Copied, ObjectCopier

_TRIES = 4
# Seconds before the second try of an object; each further one waits twice as long. (So does each request.)
_PAUSE = 0.5
# More parts than this at a time gain nothing, whatever the number of objects.
_PARTS = 8
# Folders are written level by level down to this depth. (Each level has a file of its own.)
_DEPTH = 32


@dataclass(frozen=True)
class _Copiers:
    """Who copies small objects in a hurry, if anybody, and who takes the time."""

    hurried: ObjectCopier | None
    patient: ObjectCopier
    part_size: int
    confirmation: Confirmation
    kept_attributes: KeptAttributes

    def for_task(self, task: CopyTask) -> tuple[ObjectCopier, bool]:
        """Return who copies an object, and whether in a hurry. A large one would have to begin again."""
        if self.hurried is None or task.size > self.part_size:
            return self.patient, False
        return self.hurried, True


@dataclass(frozen=True)
class Executor:
    """Copies and deletes objects, ``jobs`` at a time (0: as many as help). Each proof is kept at once."""

    source: Store
    target: Store
    state: MirrorState
    jobs: int
    part_size: int
    progress: Progress
    emit: events.Emit

    def copy(self, folders: Iterable[CopyTask], tasks: Iterable[CopyTask]) -> Iterator[Copied | Failure]:
        """Copy objects and yield the result of each. Raises ``AwsError`` for what concerns every object.

        ``folders`` are markers of folders, in the order of their keys: each is written before what is in its
        folder, since a store with real folders makes those by itself. An object that the source or the target
        refuses, while it serves others, is tried again after them.
        """
        with (
            ThreadPoolExecutor(min(self.jobs or _PARTS, _PARTS), thread_name_prefix="objects-part") as parts,
            Spool(CopyTask._make) as refused,
            # Keys that the target may take for others come when those others are in their places.
            Spool(CopyTask._make) as ambiguous,
        ):
            patient = self._context(parts)
            hurried = replace(patient, source=self.source.hurried(), target=self.target.hurried())
            looks = Confirmation(self.source, self.target), KeptAttributes(self.target)
            first = _Copiers(ObjectCopier(hurried), ObjectCopier(patient), self.part_size, *looks)
            last = _Copiers(None, ObjectCopier(patient), self.part_size, *looks)
            with _levels(_unambiguous(folders, ambiguous)) as levels:
                for level, is_deep in levels:
                    yield from self._finish(level, last, 1 if is_deep else self.jobs)
            for result in self._copy_all(_unambiguous(tasks, ambiguous), first, self.jobs):
                if isinstance(result, CopyTask):
                    refused.append(result)
                else:
                    yield result
            for group in (refused, ambiguous):
                yield from self._finish(group, last, self.jobs)

    def _finish(self, tasks: Iterable[CopyTask], copiers: _Copiers, jobs: int) -> Iterator[Copied | Failure]:
        for result in self._copy_all(tasks, copiers, jobs):
            if not isinstance(result, CopyTask):
                yield result

    def _copy_all(
        self, tasks: Iterable[CopyTask], copiers: _Copiers, jobs: int
    ) -> Iterator[Copied | Failure | CopyTask]:
        for result in parallel_map(lambda task: self._copy(copiers, task), tasks, jobs, _size):
            if isinstance(result, Failure):
                self.emit("object.failed", key=result.key, reason=result.reason)
            if not isinstance(result, CopyTask):
                self.progress.add(1)
            yield result

    def delete(self, objects: Iterable[Extra]) -> int:
        """Delete objects of the target and return how many. Consent is the caller's to ask for."""

        def delete(extra: Extra) -> str:
            with translated(f"{self.target.name}/{extra.key}"):
                self.target.read("DeleteObject", "DELETE", extra.key)
            return extra.key

        count = 0
        for count, key in enumerate(parallel_map(delete, objects, self.jobs), start=1):  # noqa: B007 - the last is the count
            self.emit("object.deleted", key=key)
        return count

    def _context(self, parts: ThreadPoolExecutor) -> CopyContext:
        return CopyContext(
            self.source,
            self.target,
            self.part_size,
            parts,
            Buffers(),
            Checksums(),
            self.state.upload_begun,
            lambda size: self.progress.add(0, size),
        )

    def _copy(self, copiers: _Copiers, task: CopyTask) -> Copied | Failure | CopyTask:
        """Copy one object and keep its proof; return the task itself if it is to be tried again later."""
        is_new = task.replaces is None and ambiguous_keys.is_ambiguous(task.key)
        if is_new and (failure := ambiguous_keys.already_there(self.target, task.key)):
            return failure
        done = self._copy_patiently(copiers, task)
        if isinstance(done, CopyTask):
            return done
        if isinstance(done, Failure):
            return ambiguous_keys.with_ambiguity(self.target, done) if is_new else done
        if is_new and (failure := ambiguous_keys.misplaced(self.target, done.record)):
            return failure
        self.state.prove(done.record)
        return done

    def _copy_patiently(self, copiers: _Copiers, task: CopyTask) -> Copied | Failure | CopyTask:
        """Copy one object, trying again what may pass."""
        copier, is_hurried = copiers.for_task(task)
        is_listed, written = True, ""
        for attempt in range(1, _TRIES + 1):
            try:
                if not is_listed:
                    listed = entry(self.source, task.key)
                    if listed is None:
                        return Failure(task.key, "vanished after it was listed")
                    task, is_listed = task.of_version(listed), True
                done = copier.copy(task)
                # Whatever comes now, a further try replaces what was written.
                written = done.record.target_etag
                task = task._replace(replaces=written or ANYTHING)
                copiers.confirmation.confirm(done)
                return copiers.kept_attributes.without_lost(done)
            except OBJECT_ERRORS as error:
                if target_changed(error) and self._is_implied(task):
                    task = task._replace(replaces=ANYTHING)
                    continue
                outcome = self._after(error, task, is_last=attempt == _TRIES, is_hurried=is_hurried)
                if isinstance(outcome, Failure) and written:
                    self._take_back(task.key, written)
                if outcome is not None:
                    return outcome
                is_listed = not source_changed(error)
                time.sleep(_PAUSE * 2 ** (attempt - 1))
        raise AssertionError  # the last try returns

    def _after(
        self, error: Exception, task: CopyTask, *, is_last: bool, is_hurried: bool
    ) -> Copied | Failure | CopyTask | None:
        """Return what an error of one object leads to, None for another try. Raises one of every object."""
        if affects_every_object(error):
            with translated(f"copying {self.source.name} to {self.target.name}"):
                raise error
        if target_changed(error):
            return self._look_again(task, error)
        if is_transient(error) and status_of(error):
            # The client has tried it often enough.
            return task if is_hurried else Failure(task.key, reason_of(error))
        if is_last or not (source_changed(error) or is_transient(error)):
            return Failure(task.key, reason_of(error))
        return None

    def _take_back(self, key: str, etag: str) -> None:
        """Delete what was written and could not be confirmed, so that a later run begins anew."""
        with suppress(*OBJECT_ERRORS):
            found = entry(self.target, key)
            if found is not None and found.etag == etag:
                self.target.read("DeleteObject", "DELETE", key)

    def _is_implied(self, task: CopyTask) -> bool:
        """Return whether the target has a folder only because of what is in it: it lists no such object."""
        # A key such as "/" may stand for the bucket itself.
        may_be_other = ambiguous_keys.is_ambiguous(task.key)
        if not task.is_folder or may_be_other or task.size or task.replaces is not None:
            return False
        try:
            return entry(self.target, task.key) is None
        except OBJECT_ERRORS:
            return False

    def _look_again(self, task: CopyTask, error: Exception) -> Copied | Failure:
        """Read what the target holds: if it is our own write, only its response was lost; else it failed."""
        listed = Entry(task.key, task.size, task.etag, task.modified)
        written = listed._replace(modified="")
        diff = diff_object(self.source, self.target, ObjectPair(task.key, listed, written))
        return Failure(task.key, reason_of(error)) if diff.record is None else Copied(diff.record, ())


def _size(done: Copied | Failure | CopyTask) -> int:
    return done.record.size if isinstance(done, Copied) else 0


@contextmanager
def _levels(folders: Iterable[CopyTask]) -> Iterator[list[tuple[Spool[CopyTask], bool]]]:
    """Sort folders by their depth, the upper ones first; say of each level whether its folders go one by one.

    Those below a certain depth do, in the order of their keys: a folder follows the one that it is in.
    """
    with ExitStack() as stack:
        levels: dict[int, Spool[CopyTask]] = {}
        for task in folders:
            depth = min(task.key.count("/"), _DEPTH)
            if depth not in levels:
                levels[depth] = stack.enter_context(Spool(CopyTask._make))
            levels[depth].append(task)
        yield [(levels[depth], depth == _DEPTH) for depth in sorted(levels)]


def _unambiguous(tasks: Iterable[CopyTask], ambiguous: Spool[CopyTask]) -> Iterator[CopyTask]:
    """Yield the tasks whose keys are only themselves; the others go to ``ambiguous``."""
    for task in tasks:
        if ambiguous_keys.is_ambiguous(task.key):
            ambiguous.append(task)
        else:
            yield task

"""Carrying out a plan: objects are copied and deleted in parallel, and what may pass is tried again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from engines import events
from engines.aws import translated
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
from engines.objects.plan import CopyTask, Extra, ObjectPair, diff_object
from engines.objects.progress import Progress
from engines.objects.s3 import Entry, Spool, Store, entry, parallel_map
from engines.objects.transfer import ambiguous_keys
from engines.objects.transfer.buffers import Buffers
from engines.objects.transfer.multipart import Checksums, CopyContext
from engines.objects.transfer.object_copy import Copied, ObjectCopier

_TRIES = 4
# Seconds before the second try of an object; each further one waits twice as long. (So does each request.)
_PAUSE = 0.5
# More parts than this at a time gain nothing, whatever the number of objects.
_PARTS = 8


@dataclass(frozen=True)
class _Copiers:
    """Who copies small objects in a hurry, if anybody, and who takes the time."""

    hurried: ObjectCopier | None
    patient: ObjectCopier
    part_size: int

    def for_task(self, task: CopyTask) -> tuple[ObjectCopier, bool]:
        """Return who copies an object, and whether in a hurry. A large one would have to begin again."""
        if self.hurried is None or task.size > self.part_size:
            return self.patient, False
        return self.hurried, True


@dataclass(frozen=True)
class Executor:
    """Copies and deletes objects, ``jobs`` at a time. Each proof is kept in ``state`` at once."""

    source: Store
    target: Store
    state: MirrorState
    jobs: int
    part_size: int
    progress: Progress
    emit: events.Emit

    def copy(self, tasks: Iterable[CopyTask]) -> Iterator[Copied | Failure]:
        """Copy objects and yield the result of each. Raises ``AwsError`` for what concerns every object.

        An object that the source or the target refuses, while it serves others, is tried again after them.
        """
        with (
            ThreadPoolExecutor(min(self.jobs, _PARTS), thread_name_prefix="objects-part") as parts,
            Spool(CopyTask._make) as refused,
            # Keys that the target may take for others come when those others are in their places.
            Spool(CopyTask._make) as ambiguous,
        ):
            patient = self._context(parts)
            hurried = replace(patient, source=self.source.hurried(), target=self.target.hurried())
            first = _Copiers(ObjectCopier(hurried), ObjectCopier(patient), self.part_size)
            for result in self._copy_all(_unambiguous(tasks, ambiguous), first):
                if isinstance(result, CopyTask):
                    refused.append(result)
                else:
                    yield result
            last = _Copiers(None, ObjectCopier(patient), self.part_size)
            for group in (refused, ambiguous):
                yield from (one for one in self._copy_all(group, last) if not isinstance(one, CopyTask))

    def _copy_all(
        self, tasks: Iterable[CopyTask], copiers: _Copiers
    ) -> Iterator[Copied | Failure | CopyTask]:
        for result in parallel_map(lambda task: self._copy(copiers, task), tasks, self.jobs):
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
        is_listed = True
        for attempt in range(1, _TRIES + 1):
            try:
                if not is_listed:
                    listed = entry(self.source, task.key)
                    if listed is None:
                        return Failure(task.key, "vanished after it was listed")
                    task, is_listed = task.of_version(listed), True
                return ambiguous_keys.without_lost_attributes(self.target, copier.copy(task))
            except OBJECT_ERRORS as error:
                if affects_every_object(error):
                    with translated(f"copying {self.source.name} to {self.target.name}"):
                        raise
                if target_changed(error):
                    return self._look_again(task, error)
                if is_transient(error) and status_of(error):
                    # The client has tried it often enough.
                    return task if is_hurried else Failure(task.key, reason_of(error))
                is_listed = not source_changed(error)
                if attempt == _TRIES or (is_listed and not is_transient(error)):
                    return Failure(task.key, reason_of(error))
                time.sleep(_PAUSE * 2 ** (attempt - 1))
        raise AssertionError  # the last try returns

    def _look_again(self, task: CopyTask, error: Exception) -> Copied | Failure:
        """Read what the target holds: if it is our own write, only its response was lost; else it failed."""
        listed = Entry(task.key, task.size, task.etag, "")
        diff = diff_object(self.source, self.target, ObjectPair(task.key, listed, listed))
        return Failure(task.key, reason_of(error)) if diff.record is None else Copied(diff.record, ())


def _unambiguous(tasks: Iterable[CopyTask], ambiguous: Spool[CopyTask]) -> Iterator[CopyTask]:
    """Yield the tasks whose keys are only themselves; the others go to ``ambiguous``."""
    for task in tasks:
        if ambiguous_keys.is_ambiguous(task.key):
            ambiguous.append(task)
        else:
            yield task

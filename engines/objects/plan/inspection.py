"""Inspecting both sides and planning, in bounded memory; objects without a proof are read on both sides."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from engines.aws import translated
from engines.objects.concurrency import parallel_map
from engines.objects.errors import OBJECT_ERRORS, Failure, affects_every_object, reason_of
from engines.objects.manifest import MirrorState, Record
from engines.objects.plan.decisions import Decision, Tally, Verdict, decide
from engines.objects.plan.model import Archived, CopyTask, Extra, ObjectPair
from engines.objects.plan.object_diff import ObjectDiff, diff_object
from engines.objects.plan.tag_check import CHANGED, Proven, positions, tag_diffs
from engines.objects.progress import Progress
from engines.objects.s3 import (
    Capabilities,
    Entry,
    Sorted,
    Spool,
    Store,
    listed,
    may_be_archived,
    merge_join,
    probe,
    why_archived,
)

_STANDARD = "STANDARD"


@dataclass
class CopyPlan:
    """What to copy (``folders``, ``copies``), to replace if allowed, and only on the target (``extra``).

    ``archived`` and ``unknown`` hold objects that have to be requested, or read, to decide; they move into
    the others.
    """

    unknown: Spool[ObjectPair]
    archived: Spool[Archived]
    # Of those that need not be read, the ones that are asked for their tags.
    proven: Spool[Proven]
    folders: Spool[CopyTask]
    copies: Spool[CopyTask]
    replacements: Spool[CopyTask]
    extra: Spool[Extra]
    tally: Tally = field(default_factory=Tally)
    unverifiable: list[Failure] = field(default_factory=list)
    not_copied: Tally = field(default_factory=Tally)
    capabilities: dict[str, Capabilities] = field(default_factory=dict)


@contextmanager
def both_listed(
    source: Store | None, target: Store, progress: Progress, *, missing_is_empty: bool
) -> Iterator[tuple[Sorted[Entry] | tuple[()], Sorted[Entry]]]:
    """List both sides at once; free the listings at the end."""
    with ExitStack() as stack, ThreadPoolExecutor(2, thread_name_prefix="objects-list") as pool:
        sides = [pool.submit(listed, source, seen=progress.add)] if source else []
        sides.append(pool.submit(listed, target, missing_is_empty=missing_is_empty, seen=progress.add))
        listings = [side.result() for side in sides if side.exception() is None]
        for listing in listings:
            stack.callback(listing.close)
        for side in sides:
            side.result()
        yield (listings[0] if source else ()), listings[-1]


def probed(
    source: Store | None, target: Store, listings: tuple[Sorted[Entry] | tuple[()], Sorted[Entry]]
) -> dict[str, Capabilities]:
    """Return what both stores can do, asked of the first object that each lists."""
    found = {} if source is None else {"source": probe(source, next(iter(listings[0]), None))}
    return {**found, "target": probe(target, next(iter(listings[1]), None))}


@contextmanager
def make_plan(
    source: Store,
    target: Store,
    state: MirrorState,
    jobs: int,
    progress: Progress,
    *,
    planning: bool,
    check_tags: str = "none",
    only_new: bool = False,
) -> Iterator[CopyPlan]:
    """Compare both listings with the state, and read what neither proves. Equal objects found so are proven.

    ``check_tags`` says how many proven objects are asked for their tags (``none``, ``sample``, ``all``).
    With ``planning`` a target bucket that does not exist yet counts as empty. With ``only_new`` an object
    that the target or the state has is left out: users have written or deleted it. Raises ``AwsError``.
    """
    with ExitStack() as spools:
        plan = CopyPlan(
            spools.enter_context(Spool(_pair, _plain)),
            spools.enter_context(Spool(_archived, _plain_archived)),
            spools.enter_context(Spool(Proven.load, Proven.plain)),
            spools.enter_context(Spool(CopyTask._make)),
            spools.enter_context(Spool(CopyTask._make)),
            spools.enter_context(Spool(CopyTask._make)),
            spools.enter_context(Spool(Extra._make)),
        )
        with both_listed(source, target, progress, missing_is_empty=planning) as sides:
            plan.capabilities = probed(source, target, sides)
            _sort_all_out(plan, state, *sides, positions(check_tags, len(sides[0])), only_new=only_new)
            asked = [one.key for one in plan.proven] if check_tags == "sample" else []
            if _add_retagged(plan, source, jobs) and asked:
                # Where one was tagged anew, others may have been.
                _note_proven(plan, state, *sides, asked)
                _add_retagged(plan, source, jobs)
        for found, reason in parallel_map(lambda one: _why_archived(source, one), plan.archived, jobs):
            decision = Decision(Verdict(found.verdict), found.reason)
            if reason:
                decision = Decision(Verdict.UNVERIFIABLE, reason)
            _add(plan, decision, found.source, found.target)
        size = sum(pair.source.size for pair in plan.unknown)
        progress.begin("reading", len(plan.unknown), size)
        for diff in parallel_map(
            lambda pair: diff_object(source, target, pair),
            plan.unknown,
            jobs,
            lambda diff: diff.pair.source.size,
        ):
            progress.add(1, diff.pair.source.size)
            _add_diff(plan, state, diff)
        yield plan


def _sort_all_out(
    plan: CopyPlan,
    state: MirrorState,
    sources: Sorted[Entry] | tuple[()],
    targets: Sorted[Entry],
    asked: Collection[int],
    *,
    only_new: bool,
) -> None:
    """Sort every object into ``plan``; of the proven ones those with the numbers ``asked``."""
    equal, size = 0, 0
    for source, target, record in merge_join(sources, targets, state.records()):
        if only_new and (source is None or target is not None or record is not None):
            continue
        if source is None:
            if record is not None:
                state.forget(record.key)
        elif record is not None and target is not None and _is_proven(source, target, record):
            # By far the most in a second run: counted together, at no cost.
            if equal in asked:
                plan.proven.append(Proven.of(source, target, record))
            equal, size = equal + 1, size + source.size
            if source.storage_class != _STANDARD:
                _note_class(plan, source)
            continue
        decision = decide(source, target, record)
        if decision is not None:
            _sort_out(plan, decision, source, target)
    plan.tally.add_all(Verdict.EQUAL, equal, size)


def _is_proven(source: Entry, target: Entry, record: Record) -> bool:
    return record.source_is(source) and record.target_is(target)


def _note_class(plan: CopyPlan, source: Entry) -> None:
    plan.not_copied.add(f"storage class {source.storage_class}", source.key, source.size)


def _note_proven(
    plan: CopyPlan,
    state: MirrorState,
    sources: Sorted[Entry] | tuple[()],
    targets: Sorted[Entry],
    but: Collection[str],
) -> None:
    """Note every proven object, those apart that were asked for their tags already."""
    plan.proven.clear()
    for source, target, record in merge_join(sources, targets, state.records()):
        if source is None or target is None or record is None or source.key in but:
            continue
        if _is_proven(source, target, record):
            plan.proven.append(Proven.of(source, target, record))


def _add_retagged(plan: CopyPlan, source: Store, jobs: int) -> int:
    """Ask for the tags of what was noted; return how many objects are not equal for that."""
    count = 0
    for diff in tag_diffs(source, plan.proven, jobs):
        if not diff.is_changed and not diff.failure:
            continue
        count += 1
        one = diff.proven
        plan.tally.add_all(Verdict.EQUAL, -1, -one.source.size)
        decision = Decision(Verdict.COPY, CHANGED)
        if diff.failure:
            decision = Decision(Verdict.UNVERIFIABLE, diff.failure)
        _add(plan, decision, one.source, one.target)
    return count


def _sort_out(plan: CopyPlan, decision: Decision, source: Entry | None, target: Entry | None) -> None:
    if source is not None and source.storage_class != _STANDARD:
        _note_class(plan, source)
    if source is not None and may_be_archived(source) and decision.verdict != Verdict.EQUAL:
        plan.archived.append(Archived(source.key, source, target, decision.verdict, decision.reason))
    else:
        _add(plan, decision, source, target)


def _why_archived(source: Store, archived: Archived) -> tuple[Archived, str]:
    """Return why an object cannot be read, nothing if it was restored."""
    try:
        return archived, why_archived(source, archived.source)
    except OBJECT_ERRORS as error:
        if affects_every_object(error):
            with translated(f"reading {source.name}"):
                raise
        return archived, reason_of(error)


def _add(plan: CopyPlan, decision: Decision, source: Entry | None, target: Entry | None) -> None:
    if decision.verdict == Verdict.UNKNOWN and source and target:
        plan.unknown.append(ObjectPair(source.key, source, target))
        return
    if source is not None:
        plan.tally.add(decision.verdict, source.key, source.size, decision.reason)
        if decision.verdict == Verdict.COPY:
            task = CopyTask.of(source, target)
            (plan.folders if task.is_folder else plan.copies).append(task)
        elif decision.verdict == Verdict.DIFFERS:
            plan.replacements.append(CopyTask.of(source, target))
        elif decision.verdict == Verdict.UNVERIFIABLE:
            plan.unverifiable.append(Failure(source.key, decision.reason))
    elif target is not None:
        plan.tally.add(decision.verdict, target.key, target.size, decision.reason)
        plan.extra.append(Extra(target.key))


def _add_diff(plan: CopyPlan, state: MirrorState, diff: ObjectDiff) -> None:
    entry = diff.pair.source
    if diff.record:
        state.prove(diff.record)
        plan.tally.add(Verdict.EQUAL, entry.key, entry.size)
    elif diff.differs:
        plan.tally.add(Verdict.DIFFERS, entry.key, entry.size, diff.differs)
        plan.replacements.append(CopyTask.of(entry, diff.pair.target))
    else:
        plan.tally.add(Verdict.UNVERIFIABLE, entry.key, entry.size, diff.failure)
        plan.unverifiable.append(Failure(entry.key, diff.failure))


def _archived(data: Any) -> Archived:
    key, source, target, verdict, reason = data
    return Archived(key, Entry._make(source), Entry._make(target) if target else None, verdict, reason)


def _plain_archived(one: Archived) -> tuple[Any, ...]:
    target = tuple(one.target) if one.target else None
    return one.key, tuple(one.source), target, str(one.verdict), one.reason


def _pair(data: Any) -> ObjectPair:
    return ObjectPair(data[0], Entry._make(data[1]), Entry._make(data[2]))


def _plain(pair: ObjectPair) -> tuple[Any, ...]:
    return pair.key, tuple(pair.source), tuple(pair.target)

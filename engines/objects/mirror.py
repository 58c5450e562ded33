"""Carry a bucket to another store: what is missing there, and nothing twice that is already proven."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from engines import events
from engines.aws import translated
from engines.errors import ConfigurationError
from engines.objects import manifest, transfer
from engines.objects.errors import (
    Failure,
    TargetRefusedError,
    TruncatedError,
    changed_at_source,
    changed_at_target,
    in_words,
    is_general,
    is_passing,
)
from engines.objects.manifest import Book, Record, Summary
from engines.objects.plan import Extra, Order, Pair, Rules, Survey, Verdict, read_both, refusals, surveyed
from engines.objects.progress import Progress
from engines.objects.results import Outcome, incomplete
from engines.objects.s3 import (
    Endpoint,
    Entry,
    Spool,
    Store,
    in_parallel,
    listed,
    older_versions,
    side_by_side,
)
from engines.objects.transfer import Buffers, Carried, Checksums, Lane, Mover, abandon, unfinished

_TRIES = 4
# Seconds before the second try of an object; each further one waits twice as long. (And so is each request.)
_PAUSE = 0.5
_SMALLEST_PART = 5 << 20
# More parts than this at a time gain nothing, whatever the number of objects.
_PARTS = 8


@dataclass(frozen=True)
class Options:
    """How to mirror. ``part_size`` in bytes; ``manifest`` None keeps no proof; ``check`` only plans."""

    jobs: int = 16
    part_size: int = 16 << 20
    rules: Rules = field(default_factory=Rules)
    manifest: Path | None = None
    check: bool = False

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ConfigurationError("must be at least 1", subject="jobs", remedy="16 is usual.")
        if self.part_size < _SMALLEST_PART:
            raise ConfigurationError(
                "must be at least 5 MiB, S3's smallest part", subject="part_size", remedy="16777216 is usual."
            )


def mirror(source: Endpoint, target: Endpoint, options: Options, emit: events.Emit = events.emit) -> Outcome:
    """Make the target hold every object of the source, byte for byte, with its attributes; keep the proofs.

    Raises ``TargetRefusedError`` before anything is moved if the target holds what is not ours,
    ``IncompleteError`` at the end if some objects could not be carried, ``LockedError`` if another mirror is
    at work, and ``AwsError`` for what concerns every object.
    """
    started = time.monotonic()
    _check_consent(target, options.rules)
    with (
        source.connect() as here,
        target.connect() as there,
        manifest.opened(options.manifest, source.name, target.name, readonly=options.check) as book,
        Progress(emit, target.name) as progress,
    ):
        if not options.check:
            _clean_up(there, book)
        with surveyed(here, there, book, options.jobs, progress, planning=options.check) as survey:
            _note_versions(here, survey)
            outcome = Outcome(survey.tally, survey.not_carried, failures=survey.unverifiable)
            outcome.refused = refusals(survey.tally, options.rules, target.bucket)
            if options.check:
                outcome.summary = manifest.summary(options.manifest) if options.manifest else None
            else:
                _carry_out(_Work(here, there, book, options, progress, emit), survey, outcome)
    outcome.seconds = round(time.monotonic() - started, 2)
    if outcome.failures and not options.check:
        raise incomplete(target, outcome)
    return outcome


@dataclass(frozen=True)
class _Work:
    source: Store
    target: Store
    book: Book
    options: Options
    progress: Progress
    emit: events.Emit


def _check_consent(target: Endpoint, rules: Rules) -> None:
    """Refuse a consent that names another bucket: it was meant for something else."""
    if rules.consent and not rules.consents(target.bucket):
        raise ConfigurationError(
            f"names {rules.consent}, but the target bucket is {target.bucket}",
            subject="consent",
            remedy="Name the bucket whose objects may be overwritten or deleted, or leave it empty.",
        )


def _clean_up(target: Store, book: Book) -> None:
    """Free what the unfinished uploads of a run hold that was killed, also before it learnt the id of one."""
    last: dict[str, str] = {}
    for key, upload in book.uploads():
        last[key] = upload
        if upload:
            abandon(target, key, upload)
    for key in (key for key, upload in last.items() if not upload):
        for upload in unfinished(target, key):
            abandon(target, key, upload)


def _note_versions(source: Store, survey: Survey) -> None:
    older = older_versions(source)
    if older is None:
        survey.not_carried.add("older versions (their number may not be asked for)", "", 0)
    elif older:
        survey.not_carried.objects["older versions"] = older


def _carry_out(work: _Work, survey: Survey, outcome: Outcome) -> None:
    if outcome.refused:
        raise TargetRefusedError(
            "; ".join(outcome.refused),
            subject=work.target.name,
            remedy="Nothing was moved.",
            details={"plan": survey.tally.objects, "examples": survey.tally.examples},
        )
    _begin_copying(work, survey)
    with ThreadPoolExecutor(min(work.options.jobs, _PARTS), thread_name_prefix="objects-part") as parts:
        mover = Mover(
            Lane(
                work.source,
                work.target,
                work.options.part_size,
                parts,
                Buffers(),
                Checksums(),
                work.book.begun,
                lambda size: work.progress.add(0, size),
            )
        )
        # Names that the target may take for others come when those others are in their places.
        with Spool(Order._make) as odd:
            for orders in (_plain_orders(work, survey, odd), odd):
                for result in in_parallel(lambda order: _move(work, mover, order), orders, work.options.jobs):
                    _count(work, outcome, result)
    if work.options.rules.delete_extraneous and not outcome.failures:
        outcome.deleted = _delete(work, survey)
    outcome.summary = _settle(work, outcome)


def _begin_copying(work: _Work, survey: Survey) -> None:
    kinds = [Verdict.COPY]
    if work.options.rules.on_target_difference == "replace":
        kinds.append(Verdict.DIFFERS)
    objects = sum(survey.tally.count(kind) for kind in kinds)
    work.progress.begin("copying", objects, sum(survey.tally.size.get(kind, 0) for kind in kinds))


def _plain_orders(work: _Work, survey: Survey, odd: Spool[Order]) -> Iterator[Order]:
    """Yield what is to be carried; what has an odd name goes to ``odd``."""
    replacing = work.options.rules.on_target_difference == "replace"
    for order in chain(survey.orders, survey.replacements if replacing else ()):
        if transfer.is_odd(order.key):
            odd.append(order)
        else:
            yield order


def _count(work: _Work, outcome: Outcome, result: Carried | Failure) -> None:
    work.progress.add(1)
    if isinstance(result, Failure):
        outcome.failures.append(result)
        work.emit("object.failed", key=result.key, why=result.why)
        return
    outcome.copied += 1
    outcome.size += result.record.size
    for what in result.left_behind:
        outcome.not_carried.add(what, result.record.key, 0)


def _move(work: _Work, mover: Mover, order: Order) -> Carried | Failure:
    """Carry one object and keep its proof."""
    is_new = order.onto is None and transfer.is_odd(order.key)
    if is_new and (failure := transfer.mistaken(work.target, order.key)):
        return failure
    done = _carried(work, mover, order)
    if isinstance(done, Failure):
        return transfer.explained(work.target, done) if is_new else done
    if is_new and (failure := transfer.misplaced(work.target, done.record)):
        return failure
    work.book.prove(done.record)
    return done


def _carried(work: _Work, mover: Mover, order: Order) -> Carried | Failure:
    """Carry one object, trying again what may pass."""
    for attempt in range(1, _TRIES + 1):
        try:
            done = transfer.without_what_is_not_kept(work.target, mover.carry(order))
        except (BotoCoreError, ClientError, TruncatedError) as error:
            if is_general(error):
                with translated(f"copying {work.source.name} to {work.target.name}"):
                    raise
            if changed_at_target(error):
                return _look_again(work, order, error)
            if attempt == _TRIES or not (is_passing(error) or changed_at_source(error)):
                return Failure(order.key, in_words(error))
            if changed_at_source(error):
                # One read gives one version of an object whole; the record will tell which.
                order = Order(order.key, order.size, "", order.onto)
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        else:
            return done
    raise AssertionError  # the last try returns


def _look_again(work: _Work, order: Order, error: Exception) -> Carried | Failure:
    """Find out what the target holds: our own write has arrived if its answer was lost; else it failed."""
    entry = Entry(order.key, order.size, order.etag, "")
    reading = read_both(work.source, work.target, Pair(order.key, entry, entry))
    if reading.record is None:
        return Failure(order.key, in_words(error))
    return Carried(reading.record, ())


def _delete(work: _Work, survey: Survey) -> int:
    """Delete what only the target has. The gate was passed in ``refusals``: consent names this bucket."""

    def delete(extra: Extra) -> str:
        with translated(f"{work.target.name}/{extra.key}"):
            work.target.read("DeleteObject", "DELETE", extra.key)
        return extra.key

    for key in in_parallel(delete, survey.extra, work.options.jobs):
        work.emit("object.deleted", key=key)
    return len(survey.extra)


def _settle(work: _Work, outcome: Outcome) -> Summary | None:
    """Look at what the target lists after the move, and keep as proven only what it lists as it was written.

    This is where a store shows that it cannot carry a name (and stored ``a//b`` over ``a/b``, say).
    """
    if work.book.has_news or work.book.summary is None:
        work.progress.begin("listing")
        with listed(work.target, seen=work.progress.add) as entries:
            work.book.settle(_confirmed(work, outcome, entries))
    return work.book.summary if work.options.manifest else None


def _confirmed(work: _Work, outcome: Outcome, entries: Iterable[Entry]) -> Iterator[Record]:
    nothing: tuple[Record, ...] = ()
    for entry, record, _ in side_by_side(entries, work.book.known(), nothing):
        if record is None:
            continue
        if entry and record.target_is(entry):
            yield record.seen(entry.modified)
        else:
            shown = "does not list it" if entry is None else "lists it with another size or ETag"
            outcome.failures.append(Failure(record.key, f"the target {shown} after it was written"))

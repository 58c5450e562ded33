"""Carry a bucket to another store: what is missing there, and nothing twice that is already proven."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from engines import events
from engines.aws import translated
from engines.errors import ConfigurationError
from engines.objects import journal, manifest
from engines.objects.endpoint import Endpoint, Store
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
from engines.objects.journal import Book
from engines.objects.listing import Entry, count_older_versions, listed
from engines.objects.manifest import Record, Summary
from engines.objects.outcome import Outcome, incomplete
from engines.objects.plan import Rules, refusals
from engines.objects.streams import in_parallel, side_by_side
from engines.objects.survey import Pair, Survey, read_both, surveyed
from engines.objects.transfer import Carried, Order, abandon, carry

_TRIES = 4
# Seconds before the second try of an object; each further one waits twice as long. (The client retries, too.)
_PAUSE = 0.5
_SMALLEST_PART = 5 << 20


@dataclass(frozen=True)
class Options:
    """How to mirror. ``part_size`` in bytes; ``manifest`` None keeps no proof; ``check`` only plans."""

    jobs: int = 8
    part_size: int = 16 << 20
    rules: Rules = field(default_factory=Rules)
    manifest: Path | None = None
    check: bool = False

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ConfigurationError("must be at least 1", subject="jobs", remedy="8 is usual.")
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
    here, there = source.connect(options.jobs), target.connect(options.jobs)
    with journal.opened(options.manifest, source.name, target.name, readonly=options.check) as book:
        if not options.check:
            _resume(there, book)
        with surveyed(here, there, book, options.jobs, planning=options.check) as survey:
            _note_versions(here, survey)
            outcome = Outcome(survey.tally, survey.not_carried, failures=survey.unverifiable)
            outcome.refused = refusals(survey.tally, options.rules, target.bucket)
            if options.check:
                outcome.summary = manifest.summary(options.manifest) if options.manifest else None
            else:
                _carry_out(_Work(here, there, book, options, emit), survey, outcome)
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
    emit: events.Emit


def _check_consent(target: Endpoint, rules: Rules) -> None:
    """Refuse a consent that names another bucket: it was meant for something else."""
    if rules.consent and not rules.consents(target.bucket):
        raise ConfigurationError(
            f"names {rules.consent}, but the target bucket is {target.bucket}",
            subject="consent",
            remedy="Name the bucket whose objects may be overwritten or deleted, or leave it empty.",
        )


def _resume(target: Store, book: Book) -> None:
    """Finish the bookkeeping of a run that was killed, and free what its unfinished uploads hold."""
    for key, upload in book.uploads():
        abandon(target, target.where(key)["Key"], upload)
    if book.has_news or not book.path.exists():
        book.settle(book.known())


def _note_versions(source: Store, survey: Survey) -> None:
    older = count_older_versions(source)
    if older:
        survey.not_carried.objects["older versions"] = older


def _carry_out(work: _Work, survey: Survey, outcome: Outcome) -> None:
    if outcome.refused:
        raise TargetRefusedError(
            "; ".join(outcome.refused),
            subject=work.target.name,
            remedy="Nothing was moved.",
            details={"plan": survey.tally.objects, "examples": survey.tally.examples},
        )
    for result in in_parallel(lambda order: _move(work, order), _orders(work, survey), work.options.jobs):
        if isinstance(result, Failure):
            outcome.failures.append(result)
            work.emit("object.failed", key=result.key, why=result.why)
        else:
            outcome.copied += 1
            outcome.size += result.record.source.size
            if result.redirect:
                outcome.not_carried.add("website redirect", result.record.key, 0)
            work.emit("object.copied", key=result.record.key, bytes=result.record.source.size)
    if work.options.rules.delete_extraneous and not outcome.failures:
        outcome.deleted = _delete(work, survey)
    outcome.summary = _settle(work, outcome)


def _orders(work: _Work, survey: Survey) -> Iterator[Order]:
    yield from survey.orders
    if work.options.rules.on_target_difference == "replace":
        yield from survey.replacements


def _move(work: _Work, order: Order) -> Carried | Failure:
    """Carry one object, trying again what may pass."""
    for attempt in range(1, _TRIES + 1):
        try:
            done = carry(
                work.source, work.target, order, part_size=work.options.part_size, begun=work.book.begun
            )
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
            work.book.prove(done.record)
            return done
    raise AssertionError  # the last try returns


def _look_again(work: _Work, order: Order, error: Exception) -> Carried | Failure:
    """Find out what the target holds: our own write whose answer was lost is proven, all else has failed."""
    entry = Entry(order.key, order.size, order.etag, 0)
    reading = read_both(work.source, work.target, Pair(entry, entry))
    if reading.record is None:
        return Failure(order.key, in_words(error))
    work.book.prove(reading.record)
    return Carried(reading.record, redirect=False)


def _delete(work: _Work, survey: Survey) -> int:
    """Delete what only the target has. The gate was passed in ``refusals``: consent names this bucket."""
    for key in survey.extra:
        with translated(f"{work.target.name}/{key}"):
            work.target.client.delete_object(**work.target.where(key))
        work.emit("object.deleted", key=key)
    return len(survey.extra)


def _settle(work: _Work, outcome: Outcome) -> Summary | None:
    """Look at what the target lists after the move, and keep as proven only what it lists as it was written.

    This is where a store shows that it cannot carry a name (and stored ``a//b`` over ``a/b``, say).
    """
    if work.book.has_news:
        summary = work.book.settle(_confirmed(work, outcome))
    else:
        known = manifest.summary(work.book.path)
        assert known is not None  # noqa: S101 - _resume() wrote it
        summary = known
    return summary if work.options.manifest else None


def _confirmed(work: _Work, outcome: Outcome) -> Iterator[Record]:
    nothing: tuple[Record, ...] = ()
    for entry, record, _ in side_by_side(listed(work.target), work.book.known(), nothing):
        if record is None:
            continue
        if entry and record.target.is_still(entry.etag, entry.size, entry.modified):
            yield record.seen(entry.modified)
        else:
            shown = "does not list it" if entry is None else "lists it with another size or ETag"
            outcome.failures.append(Failure(record.key, f"the target {shown} after it was written"))

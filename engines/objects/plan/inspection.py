"""Looking at both sides before anything is moved: a plan in bounded memory, what is unknown read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from engines.aws import translated
from engines.objects.errors import Failure, TruncatedError, in_words, is_general
from engines.objects.manifest import Book, Record
from engines.objects.plan.decisions import Decision, Tally, Verdict, decide, differing
from engines.objects.plan.model import Order
from engines.objects.progress import Progress
from engines.objects.s3 import (
    Attributes,
    Entry,
    Found,
    Sorted,
    Spool,
    Store,
    in_parallel,
    listed,
    read,
    side_by_side,
)


class Pair(NamedTuple):
    """An object that both sides have."""

    key: str
    source: Entry
    target: Entry


class Extra(NamedTuple):
    """An object that only the target has."""

    key: str


@dataclass
class Survey:
    """A plan: ``orders`` to carry, ``replacements`` of what differs, ``extra``: only on the target.

    ``unknown`` holds what had to be read to find out; it is sorted into the others.
    """

    unknown: Spool[Pair]
    orders: Spool[Order]
    replacements: Spool[Order]
    extra: Spool[Extra]
    tally: Tally = field(default_factory=Tally)
    unverifiable: list[Failure] = field(default_factory=list)
    not_carried: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading an object on both sides gave: a proof, or where they differ, or why it could not."""

    pair: Pair
    record: Record | None = None
    differs: str = ""
    failure: str = ""


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


@contextmanager
def surveyed(
    source: Store, target: Store, book: Book, jobs: int, progress: Progress, *, planning: bool
) -> Iterator[Survey]:
    """Compare both listings with the book, and read what neither proves. Equal objects found so are proven.

    With ``planning`` a target bucket that does not exist yet counts as empty. Raises ``AwsError``.
    """
    with ExitStack() as spools:
        survey = Survey(
            spools.enter_context(Spool(_pair, _plain)),
            spools.enter_context(Spool(Order._make)),
            spools.enter_context(Spool(Order._make)),
            spools.enter_context(Spool(Extra._make)),
        )
        with both_listed(source, target, progress, missing_is_empty=planning) as sides:
            _sort_all_out(survey, book, *sides)
        size = sum(pair.source.size for pair in survey.unknown)
        progress.begin("reading", len(survey.unknown), size)
        for reading in in_parallel(lambda pair: read_both(source, target, pair), survey.unknown, jobs):
            progress.add(1, reading.pair.source.size)
            _add_reading(survey, book, reading)
        yield survey


def _sort_all_out(
    survey: Survey, book: Book, sources: Sorted[Entry] | tuple[()], targets: Sorted[Entry]
) -> None:
    equal, size = 0, 0
    for ours, theirs, record in side_by_side(sources, targets, book.known()):
        if ours is None:
            if record is not None:
                book.forget(record.key)
        elif record is not None and theirs is not None and _is_proven(ours, theirs, record):
            # By far the most in a second run: counted together, at no cost.
            equal, size = equal + 1, size + ours.size
            continue
        decision = decide(ours, theirs, record)
        if decision is not None:
            _sort_out(survey, decision, ours, theirs)
    survey.tally.add_all(Verdict.EQUAL, equal, size)


def _is_proven(source: Entry, target: Entry, record: Record) -> bool:
    return source.storage_class == "STANDARD" and record.source_is(source) and record.target_is(target)


def _sort_out(survey: Survey, decision: Decision, source: Entry | None, target: Entry | None) -> None:
    if source is not None and source.storage_class != "STANDARD":
        survey.not_carried.add(f"storage class {source.storage_class}", source.key, source.size)
    if decision.verdict == Verdict.UNKNOWN and source and target:
        survey.unknown.append(Pair(source.key, source, target))
        return
    if source is not None:
        survey.tally.add(decision.verdict, source.key, source.size, decision.why)
        if decision.verdict == Verdict.COPY:
            survey.orders.append(Order.of(source, target))
        elif decision.verdict == Verdict.DIFFERS:
            survey.replacements.append(Order.of(source, target))
        elif decision.verdict == Verdict.UNVERIFIABLE:
            survey.unverifiable.append(Failure(source.key, decision.why))
    elif target is not None:
        survey.tally.add(decision.verdict, target.key, target.size, decision.why)
        survey.extra.append(Extra(target.key))


def _add_reading(survey: Survey, book: Book, reading: Reading) -> None:
    entry = reading.pair.source
    if reading.record:
        book.prove(reading.record)
        survey.tally.add(Verdict.EQUAL, entry.key, entry.size)
    elif reading.differs:
        survey.tally.add(Verdict.DIFFERS, entry.key, entry.size, reading.differs)
        survey.replacements.append(Order.of(entry, reading.pair.target))
    else:
        survey.tally.add(Verdict.UNVERIFIABLE, entry.key, entry.size, reading.failure)
        survey.unverifiable.append(Failure(entry.key, reading.failure))


def read_both(source: Store, target: Store, pair: Pair) -> Reading:
    """Read an object on both sides. Raises ``AwsError`` for what every object would meet."""
    try:
        (ours, digest), (theirs, found) = read(source, pair.key), read(target, pair.key)
    except (BotoCoreError, ClientError, TruncatedError) as error:
        if is_general(error):
            with translated(f"reading {source.name} and {target.name}"):
                raise
        return Reading(pair, failure=in_words(error))
    where = differing(description(ours, digest, carried=True), description(theirs, found))
    if where:
        return Reading(pair, differs=", ".join(where))
    attributes = ours.attributes.carried().to_data()
    record = Record(
        pair.key, ours.size, digest, ours.etag, ours.modified, theirs.etag, theirs.modified, attributes
    )
    return Reading(pair, record=record)


def description(found: Found, digest: str, *, carried: bool = False) -> dict[str, Any]:
    """Return what has to be the same on both sides; ``carried``: as it would be written to a target."""
    attributes: Attributes = found.attributes.carried() if carried else found.attributes
    return {"size": found.size, "sha256": digest, **flat(attributes.to_data())}


def flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest's attributes as parts to compare: each header by its name, metadata, tags."""
    names = {name: attributes[name] for name in ("metadata", "tags") if name in attributes}
    return names | dict(attributes.get("headers", {}))


def _pair(data: Any) -> Pair:
    return Pair(data[0], Entry._make(data[1]), Entry._make(data[2]))


def _plain(pair: Pair) -> tuple[Any, ...]:
    return pair.key, tuple(pair.source), tuple(pair.target)

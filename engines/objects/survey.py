"""Looking at both sides before anything is moved: a plan in bounded memory, what is unknown read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from engines.aws import translated
from engines.objects.endpoint import Store
from engines.objects.errors import Failure, TruncatedError, in_words, is_general
from engines.objects.journal import Book
from engines.objects.listing import Entry, listed
from engines.objects.manifest import Record
from engines.objects.plan import Decision, Tally, Verdict, decide, differing
from engines.objects.streams import Spool, in_parallel, side_by_side
from engines.objects.transfer import Content, Order, read


@dataclass
class Survey:
    """A plan: ``orders`` to carry, ``replacements`` of what differs, ``extra`` keys that only the target has.

    ``unknown`` holds what had to be read to find out; it is sorted into the others.
    """

    unknown: Spool[Pair]
    orders: Spool[Order]
    replacements: Spool[Order]
    extra: Spool[str]
    tally: Tally = field(default_factory=Tally)
    unverifiable: list[Failure] = field(default_factory=list)
    not_carried: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class Pair:
    """An object that both sides have."""

    source: Entry
    target: Entry


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading an object on both sides gave: a proof, or where they differ, or why it could not."""

    pair: Pair
    record: Record | None = None
    differs: str = ""
    failure: str = ""


@contextmanager
def surveyed(source: Store, target: Store, book: Book, jobs: int, *, planning: bool) -> Iterator[Survey]:
    """Compare both listings with the book, and read what neither proves. Equal objects found so are proven.

    With ``planning`` a target bucket that does not exist yet counts as empty. Raises ``AwsError``.
    """
    with ExitStack() as spools:
        survey = Survey(
            spools.enter_context(Spool(_pair_data, _pair_of)),
            spools.enter_context(Spool(Order.to_data, Order.from_data)),
            spools.enter_context(Spool(Order.to_data, Order.from_data)),
            spools.enter_context(Spool(str, str)),
        )
        sides = listed(source), listed(target, missing_is_empty=planning)
        for ours, theirs, record in side_by_side(*sides, book.known()):
            if ours is None and record is not None:
                book.forget(record.key)
            decision = decide(ours, theirs, record)
            if decision is not None:
                _sort_out(survey, decision, ours, theirs)
        for reading in in_parallel(lambda pair: read_both(source, target, pair), survey.unknown, jobs):
            _add_reading(survey, book, reading)
        yield survey


def _sort_out(survey: Survey, decision: Decision, source: Entry | None, target: Entry | None) -> None:
    if source is not None and source.storage_class != "STANDARD":
        survey.not_carried.add(f"storage class {source.storage_class}", source.key, source.size)
    if decision.verdict == Verdict.UNKNOWN and source and target:
        survey.unknown.append(Pair(source, target))
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
        survey.extra.append(target.key)


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
        ours, theirs = read(source, pair.source.key), read(target, pair.target.key)
    except (BotoCoreError, ClientError, TruncatedError) as error:
        if is_general(error):
            with translated(f"reading {source.name} and {target.name}"):
                raise
        return Reading(pair, failure=in_words(error))
    where = differing(description(ours, carried=True), description(theirs))
    if where:
        return Reading(pair, differs=", ".join(where))
    record = Record(
        pair.source.key, ours.sha256, ours.state, theirs.state, ours.attributes.carried().to_data()
    )
    return Reading(pair, record=record)


def description(content: Content, *, carried: bool = False) -> dict[str, Any]:
    """Return what has to be the same on both sides; ``carried``: as it would be written to a target."""
    attributes = content.attributes.carried() if carried else content.attributes
    return {"size": content.state.size, "sha256": content.sha256, **flat(attributes.to_data())}


def flat(attributes: Any) -> dict[str, Any]:
    """Return a manifest's attributes as parts to compare: each header by its name, metadata, tags."""
    names = {name: attributes[name] for name in ("metadata", "tags") if name in attributes}
    return names | dict(attributes.get("headers", {}))


def _pair_data(pair: Pair) -> list[Any]:
    return [pair.source.to_data(), pair.target.to_data()]


def _pair_of(data: list[Any]) -> Pair:
    return Pair(Entry.from_data(data[0]), Entry.from_data(data[1]))

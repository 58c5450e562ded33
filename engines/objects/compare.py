"""Check two sides against each other, independently of how the objects got there. Nothing is written."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from engines import events
from engines.aws import translated
from engines.errors import ConfigurationError
from engines.objects.concurrency import parallel_map
from engines.objects.errors import (
    OBJECT_ERRORS,
    ManifestError,
    affects_every_object,
    reason_of,
)
from engines.objects.manifest import Manifest, Record, misses, read_header
from engines.objects.plan import (
    both_listed,
    description,
    differing,
    flat,
    positions,
    probed,
    recorded_tags,
    tags_differ,
)
from engines.objects.progress import Progress
from engines.objects.results import Comparison
from engines.objects.s3 import Endpoint, Entry, Store, merge_join, read

_SPACE = 1 << 256
# Objects whose tags are asked for together.
_HELD = 10_000


class Candidate(NamedTuple):
    """One key and what is known of it: the source's entry or its record, and the target's entry."""

    key: str
    source: Entry | None
    target: Entry | None
    record: Record | None

    @property
    def is_late(self) -> bool:
        """Whether the source has written the object since it was copied, and nobody has on the target."""
        source, target, record = self.source, self.target, self.record
        if source is None:
            return False
        if record is None:
            return target is None
        return not record.source_is(source) and (target is None or record.target_is(target))


class Finding(NamedTuple):
    """The answer for one key: one of ``KINDS`` and the reason; ``digest`` of the object, if it was read.

    ``late``: it is not equal because the source has written it since it was copied.
    """

    kind: str
    key: str
    size: int = 0
    reason: str = ""
    digest: int = 0
    late: bool = False


def compare(
    source: Endpoint | None,
    target: Endpoint,
    *,
    mode: str = "content",
    path: Path | None = None,
    jobs: int = 0,
    planning: bool = False,
    accept_unverified: Collection[str] = (),
    check_tags: str = "sample",
    emit: events.Emit = events.emit,
) -> Comparison:
    """Compare every object of both sides: keys, size, SHA-256, content type, other headers, metadata, tags.

    Without ``source`` the manifest at ``path`` stands in for it. ``mode`` is ``content`` (read everything) or
    ``listing`` (believe an object that both sides list exactly as the manifest recorded it; one that they
    list otherwise cannot be verified so). With ``planning`` a target bucket that is yet to be created counts
    as empty. ``accept_unverified`` names what need not be seen: ``tags``. ``check_tags`` says of how many
    objects ``listing`` asks for the tags: ``none``, ``sample`` or ``all``. Raises ``AwsError`` and
    ``ManifestError``.
    """
    started = time.monotonic()
    _check(source, mode, path)
    result = Comparison(source.name if source else "", target.name, mode)
    records = _records(source, target, path, mode, emit)
    with (
        source.connect(accept_unverified) if source else nullcontext() as source_store,
        target.connect(accept_unverified) as target_store,
        Progress(emit, target.name, source_store, target_store) as progress,
        both_listed(source_store, target_store, progress, missing_is_empty=planning) as (sources, targets),
    ):
        result.capabilities = probed(source_store, target_store, (sources, targets))
        progress.begin("comparing", max(len(sources), len(targets)))
        candidates = _candidates(sources, targets, records, with_source=source is not None)
        if mode == "content":
            findings: Iterable[Finding] = parallel_map(
                lambda candidate: _dated(_by_content(source_store, target_store, candidate), candidate),
                candidates,
                jobs,
                lambda finding: finding.size,
            )
        else:
            asked = positions(check_tags, len(sources) or len(targets))
            findings = _by_listings(source_store, target_store, candidates, asked, jobs)
        for finding in findings:
            progress.add(1, finding.size)
            result.tally.add(finding.kind, finding.key, finding.size, finding.reason)
            if finding.late:
                result.late.add("late", finding.key, finding.size)
            if finding.kind == "equal":
                result.fingerprint = (result.fingerprint + finding.digest) % _SPACE
    if records and records.summary:
        result.manifest_sha256 = records.summary.sha256
    result.seconds = round(time.monotonic() - started, 2)
    return result


def _check(source: Endpoint | None, mode: str, path: Path | None) -> None:
    if path is None and (source is None or mode == "listing"):
        raise ConfigurationError(
            "there is nothing to compare with",
            subject="manifest",
            remedy="Name the manifest that s3_mirror wrote, or give a source and mode=content.",
        )
    if source is None and path is not None and not path.exists():
        raise ManifestError("does not exist", subject=str(path), remedy="s3_mirror writes it.")


def _records(
    source: Endpoint | None, target: Endpoint, path: Path | None, mode: str, emit: events.Emit
) -> Manifest | None:
    """Return the manifest. One about other endpoints is not needed where both sides are read."""
    if path is None:
        return None
    about = read_header(path) if source and mode == "content" else None
    if source and about and (what := misses(about, source.name, target.name)):
        emit("manifest.set_aside", reason=f"{path} {what}; the comparison does without it")
        return None
    return Manifest(path, source.name if source else "", target.name)


def _candidates(
    sources: Iterable[Entry], targets: Iterable[Entry], records: Manifest | None, *, with_source: bool
) -> Iterator[Candidate]:
    for source, target, record in merge_join(sources, targets, records or ()):
        known = source or target or record
        # Without a source the records are the keys to expect; with one they only vouch for its objects.
        if known and (source or target or not with_source):
            yield Candidate(known.key, source, target, record)


def _expected_size(candidate: Candidate) -> int:
    known = candidate.source or candidate.record
    return known.size if known else 0


def _by_key(candidate: Candidate, *, expected: bool) -> Finding | None:
    """Answer what needs no reading: an object that only one side has, or of another size."""
    if candidate.target is None:
        return Finding("missing", candidate.key, _expected_size(candidate), "is not on the target")
    if not expected:
        return Finding("extra", candidate.key, candidate.target.size, "is only on the target")
    size = _expected_size(candidate)
    if size != candidate.target.size:
        return Finding("differs", candidate.key, size, "size")
    return None


def _dated(finding: Finding, candidate: Candidate) -> Finding:
    return finding._replace(late=finding.kind != "equal" and candidate.is_late)


def _by_listing(candidate: Candidate, *, with_source: bool) -> Finding:
    record, target, source = candidate.record, candidate.target, candidate.source
    if record and target and source and not record.source_is(source):
        kind = "unverifiable" if source.size == target.size else "differs"
        return Finding(kind, candidate.key, source.size, "was written in the source since it was proven")
    known = _by_key(
        candidate, expected=candidate.source is not None or (record is not None and not with_source)
    )
    if known or target is None:
        return known or Finding("missing", candidate.key)
    if record is None:
        return Finding("unverifiable", candidate.key, target.size, "is not in the manifest")
    if not record.target_is(target):
        return Finding(
            "unverifiable", candidate.key, target.size, "was written on the target since it was proven"
        )
    return Finding("equal", candidate.key, target.size)


def _by_listings(
    source: Store | None,
    target: Store,
    candidates: Iterable[Candidate],
    asked: Collection[int],
    jobs: int,
) -> Iterator[Finding]:
    """Answer by the listings; of the objects with the numbers ``asked``, by their tags, too."""
    held: list[Candidate] = []
    for number, candidate in enumerate(candidates):
        finding = _dated(_by_listing(candidate, with_source=source is not None), candidate)
        if finding.kind != "equal" or number not in asked:
            yield finding
            continue
        held.append(candidate)
        if len(held) == _HELD:
            yield from parallel_map(lambda one: _by_tags(source, target, one), held, jobs)
            held = []
    yield from parallel_map(lambda one: _by_tags(source, target, one), held, jobs)


def _by_tags(source: Store | None, target: Store, candidate: Candidate) -> Finding:
    record, key = candidate.record, candidate.key
    assert record is not None  # noqa: S101 - _by_listing() has found it equal by its record
    try:
        for store in (target, source):
            if store is not None and tags_differ(store, key, recorded_tags(record)):
                return Finding("differs", key, record.size, "tags", late=store is source)
    except OBJECT_ERRORS as error:
        if affects_every_object(error):
            with translated(f"reading {target.name}"):
                raise
        return Finding("unverifiable", key, record.size, reason_of(error))
    return Finding("equal", key, record.size)


def _by_content(source: Store | None, target: Store, candidate: Candidate) -> Finding:
    known = _by_key(
        candidate, expected=candidate.source is not None or (candidate.record is not None and source is None)
    )
    if known:
        return known
    size = candidate.target.size if candidate.target else 0
    try:
        expected, unread = _expected(source, candidate)
        read_back, digest = read(target, candidate.key, candidate.target)
    except OBJECT_ERRORS as error:
        if affects_every_object(error):
            with translated(f"reading {target.name}"):
                raise
        return Finding("unverifiable", candidate.key, size, reason_of(error))
    found = description(read_back, digest)
    where = differing(expected, found, {*unread, *read_back.unread})
    if where:
        return Finding("differs", candidate.key, size, ", ".join(where))
    text = json.dumps([candidate.key, found], sort_keys=True)
    return Finding("equal", candidate.key, size, digest=int(hashlib.sha256(text.encode()).hexdigest(), 16))


def _expected(source: Store | None, candidate: Candidate) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what the target must have, and what of it may not be read."""
    if source:
        found, digest = read(source, candidate.key, candidate.source)
        return description(found, digest, as_target=True), found.unread
    record = candidate.record
    assert record is not None  # noqa: S101 - _by_key() has answered for keys without one
    return {"size": record.size, "sha256": record.sha256, **flat(record.attributes)}, ()

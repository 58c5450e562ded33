"""Check two sides against each other, independently of how the objects got there. Nothing is written."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from engines import events
from engines.aws import translated
from engines.errors import ConfigurationError
from engines.objects.errors import DifferentError, ManifestError, TruncatedError, in_words, is_general
from engines.objects.manifest import Manifest, Record
from engines.objects.plan import Tally, both_listed, description, differing, flat
from engines.objects.progress import Progress
from engines.objects.s3 import Endpoint, Entry, Store, in_parallel, read, side_by_side

KINDS = ("equal", "differs", "missing", "extra", "unverifiable")
_SPACE = 1 << 256


class Question(NamedTuple):
    """One key and what is known of it: the source's entry or its record, and the target's entry."""

    key: str
    source: Entry | None
    target: Entry | None
    record: Record | None


class Finding(NamedTuple):
    """The answer for one key: one of ``KINDS`` and why; ``digest`` of the object, if it was read."""

    kind: str
    key: str
    size: int = 0
    why: str = ""
    digest: int = 0


@dataclass
class Comparison:
    """A finished comparison; ``fingerprint`` is the sum of the digests of all equal objects."""

    source: str
    target: str
    mode: str
    tally: Tally = field(default_factory=Tally)
    fingerprint: int = 0
    manifest_sha256: str = ""
    seconds: float = 0.0

    @property
    def is_equal(self) -> bool:
        """Say whether every object of either side was found equal."""
        return not any(self.tally.count(kind) for kind in KINDS if kind != "equal")


def compare(
    source: Endpoint | None,
    target: Endpoint,
    *,
    mode: str = "content",
    path: Path | None = None,
    jobs: int = 16,
    planning: bool = False,
    emit: events.Emit = events.emit,
) -> Comparison:
    """Compare every object of both sides: keys, size, SHA-256, content type, other headers, metadata, tags.

    Without ``source`` the manifest at ``path`` stands in for it. ``mode`` is ``content`` (read everything) or
    ``listing`` (believe an object that both sides list exactly as the manifest recorded it; one that they
    list otherwise cannot be verified so). With ``planning`` a target bucket that is yet to be created counts
    as empty. Raises ``AwsError`` and ``ManifestError``.
    """
    started = time.monotonic()
    _check(source, mode, path)
    result = Comparison(source.name if source else "", target.name, mode)
    records = Manifest(path, source.name if source else "", target.name) if path else None
    with (
        source.connect() if source else nullcontext() as here,
        target.connect() as there,
        Progress(emit, target.name) as progress,
        both_listed(here, there, progress, missing_is_empty=planning) as (ours, theirs),
    ):
        progress.begin("comparing")
        questions = _questions(ours, theirs, records, with_source=source is not None)
        if mode == "content":
            findings: Iterable[Finding] = in_parallel(
                lambda asked: _by_content(here, there, asked), questions, jobs
            )
        else:
            findings = (_by_listing(asked, with_source=here is not None) for asked in questions)
        for finding in findings:
            progress.add(1, finding.size)
            result.tally.add(finding.kind, finding.key, finding.size, finding.why)
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


def _questions(
    sources: Iterable[Entry], targets: Iterable[Entry], records: Manifest | None, *, with_source: bool
) -> Iterator[Question]:
    for ours, theirs, record in side_by_side(sources, targets, records or ()):
        known = ours or theirs or record
        # Without a source the records are the keys to expect; with one they only vouch for its objects.
        if known and (ours or theirs or not with_source):
            yield Question(known.key, ours, theirs, record)


def _expected_size(asked: Question) -> int:
    known = asked.source or asked.record
    return known.size if known else 0


def _by_key(asked: Question, *, expected: bool) -> Finding | None:
    """Answer what needs no reading: an object that only one side has, or of another size."""
    if asked.target is None:
        return Finding("missing", asked.key, _expected_size(asked), "is not on the target")
    if not expected:
        return Finding("extra", asked.key, asked.target.size, "is only on the target")
    size = _expected_size(asked)
    if size != asked.target.size:
        return Finding("differs", asked.key, size, "size")
    return None


def _by_listing(asked: Question, *, with_source: bool) -> Finding:
    record, target = asked.record, asked.target
    known = _by_key(asked, expected=asked.source is not None or (record is not None and not with_source))
    if known or target is None:
        return known or Finding("missing", asked.key)
    if record is None:
        return Finding("unverifiable", asked.key, target.size, "is not in the manifest")
    if not record.target_is(target):
        return Finding(
            "unverifiable", asked.key, target.size, "was written on the target since it was proven"
        )
    source = asked.source
    if source and not record.source_is(source):
        return Finding(
            "unverifiable", asked.key, target.size, "was written in the source since it was proven"
        )
    return Finding("equal", asked.key, target.size)


def _by_content(source: Store | None, target: Store, asked: Question) -> Finding:
    known = _by_key(asked, expected=asked.source is not None or (asked.record is not None and source is None))
    if known:
        return known
    size = asked.target.size if asked.target else 0
    try:
        expected = _expected(source, asked)
        found = description(*read(target, asked.key))
    except (BotoCoreError, ClientError, TruncatedError) as error:
        if is_general(error):
            with translated(f"reading {target.name}"):
                raise
        return Finding("unverifiable", asked.key, size, in_words(error))
    where = differing(expected, found)
    if where:
        return Finding("differs", asked.key, size, ", ".join(where))
    text = json.dumps([asked.key, found], sort_keys=True)
    return Finding("equal", asked.key, size, digest=int(hashlib.sha256(text.encode()).hexdigest(), 16))


def _expected(source: Store | None, asked: Question) -> dict[str, Any]:
    if source:
        return description(*read(source, asked.key), carried=True)
    record = asked.record
    assert record is not None  # noqa: S101 - _by_key() has answered for keys without one
    return {"size": record.size, "sha256": record.sha256, **flat(record.attributes)}


def comparison_result(comparison: Comparison, *, require_equal: bool) -> dict[str, Any]:
    """Return a comparison as return values. Raises ``DifferentError`` if it had to be equal and is not."""
    tally = comparison.tally
    counts = {kind: tally.count(kind) for kind in KINDS}
    result = {
        "changed": False,
        "is_equal": comparison.is_equal,
        "summary": _summary(comparison, counts),
        "counts": counts,
        **{kind: sorted(tally.examples.get(kind, []), key=str) for kind in KINDS if kind != "equal"},
        "seconds": comparison.seconds,
        "evidence": {
            "source": comparison.source,
            "target": comparison.target,
            "mode": comparison.mode,
            **counts,
            "bytes": tally.size.get("equal", 0),
            "fingerprint": f"{comparison.fingerprint:064x}" if comparison.mode == "content" else "",
            "manifest_sha256": comparison.manifest_sha256,
        },
    }
    if require_equal and not comparison.is_equal:
        raise DifferentError(
            "is not equal to the source: " + _in_words(tally, counts),
            subject=comparison.target,
            details=result,
        )
    return result


def _summary(comparison: Comparison, counts: dict[str, int]) -> str:
    rest = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count and kind != "equal")
    what = f"{counts['equal']} objects equal ({comparison.tally.size.get('equal', 0):,} bytes)"
    source = comparison.source or "its manifest"
    return f"{comparison.target} against {source}: {what}, {rest or 'none otherwise'}, {comparison.seconds} s"


def _in_words(tally: Tally, counts: dict[str, int]) -> str:
    parts = []
    for kind in KINDS[1:]:
        if counts[kind]:
            first = tally.examples[kind][0]
            parts.append(f"{counts[kind]} {kind} (such as {first['key']!r}: {first.get('why', '')})")
    return ", ".join(parts)

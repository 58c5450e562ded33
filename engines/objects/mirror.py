"""Copy a bucket to another store: inspect both, plan, copy what the target lacks, confirm what arrived."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from engines import events
from engines.errors import ConfigurationError
from engines.objects import manifest
from engines.objects.bucket_settings import settings_not_copied
from engines.objects.errors import Failure, TargetRefusedError
from engines.objects.manifest import MirrorState, Record, Summary
from engines.objects.plan import CopyPlan, CopyTask, Rules, Verdict, make_plan, refusals
from engines.objects.progress import Progress
from engines.objects.results import MirrorResult, incomplete
from engines.objects.s3 import Endpoint, Entry, Store, listed, merge_join, older_versions
from engines.objects.transfer import (
    Copied,
    Executor,
    abort_upload,
    found_as_written,
    unfinished_uploads,
)

_SMALLEST_PART = 5 << 20


@dataclass(frozen=True)
class Options:
    """How to mirror. ``part_size`` in bytes; ``manifest`` None keeps no proof; ``check`` only plans.

    ``jobs``: how many objects are moved at a time; 0 means as many as help.

    ``accept_unverified`` names what need not be seen of an object: ``tags``. ``check_tags`` says how many
    objects that are proven are asked whether they were tagged anew: ``none``, ``sample`` or ``all``.
    """

    jobs: int = 0
    part_size: int = 16 << 20
    rules: Rules = field(default_factory=Rules)
    manifest: Path | None = None
    check: bool = False
    accept_unverified: Collection[str] = ()
    check_tags: str = "sample"

    def __post_init__(self) -> None:
        if self.jobs < 0:
            raise ConfigurationError(
                "must be at least 1, or 0 for as many as help", subject="jobs", remedy="0 is usual."
            )
        if self.part_size < _SMALLEST_PART:
            raise ConfigurationError(
                "must be at least 5 MiB, S3's smallest part", subject="part_size", remedy="16777216 is usual."
            )


def mirror(
    source: Endpoint, target: Endpoint, options: Options, emit: events.Emit = events.emit
) -> MirrorResult:
    """Make the target hold every object of the source, byte for byte, with its attributes; keep the proofs.

    Raises ``TargetRefusedError`` before anything is copied if the target holds what the migration did not
    put there, ``IncompleteError`` at the end if some objects could not be copied, ``LockedError`` if another
    mirror is at work, and ``AwsError`` for what concerns every object.
    """
    started = time.monotonic()
    _check_consent(target, options.rules)
    if options.rules.only_new:
        _require_manifest(options.manifest)
    with (
        source.connect(options.accept_unverified) as source_store,
        target.connect(options.accept_unverified) as target_store,
        manifest.open_state(options.manifest, source.name, target.name, readonly=options.check) as state,
        Progress(emit, target.name, source_store, target_store) as progress,
    ):
        if state.set_aside:
            emit("manifest.set_aside", reason=state.set_aside)
        if not options.check:
            _abort_unfinished_uploads(target_store, state)
        with make_plan(
            source_store,
            target_store,
            state,
            options.jobs,
            progress,
            planning=options.check,
            check_tags="none" if options.rules.only_new else options.check_tags,
            only_new=options.rules.only_new,
        ) as plan:
            _note_versions(source_store, plan)
            _note_settings(source_store, target_store, plan)
            result = MirrorResult(
                plan.tally,
                plan.not_copied,
                failures=plan.unverifiable,
                capabilities=plan.capabilities,
                set_aside=state.set_aside,
            )
            result.refused = refusals(plan.tally, options.rules, target.bucket)
            if options.check:
                result.refused += _would_fail(plan, options)
                is_known = options.manifest and not state.set_aside
                result.manifest = manifest.read_summary(state.path) if is_known else None
            else:
                executor = Executor(
                    source_store, target_store, state, options.jobs, options.part_size, progress, emit
                )
                _apply(executor, plan, options, result)
    result.seconds = round(time.monotonic() - started, 2)
    if result.failures and not options.check:
        raise incomplete(target, result)
    return result


def _check_consent(target: Endpoint, rules: Rules) -> None:
    """Refuse a consent that names another bucket: it was meant for something else."""
    if rules.consent and not rules.consents(target.bucket):
        raise ConfigurationError(
            f"names {rules.consent}, but the target bucket is {target.bucket}",
            subject="consent",
            remedy="Name the bucket whose objects may be overwritten or deleted, or leave it empty.",
        )


def _require_manifest(path: Path | None) -> None:
    """Refuse to guess which objects were never copied, and which users have deleted since."""
    if path is None or not path.exists():
        raise ConfigurationError(
            "does not exist, so that what users have deleted would be taken for what came late",
            subject=f"manifest {path or ''}".strip(),
            remedy="Run it where the objects were copied, or copy the keys that were reported yourself.",
        )


def _abort_unfinished_uploads(target: Store, state: MirrorState) -> None:
    """Free what the multipart uploads of a killed run hold, also of one whose id it did not learn."""
    last: dict[str, str] = {}
    for key, upload in state.uploads():
        last[key] = upload
        if upload:
            abort_upload(target, key, upload)
    for key in (key for key, upload in last.items() if not upload):
        for upload in unfinished_uploads(target, key):
            abort_upload(target, key, upload)


def _note_versions(source: Store, plan: CopyPlan) -> None:
    older = older_versions(source)
    if older is None:
        plan.not_copied.add("older versions (their number cannot be found out)", "", 0)
        return
    plan.not_copied.add_all("older versions", older.versions, 0)
    plan.not_copied.add_all("delete markers", older.delete_markers, 0)


def _note_settings(source: Store, target: Store, plan: CopyPlan) -> None:
    for sentence in settings_not_copied(source, target):
        plan.not_copied.name(sentence)


def _apply(executor: Executor, plan: CopyPlan, options: Options, result: MirrorResult) -> None:
    """Carry out the plan, and fill in ``result``."""
    if result.refused:
        raise TargetRefusedError(
            "; ".join(result.refused),
            subject=executor.target.name,
            remedy="Nothing was copied.",
            details={"plan": plan.tally.objects, "examples": plan.tally.examples},
        )
    _begin_copying(executor.progress, plan, options.rules)
    for copied in executor.copy(plan.folders, _copies(plan, options.rules)):
        _count(result, copied)
    if options.rules.delete_extraneous and not result.failures:
        # Consent names this bucket, or ``refusals`` would have said so.
        result.deleted = executor.delete(plan.extra)
    result.manifest = _confirm(executor, options, result)


def _replaces(rules: Rules) -> bool:
    return rules.on_target_difference == "replace"


def _would_fail(plan: CopyPlan, options: Options) -> list[str]:
    """Return why a run would copy nothing, as far as one object of the source shows it."""
    is_denied = plan.capabilities["source"].tags == "denied" and "tags" not in options.accept_unverified
    if not is_denied or not plan.tally.count(Verdict.COPY):
        return []
    return [
        "the tags of the source may not be read: allow s3:GetObjectTagging; or accept_unverified=tags copies"
        " the objects without them"
    ]


def _begin_copying(progress: Progress, plan: CopyPlan, rules: Rules) -> None:
    kinds = [Verdict.COPY, *([Verdict.DIFFERS] if _replaces(rules) else [])]
    objects, size = (
        sum(part.get(kind, 0) for kind in kinds) for part in (plan.tally.objects, plan.tally.size)
    )
    progress.begin("copying", objects, size)


def _copies(plan: CopyPlan, rules: Rules) -> Iterable[CopyTask]:
    """Return what is to be copied under these rules, apart from the markers of new folders."""
    return chain(plan.copies, plan.replacements if _replaces(rules) else ())


def _count(result: MirrorResult, copied: Copied | Failure) -> None:
    if isinstance(copied, Failure):
        result.failures.append(copied)
        return
    result.copied += 1
    result.size += copied.record.size
    for what in copied.not_copied:
        result.not_copied.add(what, copied.record.key, 0)


def _confirm(executor: Executor, options: Options, result: MirrorResult) -> Summary | None:
    """List the target after the copy, and keep as proven only what it lists as it was written.

    This is where a store shows that it cannot hold a key (and stored ``a//b`` over ``a/b``, say).
    """
    state = executor.state
    if state.has_pending or state.summary is None:
        executor.progress.begin("listing")
        with listed(executor.target, seen=executor.progress.add) as entries:
            only_new = options.rules.only_new
            confirmed = _confirmed(executor.target, state, result, entries, only_new=only_new)
            state.write_manifest(confirmed)
    return state.summary if options.manifest else None


def _confirmed(
    target: Store, state: MirrorState, result: MirrorResult, entries: Iterable[Entry], *, only_new: bool
) -> Iterator[Record]:
    nothing: tuple[Record, ...] = ()
    # One that could not be copied is reported already, with why.
    failed = {failure.key for failure in result.failures}
    for entry, record, _ in merge_join(entries, state.records(), nothing):
        if record is None:
            continue
        if entry and record.target_is(entry):
            yield record.seen(entry.modified)
        elif only_new and record.target_modified:
            yield record  # of an earlier run: users have changed or deleted it since
        elif record.key not in failed:
            if entry and (same := found_as_written(target, record, entry)):
                yield same
                continue
            shown = "does not list it" if entry is None else "lists it with another size or ETag"
            result.failures.append(Failure(record.key, f"the target {shown} after it was written"))

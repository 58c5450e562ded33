"""What a mirror did and what a comparison found: as return values, as a diff, as an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from engines.objects.errors import DifferentError, Failure, IncompleteError
from engines.objects.manifest import Summary
from engines.objects.plan import Rules, Tally, Verdict
from engines.objects.s3 import Capabilities, Endpoint

# How many failed objects are listed; their number is always given.
_NAMED = 100
KINDS = ("equal", "differs", "missing", "extra", "unverifiable")


@dataclass
class MirrorResult:
    """What a mirror did, or with ``check`` would do."""

    plan: Tally
    not_copied: Tally
    refused: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    copied: int = 0
    size: int = 0
    deleted: int = 0
    manifest: Summary | None = None
    seconds: float = 0.0
    capabilities: dict[str, Capabilities] = field(default_factory=dict)
    # What became of a manifest about other endpoints.
    set_aside: str = ""


def incomplete(target: Endpoint, result: MirrorResult) -> IncompleteError:
    """Return the error that lists what could not be copied."""
    first = ", ".join(f"{failure.key!r} {failure.reason}" for failure in result.failures[:3])
    return IncompleteError(
        f"{len(result.failures)} object(s) could not be copied ({first}); {result.copied} were copied",
        subject=target.name,
        remedy="The same command copies the remaining ones.",
        details={
            "failed_objects": [asdict(failure) for failure in result.failures[:_NAMED]],
            "failed_count": len(result.failures),
            "copied": result.copied,
            "bytes": result.size,
            "not_copied": _not_copied(result),
        },
    )


def as_result(result: MirrorResult, rules: Rules, target: Endpoint, *, check: bool) -> dict[str, Any]:
    """Return an result as a module's return values."""
    tally = result.plan
    counts = {verdict.value: tally.count(verdict) for verdict in Verdict if verdict != Verdict.UNKNOWN}
    replaces = tally.count(Verdict.DIFFERS) if rules.on_target_difference == "replace" else 0
    deletes = tally.count(Verdict.EXTRA) if rules.delete_extraneous else 0
    would_change = bool(tally.count(Verdict.COPY) + replaces + deletes) and not result.refused
    summary = result.manifest
    return {
        "changed": would_change if check else bool(result.copied or result.deleted),
        "summary": _summary(result, target, counts, check=check),
        "plan": counts,
        "plan_bytes": {verdict: tally.size.get(verdict, 0) for verdict in counts},
        "examples": tally.examples,
        "copied": result.copied,
        "deleted": result.deleted,
        "bytes": result.size,
        "failed_objects": [asdict(failure) for failure in result.failures[:_NAMED]],
        "refused": result.refused,
        "not_copied": _not_copied(result),
        "capabilities": _capabilities(result.capabilities),
        "set_aside": [result.set_aside] if result.set_aside else [],
        "manifest": {} if summary is None else {**asdict(summary), "path": str(summary.path)},
        "seconds": result.seconds,
        "diff": _diff(tally, rules, target, bool(result.refused)),
    }


def _capabilities(found: Mapping[str, Capabilities]) -> dict[str, dict[str, Any]]:
    return {side: asdict(one) for side, one in found.items()}


def _not_copied(result: MirrorResult) -> list[dict[str, Any]]:
    return [
        {"what": what, "objects": count, "examples": result.not_copied.examples.get(what, [])}
        for what, count in sorted(result.not_copied.objects.items())
    ]


def _summary(result: MirrorResult, target: Endpoint, counts: dict[str, int], *, check: bool) -> str:
    if check:
        done = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing to do"
        return f"{target.name}: planned {done}, {result.seconds} s"
    done = f"{result.copied} objects copied ({result.size:,} bytes)"
    deleted = f", {result.deleted} deleted" if result.deleted else ""
    return f"{target.name}: {done}{deleted}, {counts['equal']} already equal, {result.seconds} s"


def _diff(tally: Tally, rules: Rules, target: Endpoint, refused: bool) -> dict[str, str]:
    """Return what would change on the target, as Ansible shows it; equal texts when nothing would."""
    total, keys = tally.count(Verdict.EQUAL), []
    size = tally.size.get(Verdict.EQUAL, 0)
    before = f"{total} objects equal to the source, {size} bytes\n"
    kinds = [Verdict.COPY] + ([Verdict.DIFFERS] if rules.on_target_difference == "replace" else [])
    for kind in [] if refused else kinds:
        total, size = total + tally.count(kind), size + tally.size.get(kind, 0)
        keys += [f"{kind}: {example['key']!r}\n" for example in tally.examples.get(kind, ())]
        if tally.count(kind) > len(tally.examples.get(kind, ())):
            keys.append(f"{kind}: … {tally.count(kind)} in all\n")
    if rules.delete_extraneous and not refused:
        keys += [f"delete: {example['key']!r}\n" for example in tally.examples.get(Verdict.EXTRA, ())]
    after = f"{total} objects equal to the source, {size} bytes\n" + "".join(keys)
    return {"before_header": target.name, "after_header": target.name, "before": before, "after": after}


@dataclass
class Comparison:
    """A finished comparison; ``fingerprint`` is the sum of the digests of all equal objects.

    ``late`` tallies those that are not equal because the source has written them since they were copied.
    """

    source: str
    target: str
    mode: str
    tally: Tally = field(default_factory=Tally)
    fingerprint: int = 0
    late: Tally = field(default_factory=Tally)
    manifest_sha256: str = ""
    seconds: float = 0.0
    capabilities: dict[str, Capabilities] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """Return whether every object of either side was found equal."""
        return not self.differences

    @property
    def differences(self) -> int:
        """Return how many objects were not found equal."""
        return sum(self.tally.count(kind) for kind in KINDS if kind != "equal")


def comparison_result(
    comparison: Comparison, *, require_equal: bool, accept_late: bool = False
) -> dict[str, Any]:
    """Return a comparison as return values. Raises ``DifferentError`` if it had to be equal and is not.

    With ``accept_late``, what the source has written since the copy may be missing or differ.
    """
    tally, late = comparison.tally, comparison.late.count("late")
    counts = {kind: tally.count(kind) for kind in KINDS}
    result = {
        "changed": False,
        "is_equal": comparison.is_equal,
        "summary": _comparison_summary(comparison, counts),
        "counts": counts,
        "late": {"count": late, "keys": [one["key"] for one in comparison.late.examples.get("late", [])]},
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
            # What its clock says is of this run alone.
            "capabilities": {
                side: {name: value for name, value in one.items() if name != "clock_ahead_seconds"}
                for side, one in _capabilities(comparison.capabilities).items()
            },
        },
    }
    if require_equal and comparison.differences > (late if accept_late else 0):
        raise DifferentError(
            "is not equal to the source: " + _in_words(tally, counts),
            subject=comparison.target,
            remedy="If the source is written to, stop its writers; then run the storage phase again.",
            details=result,
        )
    return result


def _comparison_summary(comparison: Comparison, counts: dict[str, int]) -> str:
    rest = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count and kind != "equal")
    if late := comparison.late.count("late"):
        rest += f" ({late} of them written in the source since they were copied)"
    what = f"{counts['equal']} objects equal ({comparison.tally.size.get('equal', 0):,} bytes)"
    source = comparison.source or "its manifest"
    return f"{comparison.target} against {source}: {what}, {rest or 'none otherwise'}, {comparison.seconds} s"


def _in_words(tally: Tally, counts: dict[str, int]) -> str:
    parts = []
    for kind in KINDS[1:]:
        if counts[kind]:
            first = tally.examples[kind][0]
            parts.append(f"{counts[kind]} {kind} (such as {first['key']!r}: {first.get('reason', '')})")
    return ", ".join(parts)

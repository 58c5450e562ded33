"""What a mirror did, told: as return values, as a diff, as the error that lists what failed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from engines.objects.errors import Failure, IncompleteError
from engines.objects.manifest import Summary
from engines.objects.plan import Rules, Tally, Verdict
from engines.objects.s3 import Endpoint

# How many failed objects are listed; their number is always given.
_NAMED = 100


@dataclass
class Outcome:
    """What a mirror did, or with ``check`` would do."""

    survey: Tally
    not_carried: Tally
    refused: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    copied: int = 0
    size: int = 0
    deleted: int = 0
    summary: Summary | None = None
    seconds: float = 0.0


def incomplete(target: Endpoint, outcome: Outcome) -> IncompleteError:
    """Return the error that lists what could not be carried."""
    first = ", ".join(f"{failure.key!r} {failure.why}" for failure in outcome.failures[:3])
    return IncompleteError(
        f"{len(outcome.failures)} object(s) could not be carried ({first}); {outcome.copied} were copied",
        subject=target.name,
        remedy="The same command goes on with those that are left.",
        details={
            "failed_objects": [asdict(failure) for failure in outcome.failures[:_NAMED]],
            "failed_count": len(outcome.failures),
            "copied": outcome.copied,
            "bytes": outcome.size,
            "not_carried": _not_carried(outcome),
        },
    )


def as_result(outcome: Outcome, rules: Rules, target: Endpoint, *, check: bool) -> dict[str, Any]:
    """Return an outcome as a module's return values."""
    tally = outcome.survey
    counts = {verdict.value: tally.count(verdict) for verdict in Verdict if verdict != Verdict.UNKNOWN}
    replaces = tally.count(Verdict.DIFFERS) if rules.on_target_difference == "replace" else 0
    deletes = tally.count(Verdict.EXTRA) if rules.delete_extraneous else 0
    would_change = bool(tally.count(Verdict.COPY) + replaces + deletes) and not outcome.refused
    summary = outcome.summary
    return {
        "changed": would_change if check else bool(outcome.copied or outcome.deleted),
        "summary": _summary(outcome, target, counts, check=check),
        "plan": counts,
        "plan_bytes": {verdict: tally.size.get(verdict, 0) for verdict in counts},
        "examples": tally.examples,
        "copied": outcome.copied,
        "deleted": outcome.deleted,
        "bytes": outcome.size,
        "failed_objects": [asdict(failure) for failure in outcome.failures[:_NAMED]],
        "refused": outcome.refused,
        "not_carried": _not_carried(outcome),
        "manifest": {} if summary is None else {**asdict(summary), "path": str(summary.path)},
        "seconds": outcome.seconds,
        "diff": _diff(tally, rules, target, bool(outcome.refused)),
    }


def _not_carried(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {"what": what, "objects": count, "examples": outcome.not_carried.examples.get(what, [])}
        for what, count in sorted(outcome.not_carried.objects.items())
    ]


def _summary(outcome: Outcome, target: Endpoint, counts: dict[str, int], *, check: bool) -> str:
    if check:
        done = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing to do"
        return f"{target.name}: planned {done}, {outcome.seconds} s"
    done = f"{outcome.copied} objects copied ({outcome.size:,} bytes)"
    deleted = f", {outcome.deleted} deleted" if outcome.deleted else ""
    return f"{target.name}: {done}{deleted}, {counts['equal']} already equal, {outcome.seconds} s"


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

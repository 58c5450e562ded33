"""What a reader wants to know first: plan against done, warnings, costs, later verifications. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engines.migration_plan import estimate
from engines.report.model import Data, Section, Table

_GONE = ("differs", "missing", "unverifiable")


def against_plan(database: Data | None, storage: Data | None, release: Data | None) -> list[dict[str, Any]]:
    """Return what the source had when both sides were compared, and what the target has of it."""
    rows: list[tuple[str, int, int]] = []
    if database:
        tables = database["tables"]
        rows += [
            ("tables", len(tables), sum(bool(one["equal"]) for one in tables)),
            (
                "rows",
                sum(one["rows"] or 0 for one in tables),
                sum(one["target_rows"] or 0 for one in tables),
            ),
        ]
    if storage:
        buckets = storage["buckets"]
        equal = sum(one["equal"] or 0 for one in buckets)
        other = sum(one[kind] or 0 for one in buckets for kind in _GONE)
        rows.append(("objects", equal + other, equal))
        rows.append(("objects that the source has not", 0, sum(one["extra"] or 0 for one in buckets)))
    if release and release["smoke"].get("tests"):
        smoke = release["smoke"]
        rows.append(
            (
                "requests to the service",
                smoke["tests"] - (smoke.get("skipped") or 0),
                smoke.get("passed") or 0,
            )
        )
    return [
        {"what": what, "planned": planned, "done": done, "difference": done - planned}
        for what, planned, done in rows
    ]


def costs(state: Data, storage: Data | None) -> dict[str, Any] | None:
    """Return what the target costs a month, by list prices; None where the ledger has no sizes of it."""
    phases = state.get("phases") or {}
    stack, tasks = (
        ((phases.get(phase) or {}).get("evidence") or {}).get(name) or {}
        for phase, name in (("provision", "stack"), ("deploy", "tasks"))
    )
    if not stack.get("sizes"):
        return None
    buckets = (storage or {}).get("buckets") or ()
    objects, size = (sum(one[name] or 0 for one in buckets) for name in ("equal", "bytes"))
    return estimate(str(stack.get("region", "")), stack["sizes"], tasks, objects, size).as_dict()


def warnings(report: Data, state: Data) -> list[str]:
    """Return what somebody who trusts the verdict should know as well, each in a sentence."""
    return [*_unproven(report), *_of_release(report), *_of_runs(report, state)]


def _unproven(report: Data) -> Iterator[str]:
    database, storage = report["database"], report["storage"]
    for one in (database or {}).get("differences") or ():
        yield f"Source and target database differ: {one}"
    for one in (storage or {}).get("buckets") or ():
        if one["unverifiable"]:
            yield f"Bucket {one['name']}: {one['unverifiable']} objects could not be compared."
        if one["mode"] not in {None, "", "content"}:
            yield f"Bucket {one['name']} was compared by {one['mode']}, not by content."


def _of_release(report: Data) -> Iterator[str]:
    release = report["release"] or {}
    smoke = release.get("smoke") or {}
    if smoke.get("skipped"):
        yield f"{smoke['skipped']} requests to the service were skipped."
    accepted = (release.get("go_live") or {}).get("accepted_count") or 0
    if accepted:
        yield f"{accepted} differences were accepted by the operator when users were moved."


def _of_runs(report: Data, state: Data) -> Iterator[str]:
    if state.get("back_since"):
        yield f"Users were moved back to the source at {state['back_since']}."
    adopted = (report["stack"] or {}).get("adopted") or ()
    if adopted:
        yield f"Existed before, and were imported into the stack: {', '.join(map(str, adopted))}."
    for one in report["runs"]:
        if one["outcome"] in {"failed", "interrupted"}:
            yield f"Run {one['run_id']} {'failed' if one['outcome'] == 'failed' else 'was interrupted'}."
    last = report["verifications"][-1:]
    if last and not last[0]["equal"]:
        since = "which may be what users have written since"
        yield f"The last verification, at {last[0]['at']}, found differences, {since}."


def found_sections(report: Data) -> list[Section]:
    """Return the sections that come first."""
    found = [Section("Warnings", report["warnings"] or ["None."])]
    if rows := report["plan"]:
        cells = [
            [str(one["what"]), *_numbers(one), "equal" if not one["difference"] else "DIFFERS"]
            for one in rows
        ]
        words = [f"{sum(bool(one['difference']) for one in rows)} differences."]
        head = ("what", "planned", "done", "difference", "result")
        caption = "What the source had when both sides were compared, and what the target has"
        found.append(Section("Plan against done", words, [Table(caption, head, cells, frozenset({1, 2, 3}))]))
    return found


def _numbers(one: Data) -> list[str]:
    return [f"{one[name]:,}" for name in ("planned", "done", "difference")]


def verification_section(report: Data) -> Section | None:
    """Return what `verify.yml` has found since."""
    rows: Sequence[Mapping[str, Any]] = report["verifications"]
    cells = [
        (
            one["at"],
            one["by"],
            f"{one['rows']:,}",
            f"{one['objects']:,}",
            "equal" if one["equal"] else "DIFFERS",
        )
        for one in rows
    ]
    head = ("at (UTC)", "by", "rows", "objects", "result")
    table = Table("Source and target, compared again", head, cells, frozenset({2, 3}))
    said = [line.strip() for line in rows[-1]["recheck"]] if rows else []
    return Section("Verifications", said, [table]) if rows else None


def cost_section(report: Data) -> Section | None:
    """Return what the target costs."""
    found = report["costs"]
    if not found:
        return None
    rows = [(one["what"], f"{one['monthly_usd']:,.2f}") for one in found["items"]]
    words = [
        f"About {found['monthly_usd']:,.2f} USD a month by the list prices of {found['priced_as']} as of"
        f" {found['as_of']}. Not in it: {found['not_in_it']}. The bill is AWS's.",
        *([f"Without a price in the table: {', '.join(found['unknown'])}."] if found["unknown"] else []),
    ]
    table = Table("USD a month", ("what", "USD"), rows, frozenset({1}))
    return Section("Costs", words, [table])

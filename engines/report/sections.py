"""The parts of a report as titles, sentences and tables, whatever they are written in. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engines.report.findings import cost_section, found_sections, verification_section
from engines.report.model import Data, Section, Table, seconds, size

_SHORT = 16


def sections(report: Data) -> list[Section]:
    """Return a report's parts, without those of which there is nothing."""
    parts = (_timeline, _database, _storage, _image, _release, _not_copied)
    last = (verification_section, cost_section, _runs, _commands)
    return [*found_sections(report), *(found for part in (*parts, *last) if (found := part(report)))]


def headline(report: Data) -> tuple[str, bool]:
    """Return the verdict in one sentence, and whether it is good."""
    verdict = report["verdict"]
    database, storage = report["database"], report["storage"]
    equal = bool(database and database["equal"]) and all(
        _is_equal(one) for one in (storage or {}).get("buckets", ())
    )
    if not verdict["live_since"]:
        return "Not live yet", False
    proof = "every row and object was proven equal" if equal else "not everything was proven: see below"
    return f"Migrated, live since {verdict['live_since']}; {proof}", equal


def figures(report: Data) -> list[tuple[str, str]]:
    """Return the few numbers that stand at the top."""
    database, storage, release = report["database"], report["storage"], report["release"]
    found: list[tuple[str, str]] = []
    if database:
        rows = sum(one["rows"] or 0 for one in database["tables"])
        found += [("rows proven equal", f"{rows:,}"), ("tables", f"{len(database['tables']):,}")]
    if storage:
        found.append(("objects proven equal", f"{sum(one['equal'] or 0 for one in storage['buckets']):,}"))
        found.append(("bytes of objects", size(sum(one["bytes"] or 0 for one in storage["buckets"]))))
    if release and release["smoke"]:
        found.append(
            (
                "requests answered",
                f"{release['smoke'].get('passed', 0)} of {release['smoke'].get('tests', 0)}",
            )
        )
    return found


def _timeline(report: Data) -> Section | None:
    rows = report["timeline"]
    if not rows:
        return None
    table = Table(
        "Phases, by the run whose evidence counts",
        ("phase", "outcome", "started (UTC)", "took", "", "run"),
        [
            (one["phase"], one["outcome"], one["started"], seconds(one["seconds"]), "", one["run_id"])
            for one in rows
        ],
        frozenset({3}),
        4,
        [float(one["seconds"] or 0) for one in rows],
    )
    return Section("Timeline", [], [table])


def _database(report: Data) -> Section | None:
    found = report["database"]
    if not found:
        return None
    tables = found["tables"]
    differ = [one for one in tables if not one["equal"]]
    ends = [
        f"{side} {found[side].get('address', '')} (PostgreSQL {found[side].get('version', '')})"
        for side in ("source", "target")
    ]
    words = [
        f"{len(tables) - len(differ)} of {len(tables)} tables are equal in source and target, by row count"
        f" and checksum ({found['algorithm']}).",
        f"{found['sequences']} sequences and {found['objects']} objects of the schema were compared, in"
        f" {seconds(found['seconds'])}.",
        f"Compared: {'; '.join(ends)}.",
        f"Schema revision {', '.join(found['source_revision']) or 'none'} on the source,"
        f" {found['revision'] or 'none'} on the target after upgrading {_revisions(len(found['applied']))}.",
        *found["differences"],
    ]
    table = Table(
        "Tables",
        ("table", "rows in source", "rows in target", "", "checksum", "result"),
        [
            (
                one["name"],
                f"{one['rows']:,}",
                "-" if one["target_rows"] is None else f"{one['target_rows']:,}",
                "",
                str(one["checksum"]),
                "equal" if one["equal"] else "DIFFERS",
            )
            for one in tables
        ],
        frozenset({1, 2}),
        3,
        [float(one["rows"] or 0) for one in tables],
    )
    return Section("Database", words, [table])


def _revisions(number: int) -> str:
    return f"{number} revision{'' if number == 1 else 's'}"


def _is_equal(bucket: Data) -> bool:
    return not any(bucket.get(kind) for kind in ("differs", "missing", "extra", "unverifiable"))


def _storage(report: Data) -> Section | None:
    found = report["storage"]
    if not found:
        return None
    buckets = found["buckets"]
    equal = sum(_is_equal(one) for one in buckets)
    by = "keys, sizes, SHA-256, content types and metadata"
    words = [f"{equal} of {len(buckets)} buckets are equal in source and target, by {by}."]
    other = ("differs", "missing", "extra", "unverifiable")
    table = Table(
        "Buckets",
        ("bucket", "equal", "otherwise", "bytes", "", "fingerprint", "result"),
        [
            (
                str(one["target"] or one["name"]),
                f"{one['equal']:,}",
                f"{sum(one[kind] or 0 for kind in other):,}",
                size(one["bytes"] or 0),
                "",
                str(one["fingerprint"] or one["manifest_sha256"] or "")[:_SHORT],
                "equal" if _is_equal(one) else "DIFFERS",
            )
            for one in buckets
        ],
        frozenset({1, 2, 3}),
        4,
        [float(one["bytes"] or 0) for one in buckets],
    )
    return Section("Objects", words, [table])


def _image(report: Data) -> Section | None:
    found = report["image"]
    if not found:
        return None
    return Section(
        "Image",
        [
            f"{found['image']}, {size(found['bytes'] or 0)}, for {found['platform']}, built by"
            f" {found['builder']} from sources {found['source_digest']}."
        ],
    )


def _release(report: Data) -> Section | None:
    found = report["release"]
    if not found:
        return None
    smoke = found["smoke"]
    words = [f"{found['answer']}, after {seconds(found['seconds'])}."]
    results = smoke.get("results") or ()
    table = Table(
        "Requests to the target, and the same to the source",
        ("request", "status", "got", "result"),
        [
            (
                str(one.get("name")),
                str(one.get("status")),
                str(one.get("got")),
                "ok" if one.get("ok") else "FAILED",
            )
            for one in results
        ],
        frozenset({1}),
    )
    return Section("Release", words, [table] if results else [])


def _not_copied(report: Data) -> Section | None:
    rows = [(one["what"], one["how"], one["why"]) for one in report["not_copied"]]
    if not rows:
        return Section("Not copied", ["Nothing was left out."])
    return Section(
        "Not copied",
        [],
        [Table("What the target did not get, or was not compared", ("what", "", "why"), rows)],
    )


def _runs(report: Data) -> Section | None:
    rows = [
        (
            one["run_id"],
            one["outcome"],
            one["started"],
            seconds(one["seconds"]),
            one["owner"],
            one["command"],
        )
        for one in report["runs"]
    ]
    head = ("run", "outcome", "started (UTC)", "took", "by", "command")
    return (
        Section("Runs", [], [Table("Every run in the ledger", head, rows, frozenset({3}))]) if rows else None
    )


def _commands(report: Data) -> Section | None:
    rows: Iterator[tuple[str, str]] = ((name, command) for name, command in report["commands"].items())
    return Section("What to do next", [], [Table("Commands", ("to", "run"), list(rows))])

"""The report says what the ledger says, shows it as it is, and loads nothing."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from engines.report import collect, html, markdown, pack, recheck
from engines.report.recheck import verification
from tests.engines.report.ledgers import (
    FIRST,
    JOURNALS,
    SECOND,
    SMOKE,
    STATE,
    THIRD,
    bucket,
    database,
    record,
    run,
    storage,
    table,
)

REPORT = collect(STATE, JOURNALS, "local")


def test_the_evidence_is_that_of_the_run_that_copied() -> None:
    """Neither a later run that had nothing to do nor one that failed takes its place."""
    assert REPORT["database"]["run_id"] == FIRST
    assert REPORT["database"]["tables"][0]["rows"] == 5
    assert REPORT["storage"]["buckets"][0]["fingerprint"] == "f1"
    assert [one["outcome"] for one in REPORT["runs"]] == ["succeeded", "succeeded", "failed"]


def test_of_a_ledger_without_proofs_the_first_success_counts() -> None:
    state = {**STATE, "proofs": {}}
    assert collect(state, list(reversed(JOURNALS)))["database"]["run_id"] == FIRST


def test_an_empty_ledger_makes_a_report_that_says_so() -> None:
    report = collect({}, [])
    assert "Not live yet" in html(report)
    assert "Not live yet" in markdown(report)


def test_the_same_ledger_makes_the_same_report() -> None:
    assert html(collect(STATE, list(reversed(JOURNALS)), "local")) == html(REPORT)


@pytest.mark.parametrize("write", [html, markdown])
def test_the_figures_are_those_of_the_ledger(write: Any) -> None:
    text = write(REPORT)
    for figure in ("0003", "0004", "sum of hashes", "2.0 KiB", "belongs to another", FIRST, SECOND, "7.0 s"):
        assert figure in text


def test_what_differs_is_reported() -> None:
    rows = table(5, "11", equal=False, target_rows=4, target_checksum="12")
    journals = [
        run(
            FIRST,
            database=database(FIRST, copied=True, **{"public.t": rows}),
            storage=storage(FIRST, copied=True, raw=bucket(2, "f1", missing=1)),
        )
    ]
    for write in (html, markdown):
        text = write(collect(STATE, journals))
        # The table, the bucket; and of the plan: tables, rows, objects.
        assert text.count("DIFFERS") == 5
        assert "not everything was proven" in text


def test_names_from_outside_are_text_and_not_markup() -> None:
    assert "<b>healthy" not in html(REPORT)
    assert "&lt;b&gt;healthy&lt;/b&gt;" in html(REPORT)
    assert "<b>" not in markdown(REPORT).replace("\\<", "").replace("\\>", "")


class Page(HTMLParser):
    """Collects what a page would load, and checks that elements close in order."""

    VOID = frozenset({"meta", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.loads += [name for name, _ in attrs if name in {"src", "href", "data", "action"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_loads_nothing_and_is_well_formed() -> None:
    page = Page(html(REPORT))
    assert page.loads == []
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}
    assert not re.search(r"url\(|@import", html(REPORT))


def test_the_page_can_be_read_by_a_program_that_reads_aloud() -> None:
    page = Page(html(REPORT))
    tags = [tag for tag, _ in page.tags]
    assert ("html", {"lang": "en"}) in page.tags
    assert tags.count("title") == tags.count("h1") == tags.count("main") == 1
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert all(attributes.get("aria-hidden") for tag, attributes in page.tags if tag == "svg")


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_caption_is_not_wider_than_a_narrow_screen() -> None:
    """A table may be: it is scrolled, and its caption would be cut off. Paper is not scrolled."""
    style = html(REPORT).split("</style>")[0]
    assert re.search(r"caption \{[^}]*max-width: calc\(100vw", style)
    printed = style.split("@media print", 1)[1]
    assert "caption { max-width: none; }" in printed


def test_text_has_contrast_in_light_and_dark() -> None:
    found = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in html(REPORT).split(":root {")[1:3]]
    for colours in found:
        for ink in ("ink", "soft", "good", "bad"):
            for paper in ("paper", "head"):
                bright, dark = sorted((_luminance(colours[ink]), _luminance(colours[paper])), reverse=True)
                assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_evidence_is_packed_with_digests_and_the_same_again(tmp_path: Path) -> None:
    documents = {"state.json": b"{}", "runs/a.json": b"[1]"}
    digest = pack(documents, tmp_path / "one.tar")
    assert pack(dict(reversed(documents.items())), tmp_path / "two.tar") == digest
    data = (tmp_path / "one.tar").read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    listed = json.loads(found["evidence/MANIFEST.json"])
    assert listed["schema"] == "bmii-evidence/1"
    assert listed["files"]["runs/a.json"] == {"bytes": 3, "sha256": hashlib.sha256(b"[1]").hexdigest()}
    for line in found["evidence/SHA256SUMS"].decode().splitlines():
        one, name = line.split("  ")
        assert hashlib.sha256(found[f"evidence/{name}"]).hexdigest() == one


def test_what_is_as_it_was_proven_is_reported_and_what_is_not() -> None:
    same = recheck(REPORT, {"tables": {"public.t": table(5, "11")}}, {"raw": bucket(2, "f1")})
    assert same == [
        f"1 of 1 tables of the target have the checksum that run {FIRST} proved.",
        f"1 of 1 buckets have the fingerprint that run {FIRST} proved.",
    ]
    grown = {"tables": {"public.t": table(5, "11", equal=False, target_rows=8, target_checksum="77")}}
    other = recheck(REPORT, grown, {"raw": bucket(2, "f9")})
    assert other[:2] == [
        f"0 of 1 tables of the target have the checksum that run {FIRST} proved.",
        "  public.t: 5 rows were proven, 8 are there",
    ]
    assert other[2].startswith("0 of 1 buckets")
    assert recheck(collect({}, []), grown, {}) == []


def test_plan_and_done_are_compared_in_a_table() -> None:
    assert [(one["what"], one["planned"], one["done"]) for one in REPORT["plan"]] == [
        ("tables", 1, 1),
        ("rows", 5, 5),
        ("objects", 2, 2),
        ("objects that the source has not", 0, 0),
        ("requests to the service", 2, 2),
    ]
    assert "0 differences." in html(REPORT)


def test_what_weakens_the_proof_is_a_warning() -> None:
    assert REPORT["warnings"] == [f"Run {THIRD} failed."]
    smoke = {**SMOKE, "skipped": 1}
    evidence = {"answer": "", "seconds": 1, "smoke": smoke, "go_live": {"accepted_count": 2}}
    weak = bucket(2, "f1", unverifiable=3, mode="listing")
    journals = [
        run(FIRST, storage=storage(FIRST, copied=True, raw=weak), deploy=record(FIRST, evidence=evidence))
    ]
    found = "\n".join(collect({**STATE, "back_since": "2026-01-05T00:00:00Z"}, journals)["warnings"])
    for part in (
        "3 objects could not",
        "by listing",
        "1 requests",
        "2 differences were accepted",
        "moved back",
    ):
        assert part in found


def test_the_cost_is_that_of_the_sizes_in_the_ledger() -> None:
    assert REPORT["costs"] is None
    assert "USD" not in html(REPORT)
    sizes = [{"type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "logical_id": "Alb", "Scheme": "internal"}]
    stack = {"evidence": {"stack": {"region": "us-east-1", "sizes": sizes}}}
    tasks = {
        "evidence": {"tasks": {"tasks": "2", "cpu": "1024", "memory": "2048", "platform": "linux/amd64"}}
    }
    report = collect({**STATE, "phases": {"provision": stack, "deploy": tasks}}, JOURNALS)
    assert [one["what"] for one in report["costs"]["items"]][:2] == [
        "Fargate, 2 task(s) of 1 vCPU and 2 GB",
        "load balancer",
    ]
    assert report["costs"]["monthly_usd"] > 50
    assert f"{report['costs']['monthly_usd']:,.2f} USD a month" in html(report)


def test_a_verification_is_reported_with_what_still_holds() -> None:
    now = {"equal": True, "tables": {"public.t": table(5, "11")}}
    kept = verification("2026-02-01T00:00:00Z", "ada@desk", REPORT, now, {"raw": bucket(2, "f9", extra=1)})
    assert (kept["equal"], kept["rows"], kept["objects"]) == (False, 5, 2)
    assert kept["fingerprints"] == {"raw": "f9"}
    report = collect(STATE, JOURNALS, verifications=[kept])
    assert report["warnings"][-1].startswith("The last verification, at 2026-02-01T00:00:00Z, found")
    for write in (html, markdown):
        assert "1 of 1 tables of the target have the checksum" in write(report)

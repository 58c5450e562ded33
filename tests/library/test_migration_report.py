"""The report through its module, from a ledger in a bucket; and evidence that is kept once."""

from __future__ import annotations

import json
import tarfile
import uuid
from pathlib import Path

import pytest

from engines.aws import AwsError
from engines.ledger import Store, keep
from engines.report import write
from tests.engines.report.ledgers import JOURNALS, STATE, bucket, table
from tests.library import modules


@pytest.fixture
def ledger(aws) -> Store:
    store = Store(f"state-{uuid.uuid4().hex[:8]}")
    store.create("us-east-1")
    for key, body in [
        ("state.json", {**STATE, "token": 1}),
        *((f"runs/{one['run_id']}.json", one) for one in JOURNALS),
    ]:
        store.write(key, body, replacing=store.read(key))
    return store


def report(**options):
    check = options.pop("check", False)
    return modules.call("migration_report", options, check=check)[0]


def test_check_says_what_the_run_does_and_another_folder_gets_the_same(ledger: Store, tmp_path: Path) -> None:
    options = {"bucket": ledger.bucket, "environment": "local"}
    here, there = tmp_path / "here", tmp_path / "there"
    check = report(**options, dest=str(here), check=True)
    assert check["changed"]
    assert not here.exists()
    real, repeat = report(**options, dest=str(here)), report(**options, dest=str(here))
    assert (real["changed"], repeat["changed"]) == (True, False)
    report(**options, dest=str(there))
    for name in ("report.html", "report.md", "report.json"):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    assert json.loads((here / "report.json").read_text(encoding="utf-8"))["schema"] == "bmii-report/1"


def test_evidence_is_checked_and_packed(ledger: Store, tmp_path: Path) -> None:
    archive = tmp_path / "evidence.tar"
    now = {"database": {"tables": {"public.t": table(5, "11")}}, "storage": {"raw": bucket(2, "f1")}}
    found = report(bucket=ledger.bucket, dest=str(tmp_path), archive=str(archive), compared=now)
    assert [line.split()[0] for line in found["recheck"]] == ["1", "1"]
    with tarfile.open(archive) as packed:
        names = packed.getnames()
    assert "evidence/state.json" in names
    assert len([name for name in names if name.startswith("evidence/verifications/")]) == 1
    assert len([name for name in names if name.startswith("evidence/runs/")]) == len(JOURNALS)


def test_a_verification_is_added_and_replaces_nothing(ledger: Store, tmp_path: Path) -> None:
    before = {key: ledger.content(key) for key in ledger.keys("")}
    now = {"database": {"equal": True, "tables": {"public.t": table(5, "11")}}}
    options = {"bucket": ledger.bucket, "dest": str(tmp_path), "compared": now}
    assert report(**options, check=True)["recheck"]
    assert {key: ledger.content(key) for key in ledger.keys("")} == before
    for number in (1, 2):
        found = report(**options)["report"]
        assert [one["equal"] for one in found["verifications"]] == [True] * number
    after = {key: ledger.content(key) for key in ledger.keys("")}
    assert {key: after[key] for key in before} == before
    assert len(after) == len(before) + 2


def test_who_may_only_read_the_ledger_verifies_all_the_same(
    ledger: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise AwsError("is denied", subject="s3", code="AccessDenied")

    monkeypatch.setattr(Store, "write", denied)
    now = {"database": {"equal": True, "tables": {"public.t": table(5, "11")}}}
    found = write(ledger, tmp_path, "local", compared=now, check=False)
    assert found["recheck"][0].startswith("1 of 1 tables")
    assert "The ledger does not keep this verification" in found["recheck"][-1]
    assert len(found["report"]["verifications"]) == 1


def test_a_manifest_is_kept_once_and_never_replaced(ledger: Store, tmp_path: Path) -> None:
    path = tmp_path / "manifest"
    path.write_bytes(b"first")
    keep(ledger, {"manifests/ab.jsonl.zst": str(path), "manifests/cd.jsonl.zst": str(tmp_path / "missing")})
    path.write_bytes(b"other")
    keep(ledger, {"manifests/ab.jsonl.zst": str(path)})
    assert ledger.content("manifests/ab.jsonl.zst") == b"first"
    assert ledger.keys("manifests/") == ["manifests/ab.jsonl.zst"]


def test_without_a_ledger_there_is_a_report_that_says_so(aws, tmp_path: Path) -> None:
    found = report(bucket=f"state-{uuid.uuid4().hex[:8]}", dest=str(tmp_path))
    assert found["report"]["verdict"]["word"] == "not live yet"

"""The module starts a process for who watches the run, and none where nobody does."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from engines.aws import client
from tests.library import modules

TEMPLATE = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}}


def test_what_happens_to_a_stack_is_reported(aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, name = tmp_path / "events", f"watched-{os.getpid()}"
    monkeypatch.setenv("BMII_EVENTS", str(events))
    options = {"stack_name": name, "region": "us-east-1"}
    assert not modules.call("stack_watch", options, check=True)[0]["watched"]
    answer, _ = modules.call("stack_watch", options)
    assert (answer["changed"], answer["watched"]) == (False, True)
    client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE))
    ends = time.monotonic() + 90
    while time.monotonic() < ends and "CREATE_COMPLETE" not in (
        events.read_text() if events.exists() else ""
    ):
        time.sleep(0.2)
    listed = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    # A busy machine may not answer for ten seconds, which is told.
    found = [one for one in listed if one["kind"] != "aws.silent"]
    assert {one["kind"] for one in found} == {"stack.event"}
    assert "Topic" in {one["resource"] for one in found}


def test_where_nobody_watches_nothing_is_started(aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("BMII_EVENTS", "BMII_SCREEN"):
        monkeypatch.delenv(variable, raising=False)
    assert not modules.call("stack_watch", {"stack_name": "x"})[0]["watched"]

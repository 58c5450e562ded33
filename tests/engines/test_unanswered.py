"""An AWS that is there and answers nothing, like a stopped process, is reported and at last given up."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from engines import unanswered
from engines.aws import AwsError, client, translated
from engines.events import EVENTS

ONCE = Config(read_timeout=1, retries={"total_max_attempts": 2, "mode": "standard"})


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(EVENTS, str(tmp_path / "events"))
    (tmp_path / "events").touch()
    return lambda: [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered, "PATIENCE", 0.05)


def at_work() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("unanswered-")]


@pytest.mark.usefixtures("_impatient")
def test_who_does_not_answer_is_named_and_given_up(servers: None, monkeypatch: Any, events: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        ecs = client("ecs", region_name="us-east-1", config=ONCE)
        with pytest.raises(AwsError, match="Read timeout") as caught, translated("cluster bmii"):
            ecs.list_clusters()
    assert caught.value.is_passing
    found = events()
    assert {(one["kind"], one["service"], one["operation"], one["limit"]) for one in found} == {
        ("aws.silent", "ecs", "ListClusters", 1)
    }
    assert all(one["seconds"] <= 1 for one in found)


def test_an_answer_ends_the_watch_and_says_nothing(aws: Any, events: Any) -> None:
    client("sts").get_caller_identity()
    limit = time.monotonic() + 60
    while at_work():
        assert time.monotonic() < limit
        time.sleep(0.01)
    assert events() == []


@pytest.mark.usefixtures("_impatient")
def test_a_report_ends_with_the_time_of_its_request(events: Any) -> None:
    """Whatever botocore raises before it says that the request has ended."""
    report = unanswered._Report("s3", "GetObject", 0.5)
    report.start()
    report.join(60)
    assert not report.is_alive()
    assert all(one["seconds"] <= 1 for one in events())

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

from engines import aws as aws_clients
from engines import unanswered
from engines.aws import AwsError, client, translated
from engines.events import EVENTS

ONCE = Config(read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})


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
    assert {(one["kind"], one["service"], one["operation"]) for one in found} == {
        ("aws.silent", "ecs", "ListClusters")
    }
    # Of both tries together.
    assert max(one["seconds"] for one in found) > ONCE.read_timeout


def test_an_answer_ends_the_watch_and_says_nothing(aws: Any, events: Any) -> None:
    client("sts").get_caller_identity()
    limit = time.monotonic() + 60
    while at_work():
        assert time.monotonic() < limit
        time.sleep(0.01)
    assert events() == []


@pytest.mark.usefixtures("_impatient")
def test_a_report_ends_where_nobody_says_that_its_request_has(events: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(unanswered, "_LONGEST", 0.5)
    report = unanswered._Report("s3", "GetObject", time.monotonic())
    report.start()
    report.join(60)
    assert not report.is_alive()


def test_an_aws_that_answers_nothing_is_given_up_within_five_minutes() -> None:
    tries = aws_clients._CONFIG.retries["total_max_attempts"]
    pauses = sum(min(2**number, 20) for number in range(tries - 1))
    assert tries * aws_clients._CONFIG.read_timeout + pauses < 300

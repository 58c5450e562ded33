from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engines.aws import AwsError
from engines.ecs.inspection import Clients, Target
from engines.ecs.model import Release
from engines.ecs.rollout import explain
from engines.ecs.rollout.explain import (
    Explanation,
    StoppedTask,
    _informative,
    ended,
    health,
    redact,
    unhealthy,
)


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ({"name": "bmii", "exitCode": 1}, "Container bmii: exit code 1"),
        ({"name": "bmii"}, "Container bmii: never started"),
        (
            {"name": "bmii", "exitCode": 137},
            "Container bmii: exit code 137; killed: too slow to stop, or by hand; not for lack of memory",
        ),
        (
            {
                "name": "bmii",
                "exitCode": 137,
                "reason": "OutOfMemoryError: Container killed due to memory usage",
            },
            "Container bmii: exit code 137; OutOfMemoryError: Container killed due to memory usage",
        ),
        (
            {"name": "bmii", "exitCode": 143, "healthStatus": "UNHEALTHY"},
            "Container bmii: exit code 143; its health check failed",
        ),
    ],
)
def test_how_a_container_ended_is_said_in_words(container, text):
    assert ended(container) == text


def test_secrets_and_passwords_are_taken_out_of_log_lines():
    line = "connect to postgresql://bmii:hunter22@db/x with key canary-1 and canary-12\n"
    assert redact(line, ["canary-1", "canary-12", "db"]) == (
        "connect to postgresql://bmii:********@db/x with key ******** and ********"
    )


def test_a_log_line_is_cut():
    assert len(redact("x" * 5000, [])) == 400


def test_only_targets_that_are_wrong_are_named():
    targets = (
        Target("10.0.0.1", 8000, "healthy", ""),
        Target("10.0.0.2", 8000, "unhealthy", "Target.Timeout Request timed out"),
        Target("10.0.0.3", 8000, "draining", ""),
    )
    assert unhealthy(targets) == ("10.0.0.2:8000 is unhealthy: Target.Timeout Request timed out",)


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("Health checks failed with these codes: [500]", "answers, with a status"),
        ("Request timed out", "does not answer in time"),
        ("Health checks failed", "nothing answers on port 8000"),
    ],
)
def test_a_failed_health_check_is_said_once_with_what_it_means(reason, meaning):
    event = f"(service bmii) (port 8000) is unhealthy in (target-group arn:tg) due to (reason {reason})."
    [text] = health([event, event, "(service bmii) has reached a steady state."], 8000, 60)
    assert text.startswith(f"{reason} (")
    assert meaning in text


def test_a_task_that_ended_by_itself_reports_more_than_later_ones_that_were_cleared_away():
    crashed = {"stoppedReason": "OutOfMemoryError", "stoppedAt": "1"}
    cleared = {"stoppedReason": "Scaling activity initiated by (deployment ecs-svc/1)", "stoppedAt": "2"}
    assert max(cleared, crashed, key=_informative) is crashed


def test_the_message_has_every_part():
    task = StoppedTask(
        "abc", "Essential container exited", ("Container bmii: exit code 1",), "b/b/abc", ("boom",)
    )
    text = Explanation(stopped=(task,), targets=("10.0.0.2:8000 is unhealthy: x",), events=("e",)).text()
    assert text.splitlines() == [
        "Task abc stopped: Essential container exited",
        "  Container bmii: exit code 1",
        "  Last lines of b/b/abc:",
        "    boom",
        "Target 10.0.0.2:8000 is unhealthy: x",
    ]
    assert Explanation(events=("unable to place a task",)).text() == "Event: unable to place a task"
    assert Explanation().text() == ""


def test_tasks_that_ended_alike_are_reported_once():
    tasks = [StoppedTask(name, "exited", ("Container b: exit code 1",), f"b/b/{name}", ()) for name in "xyz"]
    assert Explanation(stopped=tuple(tasks)).text().splitlines() == [
        "Task x stopped (and 2 more like it): exited",
        "  Container b: exit code 1",
    ]


def test_what_one_of_them_does_not_report_is_left_out(monkeypatch):
    def away(*_):
        raise AwsError("Could not connect", is_passing=True)

    now = {"events": [{"message": "has started 1 tasks", "createdAt": datetime.now(UTC)}]}
    monkeypatch.setattr(explain.inspection, "tasks", away)
    monkeypatch.setattr(explain.inspection, "targets", away)
    monkeypatch.setattr(explain.inspection, "describe", lambda *_: now)
    found = explain.collect(
        Clients(),
        Release("bmii", "image", 8000, 256, 512, "role", "role", "group", "us-east-1"),
        cluster="bmii",
        name="bmii",
        definition_arn="bmii:7",
        target_group_arn="group",
        since=datetime.now(UTC) - timedelta(minutes=1),
    )
    assert found.events == ("has started 1 tasks",)
    assert found.stopped == ()

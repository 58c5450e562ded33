"""Lines fit: messages and verdicts into 100 columns however wide a terminal is, and into a narrow one."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.display import Failure, failure_lines, plain, running_lines, take, verdict, verdict_lines
from engines.display.model import Screen
from engines.display.screen import heartbeat
from tests.engines.display.replay import STREAMS, recorded

CATALOGUE = Path(__file__).parents[3] / "docs/troubleshooting.md"
RUNS = sorted(path.stem for path in STREAMS.glob("*.jsonl"))


def widest(lines):
    return max((len(plain(line)) for line in lines), default=0)


@pytest.mark.parametrize("width", [60, 80, 100, 250])
def test_every_message_of_the_catalogue_is_wrapped(width):
    lines = CATALOGUE.read_text(encoding="utf-8").splitlines()
    messages = [line.removeprefix("- ") for line in lines if line.startswith(("- ", "| "))]
    assert len(messages) > 100
    for message in messages:
        result = {
            "failed": True,
            "msg": message,
            "details": {"cause": f"arn:aws:ecs:eu-central-1:{'1' * 150}"},
        }
        failure = Failure.of("deploy", "Deploy the image and wait for stability", "roles/x.yml:1", result)
        assert widest(failure_lines(failure, width, ".cache/log/1.log")) <= min(width, 100), message


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("width", [60, 100, 250])
def test_what_a_run_shows_fits_at_every_moment(name, width):
    screen = Screen()
    for event in recorded(name):
        lines = take(screen, event, width)
        if event["kind"] not in {"noted", "table"}:
            assert widest(lines) <= min(width, 100)
        assert widest(running_lines(screen, event["at"] + 20, width)) <= min(width, 100)
        assert widest(heartbeat(screen, event["at"] + 20)) <= 80
    assert widest(verdict_lines(verdict(screen), width)) <= min(width, 100)

from __future__ import annotations

from types import SimpleNamespace

from engines.ecs.model import Wait
from engines.ecs.rollout import trial


def test_a_long_trial_reports_that_it_is_alive(monkeypatch, clock):
    states = iter(["PROVISIONING"] * 10 + ["RUNNING"] * 1000)
    ecs = SimpleNamespace(describe_tasks=lambda **_: {"tasks": [{"lastStatus": next(states)}]})
    monkeypatch.setattr(trial, "time", clock)
    said = []
    ended = trial._watch(
        SimpleNamespace(ecs=ecs),
        SimpleNamespace(name="bmii", cluster="bmii"),
        "task/1",
        20,
        Wait(60, heartbeat=4),
        checked=False,
        report=lambda kind, **more: said.append((kind, more["text"])),
    )
    assert ended is None
    assert {kind for kind, _ in said} == {"ecs.trial"}
    assert any("PROVISIONING" in text for _, text in said)
    assert any("RUNNING for 4 of 20 s" in text for _, text in said)
    assert len(said) < 10

"""Recorded runs, replayed: what a terminal, a file and a CI's log show of them."""

from __future__ import annotations

import os
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

from engines.display import Channel, Presenter, Terminal
from engines.display.presenter import PICTURE
from engines.events import emit
from tests.engines.display.replay import STREAMS, Replay, recorded

RUNS = sorted(path.stem for path in STREAMS.glob("*.jsonl"))
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("tty", [True, False], ids=["terminal", "file"])
def test_a_recorded_run_shows_what_it_showed(name: str, tty: bool) -> None:
    """After a change that is meant: SCREENS=write pytest tests/engines/display, and read git diff."""
    shown = Replay(tty=tty).play(recorded(name)).shown
    kept = STREAMS / f"{name}.{'terminal' if tty else 'file'}.txt"
    if os.environ.get("SCREENS") == "write":
        kept.write_text(shown + "\n", encoding="utf-8")
    assert shown + "\n" == kept.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RUNS)
def test_a_file_gets_no_control_character_and_a_line_every_ten_seconds(name: str) -> None:
    replay = Replay(tty=False).play(recorded(name))
    assert CONTROL.search(replay.text) is None
    moments = [at for at, _ in replay.written]
    began = recorded(name)[0]["at"]
    assert max(after - before for before, after in pairwise([began, *moments])) <= 10


@pytest.mark.parametrize("name", RUNS)
def test_lines_of_a_terminal_fit_into_it(name: str) -> None:
    for width in (80, 120):
        shown = Replay(tty=True, width=width).play(recorded(name)).shown
        plan = name.startswith("plan")
        assert plan or max(map(len, shown.splitlines())) <= width


def test_a_terminal_is_drawn_at_least_every_second_while_something_runs() -> None:
    moments = [at for at, _ in Replay(tty=True).play(recorded("first")).written]
    assert max(after - before for before, after in pairwise(moments)) <= 1.1


def test_showing_a_run_takes_little_of_its_time() -> None:
    """Of the processor, at the pace of a terminal: a hundredth; 0.1 % was measured."""
    stream = recorded("first")
    replay, turn = Replay(tty=True), stream[0]["at"]
    began = time.process_time()
    for event in stream:
        while turn < event["at"]:
            replay.now = turn
            replay.presenter.tick()
            turn += PICTURE
        replay.presenter.take(event)
    assert time.process_time() - began <= (stream[-1]["at"] - stream[0]["at"]) / 100


def test_a_run_that_changes_nothing_takes_at_most_forty_lines() -> None:
    for tty in (True, False):
        assert len(Replay(tty=tty).play(recorded("noop")).shown.splitlines()) <= 40


def test_no_color_takes_colours_away_and_keeps_the_pictures() -> None:
    text = Replay(tty=True, NO_COLOR="1").play(recorded("noop")).text
    assert not re.search(r"\x1b\[[\d;]*3\dm", text)
    assert "\x1b[J" in text


def test_a_terminal_that_can_draw_nothing_gets_lines() -> None:
    text = Replay(tty=True, TERM="dumb").play(recorded("noop")).text
    assert "\x1b" not in text


def test_without_rich_a_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("engines.display.terminal.import_module", missing)
    text = Replay(tty=True).play(recorded("noop")).text
    assert "\x1b" not in text
    assert "NOTHING TO DO" in text


def test_a_log_of_github_folds_each_phase_and_leaves_its_result_outside() -> None:
    lines = Replay(tty=False, GITHUB_ACTIONS="true").play(recorded("first")).shown.splitlines()
    assert sum(line.startswith("::group::") for line in lines) == lines.count("::endgroup::")
    folded = False
    for line in lines:
        folded = line.startswith("::group::") or (folded and line != "::endgroup::")
        assert not (folded and line.startswith(("✔", "✘"))), line
    assert not folded


def test_events_of_other_processes_are_shown_and_their_file_goes() -> None:
    replay = Replay(tty=True)
    channel = Channel()
    replay.presenter._channel = channel
    for event in recorded("first"):
        replay.presenter.take({**event, "at": 1.0})
        if event["kind"] == "task.started":
            break
    replay.now = 2.0
    pid = os.fork()
    if not pid:
        emit("clone.progress", rows=300, bytes=4096, of=8192, share=0.5, seconds_left=3)
        os._exit(0)
    os.waitpid(pid, 0)
    replay.presenter.tick()
    assert "50%" in replay.shown
    assert "300 rows, 4.0 KiB" in replay.shown
    replay.presenter.stop()
    assert not channel.path.exists()
    assert "BMII_SCREEN" not in os.environ


def test_half_an_event_waits_for_its_other_half() -> None:
    channel = Channel()
    try:
        with channel.path.open("a", encoding="utf-8") as file:
            file.write('{"kind": "a"}\n{"ki')
            file.flush()
            assert [event["kind"] for event in channel.read()] == ["a"]
            file.write('nd": "b"}\nno JSON\n')
            file.flush()
            assert [event["kind"] for event in channel.read()] == ["b"]
    finally:
        channel.close()


def test_files_of_killed_runs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    (tmp_path / f"bmii-screen-{pid}-old").touch()
    living = tmp_path / f"bmii-screen-{os.getpid()}-other"
    living.touch()
    channel = Channel()
    channel.close()
    assert list(tmp_path.iterdir()) == [living]


def test_trouble_of_the_thread_is_reported_and_ends_nothing() -> None:
    troubles: list[Exception] = []

    class Broken(Terminal):
        @property
        def live(self) -> bool:
            raise ValueError("out of ink")

    terminal = Broken(lambda text: None, tty=True, width=lambda: 80, environment={})
    presenter = Presenter(terminal, trouble=troubles.append)
    presenter._work()
    assert [str(one) for one in troubles] == ["out of ink"]


def test_nothing_is_drawn_while_somebody_else_writes() -> None:
    replay = Replay(tty=True)
    for event in recorded("first")[:6]:
        replay.presenter.take(event)
        replay.now = event["at"]
    replay.presenter.tick()
    before = replay.shown
    with replay.presenter.aside():
        assert replay.shown == ""
        replay.presenter.tick()
        assert replay.shown == ""
    replay.presenter.tick()
    assert replay.shown == before


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (
            {"kind": "clone.progress", "rows": 1200, "bytes": 2048, "of": 4096, "share": 0.25, "rate": 1024},
            " 25%",
        ),
        (
            {"kind": "clone.progress", "rows": 1, "bytes": 2048, "of": 4096, "seconds_left": 61},
            "1:01 min left",
        ),
        (
            {"kind": "compare.progress", "bytes": 1024, "of": 4096, "share": 0.25},
            "comparing 1.0 KiB of 4.0 KiB",
        ),
        (
            {"kind": "objects.progress", "target": "http://h/bmii-raw", "phase": "copying", "objects": 10}
            | {"of_objects": 40, "bytes": 9, "of_bytes": 10, "rate": 100, "seconds_left": None},
            " 25%",
        ),
        (
            {"kind": "objects.progress", "target": "t", "phase": "listing", "objects": 10},
            "listing 10 objects",
        ),
        (
            {"kind": "stack.event", "status": "CREATE_COMPLETE", "resource": "Vpc", "type": "VPC"},
            "CREATE_COMPLETE",
        ),
        ({"kind": "something.new", "text": "in words"}, "in words"),
        ({"kind": "something.else", "number": 7}, "Work"),
    ],
)
def test_events_of_engines_are_bars_and_words(event: dict[str, object], shown: str) -> None:
    replay = Replay(tty=True)
    phases = [{"name": "database", "title": "Copy"}]
    started = {"kind": "run.started", "playbook": "migrate", "phases": phases}
    for one in (
        started,
        {"kind": "phase.started", "name": "database"},
        {"kind": "task.started", "task": "Work"},
    ):
        replay.presenter.take({"at": 1.0, **one})
    replay.now = 2.0
    replay.presenter.take({"at": 2.0, **event})
    replay.presenter.tick()
    assert shown in replay.shown
    assert max(map(len, replay.shown.splitlines())) <= 80

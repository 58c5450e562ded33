"""The stream of progress events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.events import emit


def test_an_event_is_a_line_with_its_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = tmp_path / "events"
    monkeypatch.setenv("BMII_EVENTS", str(stream))
    emit("table.copied", table="t", rows=3, path=tmp_path)
    emit("table.copied", table="u", rows=0, path=tmp_path)
    first, second = (json.loads(line) for line in stream.read_text(encoding="utf-8").splitlines())
    assert (first["kind"], first["table"], first["rows"], first["path"]) == (
        "table.copied",
        "t",
        3,
        str(tmp_path),
    )
    assert second["at"] >= first["at"] > 1_600_000_000


def test_without_a_stream_nothing_is_written_and_a_lost_one_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BMII_EVENTS", raising=False)
    emit("table.copied")
    monkeypatch.setenv("BMII_EVENTS", str(tmp_path / "missing" / "events"))
    emit("table.copied")
    assert list(tmp_path.iterdir()) == []


def test_the_stream_of_the_screen_is_never_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that the run has started outlives it, and would leave a file that nobody removes."""
    monkeypatch.delenv("BMII_EVENTS", raising=False)
    screen = tmp_path / "screen"
    monkeypatch.setenv("BMII_SCREEN", str(screen))
    emit("table.copied", table="t")
    assert not screen.exists()
    screen.touch()
    emit("table.copied", table="t")
    assert json.loads(screen.read_text(encoding="utf-8"))["table"] == "t"

"""A push tells how far it is, and how long still."""

from __future__ import annotations

from pathlib import Path

from engines.images.progress import CountedFile, PushProgress


def test_an_event_a_second_with_rate_and_the_seconds_left() -> None:
    now, reported = [10.0], []
    progress = PushProgress(lambda kind, **fields: reported.append((kind, fields)), clock=lambda: now[0])
    progress.begin(1000)
    progress.add(100)
    assert reported == []
    now[0] += 2
    progress.add(100)
    fields = {"bytes": 200, "of": 1000, "rate": 100, "seconds_left": 8.0}
    assert reported == [("image.progress", fields)]


def test_what_is_sent_again_is_not_more_than_there_is() -> None:
    now, reported = [0.0], []
    progress = PushProgress(lambda kind, **fields: reported.append(fields), clock=lambda: now[0])
    progress.begin(10)
    for _ in range(3):
        now[0] += 2
        progress.add(8)
    assert [one["bytes"] for one in reported] == [8, 10, 10]
    assert reported[-1]["seconds_left"] == 0


def test_each_piece_of_a_file_is_counted(tmp_path: Path) -> None:
    path, seen = tmp_path / "blob", []
    path.write_bytes(b"x" * 10)
    with CountedFile(path, seen.append) as file:
        assert file.read(4) + file.read() == b"x" * 10
        file.seek(0)
        assert len(file.read()) == 10
    assert [number for number in seen if number] == [4, 6, 10]

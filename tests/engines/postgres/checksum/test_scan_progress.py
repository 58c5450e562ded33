"""How far a comparison says it is."""

from __future__ import annotations

from engines.postgres.checksum.scan_progress import ScanProgress


def test_an_event_at_most_every_second_says_how_far_and_how_long() -> None:
    reported: list[dict[str, object]] = []
    now = [0.0]
    progress = ScanProgress(
        400, lambda kind, **fields: reported.append({"kind": kind, **fields}), clock=lambda: now[0]
    )
    progress.add(50)
    now[0] = 2.0
    progress.add(50)
    progress.add(100)
    now[0] = 4.0
    progress.add(0)
    assert reported == [
        {"kind": "compare.progress", "bytes": 100, "of": 400, "share": 0.25, "seconds_left": 6.0},
        {"kind": "compare.progress", "bytes": 200, "of": 400, "share": 0.5, "seconds_left": 4.0},
    ]


def test_of_nothing_nothing_is_said() -> None:
    reported: list[str] = []
    now = [0.0]
    progress = ScanProgress(0, lambda kind, **_: reported.append(kind), clock=lambda: now[0])
    now[0] = 5.0
    progress.add(10)
    assert reported == []

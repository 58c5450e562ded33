"""Replays a recorded stream of events on a terminal that is a text, at the moments at which they came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engines.display import Presenter, Terminal

STREAMS = Path(__file__).parent / "streams"
_PARTS = re.compile(r"\x1b\[([\d;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+|\x1b")


def recorded(name: str) -> list[dict[str, Any]]:
    lines = (STREAMS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


class Replay:
    """``written`` is what a terminal got, with the moment; ``pictures`` what it showed after each of them."""

    def __init__(self, *, tty: bool, width: int = 80, **environment: str) -> None:
        self.now = 0.0
        self.written: list[tuple[float, str]] = []
        terminal = Terminal(
            lambda text: self.written.append((self.now, text)),
            tty=tty,
            environment=environment,
            width=lambda: width,
        )
        self.presenter = Presenter(terminal, log=".cache/log/run.log", clock=lambda: self.now)

    def play(self, stream: Iterable[Mapping[str, Any]]) -> Replay:
        """Play a stream; every second comes the turn of the thread that draws."""
        turn = 0.0
        for event in stream:
            at = float(event["at"])
            turn = turn or at
            while turn < at:
                self.now = turn
                self.presenter.tick()
                turn += 1
            self.now = at
            self.presenter.take(event)
        self.presenter.stop()
        self.presenter.conclude()
        return self

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(text for _, text in self.written)

    @property
    def shown(self) -> str:
        """What is on the terminal at the end, without colours."""
        return screen(self.text)


def screen(text: str) -> str:
    """Return what a terminal shows that got ``text``: it knows the moves that are used, and no other."""
    rows, row, column = [""], 0, 0
    for found in _PARTS.finditer(text):
        part, number, letter = found[0], found[1], found[2]
        if part == "\n":
            row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
        elif part == "\r":
            column = 0
        elif letter == "A":
            row -= int(number)
        elif letter == "J":
            rows = [*rows[:row], rows[row][:column]]
        elif letter != "m":
            assert letter is None, f"an unknown sequence {part!r}"
            rows[row] = rows[row][:column].ljust(column) + part + rows[row][column + len(part) :]
            column += len(part)
    return "\n".join(line.rstrip() for line in rows).rstrip()

"""Where lines are written: to a terminal, which draws the last ones anew, or to a file, line by line."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from engines.display.lines import WIDEST, Line, Style, plain
from engines.display.verdict import Verdict, verdict_lines

_STYLES: Mapping[Style, str] = {
    "": "",
    "bold": "bold",
    "dim": "dim",
    "good": "bold green",
    "bad": "bold red",
    "warn": "bold yellow",
    "bar": "cyan",
}
# What a terminal that knows no UTF-8 gets instead.
_ASCII = str.maketrans({"✔": "+", "✘": "x", "━": "=", "╸": "-", "─": ".", "…": "."})


class Terminal:
    """Writes lines. ``live``: it can draw lines anew, for which `rich` is needed as well."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        tty: bool,
        environment: Mapping[str, str] = os.environ,
        width: Callable[[], int] | None = None,
        utf8: bool = True,
    ) -> None:
        self._write, self._utf8 = write, utf8
        self._width = width or (lambda: shutil.get_terminal_size((80, 24)).columns if tty else 80)
        self._rich: Any = _rich() if tty and environment.get("TERM") != "dumb" else None
        self._color = not environment.get("NO_COLOR")
        self._github = environment.get("GITHUB_ACTIONS") == "true" and not tty
        self._drawn = 0

    @property
    def live(self) -> bool:
        """Whether lines can be drawn anew."""
        return self._rich is not None

    @property
    def width(self) -> int:
        """The columns there are."""
        return max(40, self._width())

    def say(self, lines: Sequence[Line]) -> None:
        """Write lines that stay."""
        if lines:
            self._put(self._erasing() + self._text(lines))

    def draw(self, lines: Sequence[Line]) -> None:
        """Draw lines in the place of those drawn before."""
        if self.live:
            # The last column stays free: some terminals go on to the next line there.
            self._put(self._erasing() + self._text(lines))
            self._drawn = len(lines)

    def erase(self) -> None:
        """Remove the lines that were drawn."""
        if self._drawn:
            self._put(self._erasing())

    def group(self, title: str) -> None:
        """Begin lines that belong together, where the log of a CI can fold them; empty ends them."""
        if self._github:
            self._put(f"::group::{title}\n" if title else "::endgroup::\n")

    def box(self, found: Verdict) -> None:
        """Write a verdict that stays."""
        if self._rich is None:
            self.say(verdict_lines(found, self.width))
        else:
            self._put(self._erasing() + self._panel(found))

    def _erasing(self) -> str:
        drawn, self._drawn = self._drawn, 0
        return f"\r\x1b[{drawn}A\x1b[J" if drawn else ""

    def _text(self, lines: Sequence[Line]) -> str:
        if self._rich is None:
            return "".join(f"{plain(line)}\n" for line in lines)
        return self._rendered(
            [self._rich.Text.assemble(*((text, _STYLES[style]) for style, text in line)) for line in lines]
        )

    def _panel(self, found: Verdict) -> str:
        grid = self._rich.Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for label, text in found.rows:
            grid.add_row(label, self._rich.Text(text))
        title = self._rich.Text(f" {found.word} ", style=_STYLES[found.style])
        border = _STYLES[found.style].removeprefix("bold ")
        panel = self._rich.Panel(
            grid,
            title=title,
            title_align="left",
            border_style=border,
            width=min(self.width, WIDEST),
            padding=(1, 2),
        )
        return self._rendered([panel])

    def _rendered(self, things: Sequence[Any]) -> str:
        text = io.StringIO()
        console = self._rich.Console(
            file=text,
            force_terminal=True,
            no_color=not self._color,
            width=self.width,
            highlight=False,
            legacy_windows=False,
            color_system="standard",
        )
        for one in things:
            console.print(one, soft_wrap=isinstance(one, self._rich.Text), markup=False)
        return text.getvalue()

    def _put(self, text: str) -> None:
        self._write(text if self._utf8 else text.translate(_ASCII))


class _Rich:
    """The parts of `rich` that are used, loaded only where something is drawn."""

    def __init__(self) -> None:
        self.Console = import_module("rich.console").Console
        self.Text = import_module("rich.text").Text
        self.Panel = import_module("rich.panel").Panel
        self.Table = import_module("rich.table").Table


def _rich() -> Any:
    """Return `rich`, or None where it is not installed: lines are then written one after the other."""
    try:
        return _Rich()
    except ImportError:
        return None

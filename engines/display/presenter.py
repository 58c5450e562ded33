"""Shows a run while it works: takes events, draws from a thread of its own, and keeps a log."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engines.display.channel import Channel
from engines.display.lines import Line
from engines.display.model import Screen
from engines.display.screen import heartbeat, running_lines, take
from engines.display.terminal import Terminal
from engines.display.verdict import verdict

# Seconds between two pictures on a terminal; between two lines where nothing is drawn anew, the most.
PICTURE, HEARTBEAT = 0.2, 7.0
_LOOK = 1.0
# What is said of these is not folded away.
_OUTSIDE = {"phase.started", "failed", "run.ended"}


class Presenter:
    """Shows one run on a terminal. Hooks and its thread may call at once.

    ``silent`` shows the verdict alone.
    ``trouble`` is called once if the thread fails; the run goes on without pictures.
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        channel: Channel | None = None,
        log: str = "",
        silent: bool = False,
        trouble: Callable[[Exception], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.screen, self.terminal = Screen(log=log), terminal
        self.silent = silent
        self._channel, self._trouble, self._clock = channel, trouble, clock
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._paused = 0
        self._said = clock()
        self._group = ""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to draw."""
        self._thread = threading.Thread(target=self._work, name="bmii-display", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End drawing, and remove what was drawn."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2)
        with self._lock:
            self.terminal.erase()
            self._fold("")
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def take(self, event: Mapping[str, Any]) -> None:
        """Take an event of the run itself, after those that engines have emitted meanwhile."""
        with self._lock:
            self._drain()
            if event.get("kind") in _OUTSIDE:
                self._fold("")
            self._say(take(self.screen, event, self.terminal.width))
            phase = self.screen.phase
            if phase is not None and phase.tasks and not phase.failed_at:
                self._fold(f"{phase.name}: {phase.title}")

    def say(self, lines: list[Line]) -> None:
        """Write lines that stay."""
        with self._lock:
            self._say(lines)

    def tick(self) -> None:
        """Draw what is running, or say where it is if nothing was said for long."""
        with self._lock:
            self._drain()
            now = self._clock()
            if self._paused or self.screen.ended:
                return
            if self.terminal.live:
                self.terminal.draw(running_lines(self.screen, now, self.terminal.width))
            elif now - self._said >= HEARTBEAT:
                self._say(heartbeat(self.screen, now))

    def conclude(self) -> None:
        """Write the verdict."""
        with self._lock:
            self._fold("")
            found = verdict(self.screen)
            if found is not None:
                self.terminal.box(found)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """While somebody else writes to the terminal: remove what was drawn, and draw nothing."""
        with self._lock:
            self._paused += 1
            self.terminal.erase()
            try:
                yield
            finally:
                self._paused -= 1
                self._said = self._clock()

    def pause(self, *, on: bool) -> None:
        """Draw nothing while a question is asked."""
        with self._lock:
            self._paused = max(0, self._paused + (1 if on else -1))
            self.terminal.erase()

    def _say(self, lines: list[Line]) -> None:
        if lines and not self.silent:
            self.terminal.say(lines)
            self._said = self._clock()

    def _fold(self, title: str) -> None:
        """Begin a group in a CI's log, and end the one before."""
        if title != self._group and not self.silent:
            if self._group:
                self.terminal.group("")
            if title:
                self.terminal.group(title)
            self._group = title

    def _drain(self) -> None:
        for event in self._channel.read() if self._channel is not None else ():
            take(self.screen, event)

    def _work(self) -> None:
        try:
            while not self._ended.wait(PICTURE if self.terminal.live else _LOOK):
                self.tick()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with showing a run must not end it
            self._trouble(error)

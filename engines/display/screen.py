"""From the stream of events to what is shown: lines that stay, and lines that change while a phase runs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from engines.display.failures import Failure, failure_lines
from engines.display.lines import WIDEST, Line, cut, fitting, seconds
from engines.display.model import Phase, Screen
from engines.display.progress import take_progress
from engines.display.results import merged
from engines.display.summary import summary
from engines.display.waits import typical

Event = Mapping[str, Any]
_NAME = 11
_TIME = 9
_BAR = 20
_HALF = 0.5
# Columns where there is no terminal, and those of a task's name that always stay.
_FILE, _LEAST = 80, 16
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
# Beyond so many seconds a task is a wait, of which it is said since when.
_LONG = 5.0
# Beyond so many seconds without a word, nothing is known of the speed.
_STALE = 15.0


def take(screen: Screen, event: Event, width: int = 80) -> list[Line]:
    """Change ``screen`` by one event; return the lines that are printed and stay."""
    change = _CHANGES.get(str(event.get("kind", "")))
    if change is not None:
        screen.width = width
        return change(screen, event)
    if screen.phase is not None:
        take_progress(screen.phase, event)
    return []


def _run_started(screen: Screen, event: Event) -> list[Line]:
    screen.playbook, screen.command = str(event["playbook"]), str(event.get("command", ""))
    screen.check, screen.began = bool(event.get("check")), float(event["at"])
    screen.phases = [Phase(one["name"], one["title"]) for one in event["phases"]]
    return []


def _phase_started(screen: Screen, event: Event) -> list[Line]:
    ended = _end_phase(screen, float(event["at"]))
    waiting = (one for one in screen.phases if one.outcome == "waiting" and one.name == event["name"])
    phase = next(waiting, None)
    if phase is None:
        phase = Phase(str(event["name"]), str(event.get("title", "")))
        screen.phases.append(phase)
    phase.outcome, phase.began = "running", float(event["at"])
    return ended


def _end_phase(screen: Screen, at: float) -> list[Line]:
    """End the phase that runs; one without a task was not chosen, and is not told."""
    phase = screen.phase
    if phase is None:
        return []
    phase.outcome, phase.ended = "failed" if phase.failed_at else "done", at
    # The last one reports, and the verdict says the same.
    reports = screen.only_reports or (phase.name == "outputs" and screen.is_long)
    if not phase.tasks or (reports and not phase.failed_at):
        return []
    return [phase_line(phase, screen.width, check=screen.check), *_note_lines(phase, screen.width)]


def _task_started(screen: Screen, event: Event) -> list[Line]:
    if phase := screen.phase:
        phase.task, phase.task_began = str(event["task"]), float(event["at"])
        phase.detail, phase.bar = "", None
        phase.tasks += 1
    return []


def _task_ended(screen: Screen, event: Event) -> list[Line]:
    phase = screen.phase
    if phase is None:
        return []
    phase.changed += bool(event.get("changed"))
    if event.get("facts") is not None:
        action = str(event["action"])
        phase.facts[action] = merged(action, phase.facts.get(action), event["facts"])
        screen.facts[action] = merged(action, screen.facts.get(action), event["facts"])
    return []


def _retried(screen: Screen, event: Event) -> list[Line]:
    if screen.phase:
        screen.phase.detail = f"attempt {event['attempt']} of {event['of']}: {event.get('said', '')}"
    return []


def _noted(screen: Screen, event: Event) -> list[Line]:
    """Show what a task reports; in a run of many phases, below the line of its phase."""
    if event.get("short") and screen.phase is not None:
        screen.phase.notes += event["lines"]
        return []
    return [(("", line),) for line in event["lines"]]


def _note_lines(phase: Phase, width: int) -> list[Line]:
    blank = " " * (_NAME + 2)
    room = min(width, WIDEST) - len(blank)
    parts = [part for note in phase.notes for part in textwrap.wrap(note, room, break_on_hyphens=False)]
    return [(("dim", blank + part),) for part in parts]


def _failed(screen: Screen, event: Event) -> list[Line]:
    failure = Failure(**event["failure"])
    screen.failures.append(failure)
    # What follows in the phase puts things in order; it ends with the play.
    if phase := screen.phase:
        phase.failed_at = failure.task
    return failure_lines(failure, screen.width, screen.log)


def _run_ended(screen: Screen, event: Event) -> list[Line]:
    screen.totals = dict(event["totals"])
    lines = _end_phase(screen, float(event["at"]))
    screen.ended = float(event["at"])
    return lines


_CHANGES: Mapping[str, Callable[[Screen, Event], list[Line]]] = {
    "run.started": _run_started,
    "phase.started": _phase_started,
    "task.started": _task_started,
    "task.ended": _task_ended,
    "task.retried": _retried,
    "noted": _noted,
    "failed": _failed,
    "run.ended": _run_ended,
}


def phase_line(phase: Phase, width: int, *, check: bool) -> Line:
    """Return the line of a phase that has ended."""
    good = phase.outcome == "done"
    text = summary(phase, check=check) if good else f"failed at: {phase.failed_at}"
    took = seconds(phase.ended - phase.began)
    room = min(width, WIDEST) - _NAME - 2 - _TIME
    return (
        ("good" if good else "bad", "✔ " if good else "✘ "),
        ("bold", phase.name[: _NAME - 1].ljust(_NAME)),
        ("" if good else "bad", cut(text, room).ljust(room)),
        ("dim", took.rjust(_TIME)),
    )


def running_lines(screen: Screen, now: float, width: int) -> list[Line]:
    """Return what is shown below the lines that stay: the phase that runs, its task, and what comes."""
    phase = screen.phase
    if phase is None:
        return []
    width = min(width, WIDEST)
    spin = _SPINNER[int(now * 8) % len(_SPINNER)]
    room = width - _NAME - 2 - _TIME
    lines: list[Line] = [
        (
            ("bar", f"{spin} "),
            ("bold", phase.name[: _NAME - 1].ljust(_NAME)),
            *_progress(phase, now, room),
            ("dim", seconds(now - phase.began).rjust(_TIME)),
        )
    ]
    blank = " " * (_NAME + 2)
    doing = _doing(phase, now, width - _NAME - 2)
    if doing != [phase.task] or phase.bar is not None:
        lines += [(("dim", blank + text),) for text in doing]
    rest = [one.name for one in screen.phases if one.outcome == "waiting"]
    if rest:
        lines.append((("dim", blank + cut(f"then {', '.join(dict.fromkeys(rest))}", width - _NAME - 2)),))
    return lines


def _progress(phase: Phase, now: float, room: int) -> Line:
    bar = phase.bar
    if bar is None:
        return (("", cut(phase.task, room).ljust(room)),)
    if bar.share is None:
        return (("", cut(bar.words, room).ljust(room)),)
    left = _left(phase, now)
    percent = f" {bar.share:4.0%}  "
    words = percent + fitting([left, *bar.words.split(", ")], room - _BAR - len(percent))
    full = bar.share * _BAR
    whole = int(full)
    half = "╸" if full - whole >= _HALF else ""
    rest = _BAR - whole - len(half)
    return (("bar", "━" * whole + half), ("dim", "─" * rest), ("", words.ljust(room - _BAR)))


def _left(phase: Phase, now: float) -> str:
    """Return the seconds left, counted down since they were told."""
    bar = phase.bar
    if bar is None or bar.seconds_left is None:
        return ""
    silent = max(0.0, now - bar.at)
    return "" if silent > _STALE else f"{seconds(max(1.0, bar.seconds_left - silent))} left"


def _doing(phase: Phase, now: float, room: int) -> list[str]:
    """Return what the phase is at; of a wait since when, how long it usually takes, and the last news."""
    since = now - phase.task_began
    if since < _LONG:
        both = f"{phase.task}: {phase.detail}" if phase.bar is not None and phase.detail else ""
        return [cut(both or phase.detail or phase.task, room)]
    usual = typical(phase.task)
    waited = f" ({seconds(since)} so far{f', usually {usual}' if usual else ''})"
    # The name of the task gives way: the numbers are what is new.
    said = [cut(f"{cut(phase.task, max(_LEAST, room - len(waited)))}{waited}", room)]
    return [*said, cut(phase.detail, room)] if phase.detail else said


def heartbeat(screen: Screen, now: float) -> list[Line]:
    """Return the lines that say where a run is, for where nothing can be drawn anew."""
    phase = screen.phase
    if phase is None:
        return [(("", f"  {screen.playbook} is at work"),)]
    place = f"  {phase.name}, {seconds(now - phase.began)}: "
    room = _FILE - len(place)
    if (bar := phase.bar) is None:
        first, *rest = _doing(phase, now, room)
        return [(("", place + first),), *((("", f"    {cut(text, _FILE - 4)}"),) for text in rest)]
    share = f"{bar.share:.0%}" if bar.share is not None else ""
    reported = [share, _left(phase, now), *bar.words.split(", "), phase.detail or phase.task]
    return [(("", place + fitting(reported, room)),)]

"""What engines say while they work, as bars and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engines.display.lines import count, joined, seconds, several, size
from engines.display.model import Bar, Phase

Event = Mapping[str, Any]


def take_progress(phase: Phase, event: Event) -> None:
    """Change what is shown of the running phase by an event of an engine."""
    kind = str(event.get("kind", ""))
    at = float(event.get("at", 0.0))
    if reported := _BARS.get(kind):
        phase.bar = reported(event)
        phase.bar.at = at
    elif words := _WORDS.get(kind):
        phase.detail = words(event)
    elif event.get("text"):
        phase.detail = str(event["text"])
    if kind in _ENDS:
        phase.bar = None


def _clone(event: Event) -> Bar:
    """Bytes and rows are counted; the share is of all steps, since indexes take time without a byte."""
    done, of = float(event.get("bytes") or 0), float(event.get("of") or 0)
    share = event.get("share")
    if share is None and of:
        share = done / of
    words = joined(
        [f"{several(event.get('rows') or 0, 'row')}", size(done), _rate(event), _steps(event)],
    )
    return Bar(_within(share), words, _number(event.get("seconds_left")))


def _steps(event: Event) -> str:
    return f"step {event['steps']} of {event['of_steps']}" if event.get("of_steps") else ""


def _objects(event: Event) -> Bar:
    objects, of = float(event.get("objects") or 0), float(event.get("of_objects") or 0)
    done, size_of = float(event.get("bytes") or 0), float(event.get("of_bytes") or 0)
    # What is slower decides: many small objects, or few large ones.
    shares = [part / whole for part, whole in ((objects, of), (done, size_of)) if whole]
    words = joined(
        [
            f"{str(event.get('target', '')).rsplit('/', 1)[-1]}: {event.get('phase', '')}"
            f" {count(objects)}{f' of {count(of)}' if of else ''} objects",
            size(done) if done else "",
            _rate(event),
        ]
    )
    return Bar(_within(min(shares)) if shares else None, words, _number(event.get("seconds_left")))


def _compared(event: Event) -> Bar:
    words = f"comparing {size(event.get('bytes') or 0)} of {size(event.get('of') or 0)}"
    return Bar(_within(event.get("share")), words, _number(event.get("seconds_left")))


def _blobs(event: Event) -> Bar:
    done, of = float(event.get("bytes") or 0), float(event.get("of") or 0)
    words = joined([f"pushing {size(done)}{f' of {size(of)}' if of else ''}", _rate(event)])
    return Bar(_within(done / of if of else None), words, _number(event.get("seconds_left")))


def _rate(event: Event) -> str:
    return f"{size(event['rate'])}/s" if event.get("rate") else ""


def _within(share: Any) -> float | None:
    return None if share is None else min(1.0, max(0.0, float(share)))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _step(event: Event) -> str:
    of = f" ({event['number']} of {event['of']})" if event.get("of") else ""
    return f"{event.get('what', '')}{of}"


_BARS: Mapping[str, Callable[[Event], Bar]] = {
    "clone.progress": _clone,
    "objects.progress": _objects,
    "compare.progress": _compared,
    "image.progress": _blobs,
}
# After these what a bar counts has ended.
_ENDS = {"clone.done", "compare.done", "image.pushed"}
_WORDS: Mapping[str, Callable[[Event], str]] = {
    "clone.planned": lambda event: f"{event.get('moving')} of {event.get('tables')} tables to copy",
    "table.started": lambda event: f"copying {event.get('table')}",
    "table.moving": lambda event: f"copying {event.get('table')}",
    "table.copied": lambda event: (
        f"{event.get('table')}: {several(event.get('rows') or 0, 'row')}, {size(event.get('bytes') or 0)}"
    ),
    "schema.step": _step,
    "schema.created": lambda _: "the schema is created",
    "large_objects.moving": lambda event: f"large objects: {event.get('count')} of {event.get('of')}",
    "image.layer": lambda event: f"layer {event.get('title')}, {size(event.get('bytes') or 0)}",
    "image.blob": lambda event: f"pushed {size(event.get('bytes') or 0)}",
    "revision.applied": lambda event: f"revision {event.get('revision')}",
    "index.dropped": lambda event: f"index {event.get('index')} dropped",
    "stack.event": lambda event: (
        f"{event.get('status')} {event.get('resource')} ({event.get('type')})"
        + (f": {event['reason']}" if event.get("reason") else "")
    ),
    "stack.recover": lambda event: f"stack {event.get('stack')}: {event.get('step')}",
    "smoke.test": lambda event: f"{event.get('name')}: {'passed' if event.get('ok') else 'FAILED'}",
    "smoke.equality": lambda event: f"{event.get('name')}: {'equal' if event.get('ok') else 'DIFFERS'}",
    "rollback.step": lambda event: f"{event.get('step')} {event.get('subject')}",
    "rollback.waiting": lambda event: joined(
        f"{name} is {state}" for name, state in (event.get("instances") or {}).items()
    ),
    "teardown.step": lambda event: f"{event.get('step')} {event.get('subject')}",
    "objects.silent": lambda event: (
        f"{event.get('store')} has not answered for {seconds(event.get('seconds') or 0)}"
    ),
    "aws.silent": lambda event: (
        f"AWS has not answered {event.get('service')} {event.get('operation')}"
        f" for {seconds(event.get('seconds') or 0)}"
    ),
    "postgres.silent": lambda event: (
        f"{event.get('server')} has not answered for {seconds(event.get('seconds') or 0)};"
        f" given up after {seconds(event.get('limit') or 0)}"
    ),
    "postgres.answers": lambda event: f"{event.get('server')} answers again",
    "lock.waiting": lambda event: f"waiting for {event.get('owner')}",
}

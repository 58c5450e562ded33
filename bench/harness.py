"""Contenders that run in turns, and what their figures come to: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.measure import Job, Usage, measure

RESULTS = Path(__file__).parent / "results"


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    ``prepare`` sets the stage and returns the command; it is not timed. ``verify`` raises when the work was
    not done, so that nobody wins by losing data; ``clean`` clears the stage.
    """

    name: str
    prepare: Callable[[], Job]
    verify: Callable[[], None] = _nothing
    clean: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Sample:
    """One timed run of one contender."""

    contender: str
    usage: Usage


@dataclass(frozen=True)
class Summary:
    """The medians of one contender; ``ratios`` of its time to that of others; ``peak`` is its highest."""

    contender: str
    runs: int
    seconds: float
    fastest: float
    slowest: float
    cpu: float
    server_cpu: float
    peak: int
    ratios: Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """A benchmark as it was run. ``setting`` is what must be equal for runs to be put together."""

    name: str
    setting: Mapping[str, object]
    samples: tuple[Sample, ...] = ()
    notes: tuple[str, ...] = ()
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def path(self) -> Path:
        """Where its results are kept."""
        return RESULTS / f"{self.name}.json"


def rounds(
    contenders: Sequence[Contender],
    count: int,
    *,
    servers: Iterable[int] = (),
    earlier: Iterable[Sample] = (),
    say: Callable[[str], None] = lambda _: None,
    keep: Callable[[tuple[Sample, ...]], None] = lambda _: None,
) -> tuple[Sample, ...]:
    """Run every contender ``count`` times, in turns, each round beginning with another one.

    A machine that slows down for a minute slows all of them. Each is verified in its first round, unless
    ``earlier`` runs hold one of it already. Returns the earlier runs and the new ones; ``keep`` receives the
    same after each run, so that none is lost when the next one is stopped.
    """
    found = list(earlier)
    verified = {one.contender for one in found}
    offset = len(found) // max(len(contenders), 1)
    for number in range(count):
        shift = (number + offset) % len(contenders)
        for one in (*contenders[shift:], *contenders[:shift]):
            job = one.prepare()
            try:
                usage = measure(job, servers)
                if one.name not in verified:
                    one.verify()
                    verified.add(one.name)
            finally:
                one.clean()
            found.append(Sample(one.name, usage))
            keep(tuple(found))
            say(f"round {number + 1}: {one.name}: {usage.seconds:.2f} s")
    return tuple(found)


def summarise(samples: Iterable[Sample], bases: Iterable[str]) -> list[Summary]:
    """Return the medians, in order of first appearance by name of contender, and ratios to ``bases``."""
    runs: dict[str, list[Usage]] = {}
    for one in samples:
        runs.setdefault(one.contender, []).append(one.usage)
    times = {name: median(usage.seconds for usage in usages) for name, usages in runs.items()}
    known = [base for base in bases if base in times]
    return [
        Summary(
            contender=name,
            runs=len(usages),
            seconds=times[name],
            fastest=min(usage.seconds for usage in usages),
            slowest=max(usage.seconds for usage in usages),
            cpu=median(usage.cpu for usage in usages),
            server_cpu=median(usage.server_cpu for usage in usages),
            peak=max(usage.peak for usage in usages),
            ratios={base: times[name] / times[base] for base in known},
        )
        for name, usages in runs.items()
    ]


def table(summaries: Sequence[Summary]) -> str:
    """Return the figures as a Markdown table that can be read as it is."""
    bases = list(summaries[0].ratios) if summaries else []
    head = ["contender", "runs", "median s", "range s", "CPU s", "servers' CPU s", "peak MB"]
    lines = [head + [f"/ {base.partition(',')[0]}" for base in bases]]
    for one in summaries:
        cells = [one.contender, str(one.runs), f"{one.seconds:.2f}", f"{one.fastest:.2f} - {one.slowest:.2f}"]
        cells += [f"{one.cpu:.2f}", f"{one.server_cpu:.2f}", f"{one.peak / 1e6:.0f}"]
        lines.append(cells + [f"{one.ratios[base]:.2f}" for base in bases])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [_row(line, widths) for line in lines]
    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return "\n".join([rows[0], f"|{rule}|", *rows[1:]])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cells[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return f"| {' | '.join(padded)} |"


def machine() -> dict[str, object]:
    """Return what the figures depend on and a reader cannot see."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cores": os.cpu_count(), "memory_gb": round(memory / 1e9), "python": platform.python_version()}


def earlier(name: str, setting: Mapping[str, object]) -> tuple[Sample, ...]:
    """Return the runs that are kept of a benchmark, those of the same setting only."""
    path = Report(name, setting).path
    if not path.exists():
        return ()
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["setting"] != json.loads(json.dumps(setting)):
        return ()
    return tuple(Sample(one["contender"], Usage(**one["usage"])) for one in kept["samples"])


def keep(report: Report, bases: Iterable[str]) -> list[Summary]:
    """Write the whole as JSON, and return its summary."""
    summaries = summarise(report.samples, bases)
    report.path.parent.mkdir(exist_ok=True)
    whole = {**asdict(report), "machine": machine(), "summary": [asdict(one) for one in summaries]}
    report.path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return summaries


def publish(report: Report, bases: Iterable[str]) -> None:
    """Print the table, and keep the whole as JSON."""
    summaries = keep(report, bases)
    facts = ", ".join(f"{name} {value}" for name, value in {**report.setting, **machine()}.items())
    say("\n".join(["", f"{report.name}: {facts}", "", table(summaries), "", *report.notes]))
    say(f"All runs: {os.path.relpath(report.path)}")


def end_in_order() -> None:
    """Let the signal to end close what is open: servers of the benchmark must not outlive it."""

    def end(*_: object) -> None:
        sys.exit("stopped")

    signal.signal(signal.SIGTERM, end)


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

"""What the benchmarks say of a run is what it was."""

from __future__ import annotations

import os
import sys

import pytest

from bench import harness
from bench.harness import Contender, Report, Sample
from bench.measure import FailedError, Job, Usage, measure

ENVIRONMENT = {"PATH": os.environ["PATH"]}
LARGE = "x = bytearray(100_000_000); sum(range(5_000_000)); import time; time.sleep(0.5)"


def test_a_run_counts_all_of_its_processes():
    usage = measure(Job(("bash", "-c", f"'{sys.executable}' -c '{LARGE}' | cat"), ENVIRONMENT))
    assert 100e6 < usage.peak < 400e6
    assert 0.02 < usage.cpu < usage.seconds + 5
    assert usage.seconds > 0.5


def test_a_run_that_fails_has_no_figures(tmp_path):
    with pytest.raises(FailedError, match="ended with 3: out of luck"):
        measure(Job(("bash", "-c", "echo out of luck; exit 3"), ENVIRONMENT, tmp_path / "log"))


def test_contenders_take_turns_and_are_verified_once():
    seen = []

    def contender(name):
        def prepare():
            seen.append(name)
            return Job(("true",), ENVIRONMENT)

        return Contender(
            name, prepare, lambda: seen.append(f"verify {name}"), lambda: seen.append(f"clean {name}")
        )

    both = [contender("a"), contender("b")]
    found = harness.rounds(both, 2)
    assert seen == [
        *("a", "verify a", "clean a", "b", "verify b", "clean b"),
        *("b", "clean b", "a", "clean a"),
    ]
    seen.clear()
    assert len(harness.rounds(both, 1, earlier=found)) == 6
    assert not any(one.startswith("verify") for one in seen)


def test_nobody_wins_by_losing_rows():
    def lost():
        raise FailedError("rows are missing")

    with pytest.raises(FailedError, match="rows are missing"):
        harness.rounds([Contender("a", lambda: Job(("true",), ENVIRONMENT), lost)], 1)


def test_medians_and_ratios(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    times = {"slow": (4.0, 9.0, 5.0), "quick": (1.0, 3.0, 2.0)}
    samples = tuple(
        Sample(name, Usage(seconds, 1.5, 2.5, 7_000_000)) for name, all_ in times.items() for seconds in all_
    )
    slow, quick = harness.summarise(samples, ["slow", "not run"])
    assert (slow.seconds, quick.seconds, quick.ratios) == (5.0, 2.0, {"slow": 0.4})
    harness.publish(Report("one", {"size": 3}, samples, ("a note",)), ["slow"])
    printed = capsys.readouterr().out
    assert (
        "| quick     |    3 |     2.00 | 1.00 - 3.00 |  1.50 |           2.50 |       7 |   0.40 |" in printed
    )
    assert "a note" in printed
    assert harness.earlier("one", {"size": 3}) == samples
    assert harness.earlier("one", {"size": 4}) == ()

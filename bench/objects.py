"""Objects from one S3 store to another: s3_mirror, rclone, boto3, in turns. ``make bench-objects``.

``make bench-objects BENCH='--sets small,rerun --rounds 5 --folder /dev/shm/bench'`` chooses.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.harness import Contender, Report, Sample, publish, rounds, say, summarise
from bench.measure import Job, measure
from bench.objects_data import DataSet, data_sets
from bench.objects_stores import Server, far_away, servers
from rehearsal.process import PYTHON, minimal_environment

MIRROR, TUNED, CHECKED, DEFAULTS = "s3_mirror", "rclone tuned", "rclone tuned then check", "rclone"
COMPARE = "s3_compare"
_MEGABYTE = 1_000_000
_COPY = ("copy", "-M")
_TUNED = ("--transfers", "32", "--checkers", "32", "--fast-list", "--s3-no-check-bucket")
# For small objects at a distance: the fastest of 32, 64, 128 and 256 transfers.
_FAR_TUNED = ("--transfers", "128", "--checkers", "128", *_TUNED[4:])
# For few large objects: the fastest of six settings that were tried. One request each beats parts.
_LARGE = ("--transfers", "4", *_TUNED[2:], "--s3-upload-cutoff", "100M")


@dataclass(frozen=True)
class Goal:
    """What is asked: ``figure`` (``seconds`` or ``cpu``) as a part of that of ``base``, at most."""

    base: str
    figure: str
    most: float

    def reported(self, samples: Sequence[Sample]) -> str:
        """Return one line: what was asked, and whether it holds."""
        medians = {one.contender: one for one in summarise(samples, ())}
        name = MIRROR if MIRROR in medians else COMPARE
        if not {name, self.base} <= medians.keys():
            return ""
        own, base = getattr(medians[name], self.figure), getattr(medians[self.base], self.figure)
        holds = "holds" if own <= self.most * base else "DOES NOT HOLD"
        if self.figure == "cpu":
            return f"{own / base:.2f} of the CPU of {self.base} (at most {self.most:.2f}): {holds}"
        return f"{base / own:.2f} times the speed of {self.base} (at least {1 / self.most:.2f}): {holds}"


# rclone with its own check of the result is on equal terms with s3_mirror, which always looks.
GOALS = {
    "small": (
        Goal(CHECKED, "seconds", 1 / 1.2),
        Goal(DEFAULTS, "seconds", 1 / 1.6),
        Goal(CHECKED, "cpu", 0.65),
    ),
    "mixed": (Goal(CHECKED, "seconds", 1 / 1.15),),
    "large": (Goal(CHECKED, "seconds", 1.0),),
    "far": (Goal(TUNED, "seconds", 1 / 1.4), Goal(CHECKED, "seconds", 1 / 1.5)),
    "far-large": (Goal(TUNED, "seconds", 1 / 0.95),),
    "rerun": (Goal(TUNED, "seconds", 1 / 1.6),),
    "rerun-far": (Goal(TUNED, "seconds", 1 / 1.6),),
    "million": (Goal(TUNED, "seconds", 1 / 1.6),),
    "check": (Goal("rclone check --download", "seconds", 1.0),),
}
# What is copied or compared, where that is not called as the benchmark is; and which target is far away.
_DATA = {
    "far": "small",
    "far-large": "large",
    "rerun": "keys-100000",
    "rerun-far": "keys-100000",
    "check": "mixed",
    "million": "keys-1000000",
}
_FAR = frozenset({"far", "far-large", "rerun-far"})
_MOST_MEMORY = 256 * _MEGABYTE


@dataclass(frozen=True)
class Stage:
    """The two stores, and a folder for what the contenders keep."""

    source: Server
    target: Server
    folder: Path

    def python(self, how: str, data: DataSet, target: str, name: str = "") -> Job:
        """Return ``bench.objects_run`` in one of its ways."""
        order = {
            "source": self.source.endpoint(data.name),
            "target": self.target.endpoint(target),
            "manifest": str(self.manifest(name or target)),
        }
        file = self.folder / f"{how}-{data.name}-{target}.json"
        file.write_text(json.dumps(order), encoding="utf-8")
        environment = minimal_environment(HOME=str(self.folder))
        return Job((PYTHON, "-m", "bench.objects_run", how, str(file)), environment, self.folder / "log")

    def manifest(self, name: str) -> Path:
        """Return the file of proofs of a target."""
        return self.folder / "manifests" / f"{name}.zst"

    def rclone(self, *commands: Sequence[str], source: str, target: str) -> Job:
        """Return rclone commands that run one after the other."""
        program = str(Path(PYTHON).parent / "rclone")
        sides = (f"source:{source}", f"target:{target}")
        lines = [" ".join((program, *command, *sides)) for command in commands]
        environment = minimal_environment(HOME=str(self.folder), RCLONE_CONFIG="", **self._remotes())
        return Job(("/bin/sh", "-ec", "\n".join(lines)), environment, self.folder / "log")

    def _remotes(self) -> dict[str, str]:
        settings: dict[str, str] = {}
        for name, server in (("SOURCE", self.source), ("TARGET", self.target)):
            prefix = f"RCLONE_CONFIG_{name}"
            settings |= {
                f"{prefix}_TYPE": "s3",
                f"{prefix}_PROVIDER": "SeaweedFS",
                f"{prefix}_ENDPOINT": server.address,
                f"{prefix}_ACCESS_KEY_ID": server.store.access_key,
                f"{prefix}_SECRET_ACCESS_KEY": server.store.secret_key,
            }
        return settings


class NotDoneError(Exception):
    """A contender did not do what it was timed for."""


def copying(stage: Stage, data: DataSet) -> list[Contender]:
    """Return everyone who copies, each into a bucket of its own that is new."""
    tuned = (*_COPY, *(_LARGE if data.name == "large" else _FAR_TUNED if stage.target.url else _TUNED))
    checked = ("check", *_TUNED)
    whole = ("check", "--download", *_TUNED)

    def contender(name: str, job: Job) -> Contender:
        def prepare() -> Job:
            stage.target.emptied("target")
            shutil.rmtree(stage.folder / "manifests" / "run", ignore_errors=True)
            os.sync()  # so that nobody pays for what another has left to write
            return job

        def verify() -> None:
            if stage.target.found("target") != (data.count, data.total):
                raise NotDoneError(f"{name} left another number of objects or bytes than {data}")

        return Contender(name, prepare, verify, lambda: stage.target.remove("target"))

    def rclone(*commands: Sequence[str]) -> Job:
        return stage.rclone(*commands, source=data.name, target="target")

    return [
        contender(MIRROR, stage.python("mirror", data, "target", "run/copy")),
        contender(TUNED, rclone(tuned)),
        contender(CHECKED, rclone(tuned, checked)),
        contender("rclone tuned then check --download", rclone(tuned, whole)),
        contender(DEFAULTS, rclone(_COPY)),
        contender("boto3", stage.python("boto3", data, "target")),
    ]


def already_copied(stage: Stage, data: DataSet) -> str:
    """Make sure that our mirror has copied ``data``, with its manifest, and return the target bucket."""
    # The far target has another address each time, which is what a manifest is about.
    target = f"{data.name}-copied{'-far' if stage.target.url else ''}"
    if (
        stage.target.url
        or stage.target.found(target) != (data.count, data.total)
        or not stage.manifest(target).exists()
    ):
        if stage.target.found(target) != (data.count, data.total):
            stage.target.emptied(target)
        stage.manifest(target).unlink(missing_ok=True)
        measure(stage.python("mirror", data, target))
    return target


def again(stage: Stage, data: DataSet) -> list[Contender]:
    """Return everyone who looks at two equal sides and finds nothing to copy."""
    target = already_copied(stage, data)
    quick = (*_COPY, "--checksum", *_TUNED)
    mirror = stage.python("mirror", data, target)
    return [
        Contender(MIRROR, lambda: mirror),
        Contender(TUNED, lambda: stage.rclone(quick, source=data.name, target=target)),
    ]


def checking(stage: Stage, data: DataSet) -> list[Contender]:
    """Return everyone who compares two equal sides by reading them."""
    target = already_copied(stage, data)
    by_name = {
        COMPARE: stage.python("compare", data, target),
        "s3_compare, by the manifest": stage.python("audit", data, target),
        "rclone check --download": stage.rclone(
            ("check", "--download", *_TUNED), source=data.name, target=target
        ),
        "rclone check": stage.rclone(("check", *_TUNED), source=data.name, target=target),
    }
    return [Contender(name, partial(by_name.__getitem__, name)) for name in by_name]


def memory(stage: Stage, sets: Sequence[DataSet]) -> list[Contender]:
    """Return the copy and the re-run of s3_mirror, for each number of keys."""
    found = []
    for data in sets:
        copy, rerun = copying(stage, data)[0], again(stage, data)[0]
        found.append(replace(copy, name=f"copy {data.count:,} keys"))
        found.append(replace(rerun, name=f"re-run {data.count:,} keys"))
    return found


def reported(name: str, samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return what was asked of s3_mirror and whether it holds, a line each."""
    lines = [line for goal in GOALS.get(name, ()) if (line := goal.reported(samples))]
    if name in {"rerun", "memory", "million"}:
        peak = max((one.usage.peak for one in samples if _is_own(one.contender)), default=0)
        holds = "holds" if peak <= _MOST_MEMORY else "DOES NOT HOLD"
        lines.append(f"{peak / _MEGABYTE:.0f} MB at the most (at most {_MOST_MEMORY // _MEGABYTE}): {holds}")
    return tuple(lines)


def _is_own(contender: str) -> bool:
    return contender.startswith((MIRROR, COMPARE, "copy ", "re-run "))


def contenders(stage: Stage, name: str, sets: dict[str, DataSet]) -> list[Contender]:
    """Fill the source store for the benchmark called ``name``, and return who takes part."""
    if name == "memory":
        few, many = sets["keys-20000"], sets["keys-100000"]
        stage.source.filled(few)
        stage.source.filled(many)
        return memory(stage, (few, many))
    data = sets[_DATA.get(name, name)]
    stage.source.filled(data)
    how = {"rerun": again, "rerun-far": again, "million": again, "check": checking}.get(name, copying)
    return how(stage, data)


@contextlib.contextmanager
def _folder(given: str) -> Iterator[Path]:
    if given:
        Path(given).mkdir(parents=True, exist_ok=True)
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="bench-objects-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def main() -> None:
    """Run the benchmarks that the options name."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the servers end with us
    sets = data_sets(options.scale)
    with (
        contextlib.ExitStack() as stack,
        _folder(options.folder) as folder,
        servers(folder) as (source, target),
    ):
        stage = Stage(source, target, folder)
        distant = replace(stage, target=stack.enter_context(far_away(target)))
        for name in options.sets.split(","):
            taking_part = contenders(distant if name in _FAR else stage, name, sets)
            if options.fill:
                continue
            if options.only:
                taking_part = [one for one in taking_part if one.name in options.only]
            count = 1 if name == "memory" else options.rounds
            samples = rounds(taking_part, count, servers=(source.pid, target.pid), say=say)
            setting = {"rounds": count, "scale": options.scale}
            report = Report(f"objects-{name}", setting, samples, reported(name, samples))
            publish(report, (TUNED, CHECKED, DEFAULTS))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.objects", description=__doc__)
    add = parser.add_argument
    add("--sets", default="small,mixed,large,rerun,check,memory", help="which benchmarks, with commas")
    add("--rounds", type=int, default=3, help="how often each contender runs (default: 3)")
    add("--only", action="append", default=[], help="a contender (default: all)")
    add("--folder", default="", help="keeps the filled stores for the next time (default: deleted)")
    add("--scale", type=float, default=1.0, help="fewer objects, to try the benchmark itself")
    add("--fill", action="store_true", help="fill the stores and measure nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()

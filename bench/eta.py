"""Record the steps of a copy, for the test of the time left: `python -m bench.eta FILE large 1.25`.

Each line is a moment and what happened then: ``expect`` with the loads, ``started`` and ``ended`` of a step,
the bytes ``streamed`` so far, and ``finished``. The data are those of the benchmark, of so many GB.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from bench import postgres
from bench.postgres_sets import SETS
from engines.events import emit
from engines.postgres import clone_database
from engines.postgres.copy import Estimate, Progress
from engines.postgres.plan import CloneOptions
from engines.postgres.session import connection

_JOBS = 2
_LINES: list[list[object]] = []


def _note(*what: object) -> None:
    _LINES.append([round(time.monotonic(), 2), *what])


class _Recorded(Progress):
    def expect(self, estimate: Estimate) -> None:
        loads = {key: [one.kind, one.amount, one.table] for key, one in estimate.loads.items()}
        after = {key: sorted(keys) for key, keys in estimate.after.items()}
        _note("expect", {"jobs": _JOBS, "prepared": estimate.prepared, "loads": loads, "after": after})
        super().expect(estimate)

    def step(self, key: str, over: bool) -> None:
        _note("ended" if over else "started", key)
        super().step(key, over)

    def steps(self, done: int, of: int) -> None:
        _note("streamed", self._streamed)
        super().steps(done, of)


def main() -> None:
    """Copy once and write what happened."""
    target, name, size = sys.argv[1], sys.argv[2], float(sys.argv[3])
    data, far = SETS[name.removesuffix("-far")], name.endswith("-far")
    with (
        tempfile.TemporaryDirectory(prefix="bench-eta-") as folder,
        postgres.stage(Path(folder), data, size, far=far, jobs=_JOBS) as stage,
        mock.patch("engines.postgres.copy.execution.Progress", _Recorded),
    ):
        stage.prepare("true")
        source, to = connection.parse(stage.source_url), connection.parse(stage.target_url)
        options = CloneOptions(jobs=_JOBS)
        clone_database(source, to, options, check=False, emit=emit)
        _note("finished")
    Path(target).write_text("".join(f"{json.dumps(line)}\n" for line in _LINES), encoding="utf-8")


if __name__ == "__main__":
    main()

"""How long a database takes to copy: `make bench-postgres`.

Two PostgreSQL servers of our own, of one version, with the same durable settings. Each contender copies the
database of the first into a fresh one of the second, as a role that is no superuser. With ``-far`` the second
is 20 ms away in each direction.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psycopg

from bench import distance, harness, postgres_data
from bench.harness import Contender, Report, say
from bench.measure import FailedError, Job
from bench.postgres_sets import SETS, DataSet
from engines.postgres import compare_databases
from engines.postgres.session import connection
from rehearsal.process import PYTHON, free_ports, minimal_environment, running
from rehearsal.servers import PostgresServer
from rehearsal.servers import postgres as servers

NAME = "postgres"
LIBRARY = Path(__file__).parents[1] / "library"
SOURCE, TARGET, USER, PASSWORD = "source", "target", "bench", "test"
# What the rehearsal's servers leave out for speed is on: it is what a copy costs where data matter.
_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "4GB",
    "max_parallel_maintenance_workers": "2",
}
_DUMP = "pg_dump -Fc, pg_restore"
_FILE = "pg_dump -Fc to a file, pg_restore -j"
_PARALLEL = "pg_dump -Fd -Z0 -j, pg_restore -j"
_PGCOPYDB = "pgcopydb"
_BASES = (_PGCOPYDB, _DUMP, _FILE, _PARALLEL)
_FAR = "-far"
_CLONE, _PROVEN = "pg_clone", "pg_clone, pg_compare"

_SCRIPTS: Mapping[str, str] = {
    _DUMP: 'pg_dump -Fc "$SOURCE_URL" | pg_restore --no-owner --no-acl --exit-on-error -d "$TARGET_URL"',
    # A pipe cannot be restored by several.
    _FILE: 'pg_dump -Fc -f "$WORK/dump" "$SOURCE_URL";'
    ' pg_restore "-j$JOBS" --no-owner --no-acl --exit-on-error -d "$TARGET_URL" "$WORK/dump"',
    _PARALLEL: 'pg_dump -Fd "-j$JOBS" -Z0 -f "$WORK/dump" "$SOURCE_URL";'
    ' pg_restore "-j$JOBS" --no-owner --no-acl --exit-on-error -d "$TARGET_URL" "$WORK/dump"',
    _PGCOPYDB: 'pgcopydb clone --table-jobs "$JOBS" --index-jobs "$JOBS" --no-owner --no-acl'
    ' --dir "$WORK/pgcopydb" --source "$SOURCE_URL" --target "$TARGET_URL"',
    _CLONE: 'exec "$PYTHON" "$LIBRARY/pg_clone.py" "$WORK/arguments"',
    _PROVEN: '"$PYTHON" "$LIBRARY/pg_clone.py" "$WORK/arguments";'
    ' "$PYTHON" "$LIBRARY/pg_compare.py" "$WORK/arguments"',
}


@dataclass(frozen=True)
class Stage:
    """Both servers, and a folder for what contenders write. ``port`` is where contenders find the target."""

    source: PostgresServer
    target: PostgresServer
    work: Path
    port: int
    jobs: int

    @property
    def source_url(self) -> str:
        """The database that is copied."""
        return self.source.url(SOURCE)

    @property
    def target_url(self) -> str:
        """The database that is filled, as its owner."""
        return replace(self.target, port=self.port).url(TARGET, USER, PASSWORD)

    def processes(self) -> list[int]:
        """Return the process ids of both servers."""
        return [_postmaster(one.folder) for one in (self.source, self.target)]

    def prepare(self, script: str) -> Job:
        """Empty the target and the working folder, let both servers come to rest; return the command."""
        self.clean()
        self.work.mkdir()
        self.target.create_database(TARGET, owner=USER)
        options = {"source": "env:SOURCE_URL", "target": "env:TARGET_URL", "jobs": self.jobs}
        arguments = self.work / "arguments"
        arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options}), encoding="utf-8")
        for server in (self.source, self.target):
            _execute(server.url(), "CHECKPOINT")
        environment = minimal_environment(
            SOURCE_URL=self.source_url,
            TARGET_URL=self.target_url,
            WORK=str(self.work),
            JOBS=str(self.jobs),
            LIBRARY=str(LIBRARY),
            PYTHON=PYTHON,
            PYTHONPATH=str(LIBRARY.parent),
            HOME=str(self.work),
        )
        # The client programs of the servers' own version, for all.
        environment["PATH"] = f"{servers.find_binaries()}:{environment['PATH']}"
        command = ("bash", "-euo", "pipefail", "-c", script)
        return Job(command, environment, self.work.with_name("contender.log"))

    def verify(self) -> None:
        """Raise ``FailedError`` unless the target holds every row, index and key of the source."""
        target = self.target.url(TARGET, USER, PASSWORD)
        if postgres_data.counts(self.source_url) != postgres_data.counts(target):
            raise FailedError("rows are missing on the target")
        found = compare_databases(connection.parse(self.source_url), connection.parse(target)).differences()
        if found:
            raise FailedError(f"the target differs: {'; '.join(found[:5])}")

    def clean(self) -> None:
        """Remove what a contender made."""
        _execute(self.target.url(), f"DROP DATABASE IF EXISTS {TARGET} (FORCE)")
        shutil.rmtree(self.work, ignore_errors=True)


def contenders(stage: Stage, names: list[str]) -> list[Contender]:
    """Return those whose name begins with one of ``names``, or all."""
    return [
        Contender(name, partial(stage.prepare, script), stage.verify, stage.clean)
        for name, script in _SCRIPTS.items()
        if not names or any(name.startswith(one) for one in names)
    ]


@contextlib.contextmanager
def stage(folder: Path, data: DataSet, size: float, *, far: bool, jobs: int) -> Iterator[Stage]:
    """Run both servers, the source filled with ``data``, for the length of a ``with`` block."""
    with contextlib.ExitStack() as stack:
        ports = free_ports(2)
        pair = [
            stack.enter_context(_server(folder / name, port))
            for name, port in zip(("source", "target"), ports, strict=True)
        ]
        pair[1].create_role(USER, PASSWORD)
        mark = folder / f"filled-{data.version(size)}"
        if not mark.exists():
            say(f"filling {SOURCE} with {data.name}")
            _execute(pair[0].url(), f"DROP DATABASE IF EXISTS {SOURCE}")
            pair[0].create_database(SOURCE)
            data.fill(pair[0].url(SOURCE), size)
            mark.touch()
        port = stack.enter_context(distance.before(pair[1].port)).port if far else pair[1].port
        yield Stage(pair[0], pair[1], folder / "work", port, jobs)


@contextlib.contextmanager
def _server(folder: Path, port: int) -> Iterator[PostgresServer]:
    one = PostgresServer(port, folder / "data")
    servers.initialise(one.folder)
    lines = "".join(f"{name} = '{value}'\n" for name, value in _SETTINGS.items())
    (one.folder / "postgresql.auto.conf").write_text(lines, encoding="utf-8")
    with running(one.program(), folder / "postgres.log"):
        yield one


def _postmaster(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(statement)


def _setting(stage_: Stage) -> dict[str, object]:
    tables, indexes = postgres_data.sizes(stage_.source_url)
    with psycopg.connect(stage_.source_url) as session:
        version = session.info.parameter_status("server_version") or ""
    return {
        "PostgreSQL": version.split()[0],
        "jobs": stage_.jobs,
        "tables MB": tables // 10**6,
        "indexes MB": indexes // 10**6,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.postgres", description=__doc__)
    size = float(os.environ.get("BENCH_SIZE", "1.25"))
    parser.add_argument(
        "--size", type=float, default=size, help="GB of tables with their indexes (BENCH_SIZE)"
    )
    known = [*SETS, *(f"{name}{_FAR}" for name in ("many", "large"))]
    parser.add_argument("--sets", default=",".join(known), help=f"of {', '.join(known)}")
    parser.add_argument("--jobs", type=int, default=2, help="of every contender")
    parser.add_argument("--rounds", type=int, default=3, help="0 only makes the data")
    parser.add_argument("--append", action="store_true", help="add to the kept runs of the same setting")
    parser.add_argument("--folder", type=Path, help="keep servers' files here, for another call")
    parser.add_argument("--only", action="append", default=[], help="contenders by how their names begin")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark as the command line asks."""
    given = _arguments()
    harness.end_in_order()
    for name in given.sets.split(","):
        plain = name.removesuffix(_FAR)
        if plain not in SETS:
            raise FailedError(f"there is no set {name}")
        with tempfile.TemporaryDirectory(prefix="bench-postgres-") as temporary:
            folder = (given.folder or Path(temporary)).absolute() / plain
            folder.mkdir(parents=True, exist_ok=True)
            _run_set(given, name, SETS[plain], folder)


def _run_set(given: argparse.Namespace, name: str, data: DataSet, folder: Path) -> None:
    title = NAME if name == "large" else f"{NAME}-{name}"
    notes = [] if shutil.which("pgcopydb") else ["pgcopydb is not installed: left out."]
    with stage(folder, data, given.size, far=name.endswith(_FAR), jobs=given.jobs) as ready:
        setting = _setting(ready)
        say(f"{name}: " + ", ".join(f"{fact} {value}" for fact, value in setting.items()))
        chosen = [one for one in contenders(ready, given.only) if not (notes and one.name == _PGCOPYDB)]
        kept = harness.earlier(title, setting) if given.append else ()
        report = Report(title, setting, kept, tuple(notes))
        samples = harness.rounds(
            chosen,
            given.rounds,
            servers=ready.processes(),
            earlier=report.samples,
            say=say,
            keep=lambda found: _keep(replace(report, samples=found)),
        )
    if samples:
        harness.publish(replace(report, samples=samples), _BASES)


def _keep(report: Report) -> None:
    harness.keep(report, _BASES)


if __name__ == "__main__":
    try:
        main()
    except FailedError as error:
        sys.exit(f"bench-postgres: {error}")

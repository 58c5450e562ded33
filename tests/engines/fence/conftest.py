"""A database with every kind of table that a write can reach, and sessions that write to it."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg
import pytest

from engines.fence import Terms
from engines.postgres.session import parse
from engines.runs import Owner, processes

REFUSED = "25006"
_NUMBERS = itertools.count()
TABLES = '''
CREATE TABLE plain (id serial PRIMARY KEY, v text);
CREATE TABLE parts (id int, day int) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10) PARTITION BY LIST (id);
CREATE TABLE parts_1_1 PARTITION OF parts_1 DEFAULT;
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
CREATE TABLE parent (id int);
CREATE TABLE child (extra int) INHERITS (parent);
CREATE UNLOGGED TABLE fast (id int);
CREATE SCHEMA "Odd ""one""";
CREATE TABLE "Odd ""one"""."a.b %s" (id int);
INSERT INTO plain (v) VALUES ('kept');
INSERT INTO parts VALUES (1, 1), (2, 20);
INSERT INTO child VALUES (1, 2);
'''
# A write that reaches each table by its own name.
WRITES = (
    "INSERT INTO plain (v) VALUES ('late')",
    "UPDATE plain SET v = 'late'",
    "DELETE FROM plain",
    "TRUNCATE plain",
    "COPY plain (v) FROM STDIN",
    "WITH gone AS (DELETE FROM plain RETURNING *) SELECT * FROM gone",
    "INSERT INTO parts VALUES (3, 3)",
    "INSERT INTO parts_1 VALUES (3, 3)",
    "INSERT INTO parts_1_1 VALUES (3, 3)",
    "DELETE FROM parts_2",
    "TRUNCATE parts_2",
    "UPDATE parent SET id = 9",
    "INSERT INTO child VALUES (3, 3)",
    "INSERT INTO fast VALUES (1)",
    'INSERT INTO "Odd ""one"""."a.b %s" VALUES (1)',
    # Not one row is meant, and it is a write all the same.
    "UPDATE plain SET v = '' WHERE false",
)


class Source:
    """A database, its address, and a run that may put a fence around it."""

    def __init__(self, server, name: str) -> None:
        self.server, self.name = server, name
        self.address = parse(server.url(name))
        self.run = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.owner = Owner.of(self.run.pid)

    def terms(self, **changes) -> Terms:
        usual = {"run_id": f"run-{uuid.uuid4().hex[:8]}", "environment": "staging", "patience": 3}
        return Terms(**{**usual, **changes})

    def session(self, user: str = "", password: str = "") -> psycopg.Connection:
        login = (user, password) if user else ()
        return psycopg.connect(self.server.url(self.name, *login), autocommit=True)

    def write(self, statement: str, *before: str) -> str:
        """Run a statement in a session of its own; return the SQLSTATE of its refusal, if it was refused."""
        with self.session() as session:
            for each in before:
                session.execute(each)
            try:
                if statement.startswith("COPY"):
                    with session.cursor() as cursor, cursor.copy(statement) as copy:
                        copy.write("late\n")
                else:
                    session.execute(statement)
            except psycopg.Error as error:
                return error.sqlstate or "?"
        return ""

    def rows(self) -> list[int]:
        with self.session() as session:
            return [
                session.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - constants only
                for table in ("plain", "parts", "parent", "fast", '"Odd ""one"""."a.b %s"')
            ]

    def leftovers(self) -> list[str]:
        """Return what of a fence is in the database."""
        with self.session() as session:
            found = session.execute(
                "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'bmii_migrate_fence'"
                " UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'bmii_migrate_fence'"
            )
            return [row[0] for row in found]


@pytest.fixture
def source(postgres_server):
    name = f"fenced_{next(_NUMBERS)}"
    postgres_server.create_database(name)
    found = Source(postgres_server, name)
    with found.session() as session:
        session.execute(TABLES)
    yield found
    found.run.kill()
    found.run.wait()
    wait_until(lambda: not holders(found))


def holders(source: Source) -> list[int]:
    """Return the server's processes of sessions that hold, or held, a fence around the source."""
    with source.session() as session:
        query = (
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = %s AND application_name LIKE 'bmii-migrate fence%%'"
        )
        return [row[0] for row in session.execute(query, [source.name])]


def holder_of(source: Source) -> int:
    """Return the process of this machine that holds the fence around a source."""
    with source.session() as session:
        query = "SELECT client_port FROM pg_stat_activity WHERE pid = ANY (%s)"
        ports = {row[0] for row in session.execute(query, [holders(source)])}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError):  # the holder of another run, which ends
            if "engines.fence.holder" in processes.command(int(path.name)) and ports & local_ports(path):
                return int(path.name)
    raise AssertionError("nobody holds it")


def local_ports(process: Path) -> set[int]:
    """Return the ports from which a process is connected."""
    inodes = set()
    for file in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(str(file.readlink()))
    lines = Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    fields = [line.split() for line in lines]
    return {int(field[1].partition(":")[2], 16) for field in fields if f"socket:[{field[9]}]" in inodes}


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true in {seconds:g} s"
        time.sleep(0.05)

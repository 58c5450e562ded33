"""A clone that is killed at any step is finished by the same call, and nothing is doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psycopg
import pytest

from engines.events import emit
from engines.postgres.clone import clone
from engines.postgres.compare import compare
from engines.postgres.errors import PostgresError
from engines.postgres.plan import Options

# Kills itself, as `kill -9` would, when the given event comes for the given time.
KILLED = """
import os, signal, sys
from engines.postgres import connection, mover
from engines.postgres.clone import clone
from engines.postgres.plan import Options

kind, count = sys.argv[1], int(sys.argv[2])
mover.BUFFER, mover.REPORT = 1024, 1
seen = 0

def emit(found, **fields):
    global seen
    seen += found == kind
    if seen == count:
        os.kill(os.getpid(), signal.SIGKILL)

ends = [connection.parse(os.environ[name]) for name in ("SOURCE", "TARGET")]
clone(*ends, Options(), check=False, emit=emit)
"""


def kill_at(ends, kind, count):
    environment = os.environ | {"SOURCE": ends.source_url, "TARGET": ends.target_url}
    command = [sys.executable, "-c", KILLED, kind, str(count)]
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("clone.planned", 1),
        ("schema.created", 1),
        ("table.started", 1),
        ("table.moving", 1),
        ("table.moving", 3),
        ("table.copied", 7),
        ("schema.step", 1),
        ("schema.step", 9),
        ("schema.step", 22),
        ("schema.step", 30),
        ("schema.step", 37),
    ],
)
def test_same_call_finishes_a_killed_one(ends, kind, count):
    assert kill_at(ends, kind, count) == -signal.SIGKILL
    finished = clone(ends.source, ends.target, Options(), check=False, emit=emit)
    assert finished.plan.changes
    assert compare(ends.source, ends.target).differences() == []
    assert not clone(ends.source, ends.target, Options(), check=False, emit=emit).plan.changes


def test_what_is_there_is_not_copied_again(ends):
    assert kill_at(ends, "schema.step", 5) == -signal.SIGKILL
    finished = clone(ends.source, ends.target, Options(), check=False, emit=emit)
    assert finished.plan.situation == "unfinished"
    assert finished.moved == ()


def test_a_cut_connection_is_said_and_finished(ends, postgres_server):
    def cut(kind, **fields):
        if kind == "table.started":
            with psycopg.connect(postgres_server.url(), autocommit=True) as session:
                session.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [ends.target_name],
                )

    with pytest.raises(PostgresError, match="Run the same command again") as caught:
        clone(ends.source, ends.target, Options(), check=False, emit=cut)
    assert "s3cr" not in str(caught.value)
    clone(ends.source, ends.target, Options(), check=False, emit=emit)
    assert compare(ends.source, ends.target).differences() == []

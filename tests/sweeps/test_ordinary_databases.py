"""Databases as people have them arrive whole, as other programs see them; a second run changes nothing.

`pg_dump` of the target is, line by line, that of a database which `pg_dump` and `psql` alone have restored. A
server writes some expressions otherwise than it was given, once: that of the source may differ in these.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import client_tools, connection
from tests.stress import STRESS
from tests.sweeps import ordinary
from tests.sweeps.test_random_schemas import copied

_NUMBERS = itertools.count()
_PASSWORD = "pw"
# Only a superuser creates this one. The master user of RDS may, who stands in for him here may not.
_GIVEN = "earthdistance"
# What may be left behind: the rows and objects are all there.
_NOT_COPIED = {"owner", "owner of a security definer function", "extension version"}
# pg_dump's guards with a random word, and what says which version wrote the dump.
_PASSING = ("\\restrict", "\\unrestrict", "-- Dumped ")


def script_of(url):
    """Return the schema as a script, by the programs of the newer of both versions."""
    with psycopg.connect(url) as session:
        major = session.info.server_version // 10000
    return _run(
        client_tools.find(major, major).pg_dump, "--schema-only", "--no-owner", "--no-privileges", url
    )


def lines_of(url):
    return [line for line in script_of(url).splitlines() if not line.startswith(_PASSING)]


def restored(source, target):
    """Restore the schema of ``source`` by the programs of the target's version alone; return its dump."""
    with psycopg.connect(target) as session:
        programs = client_tools.find(15, session.info.server_version // 10000)
    script = _run(programs.pg_dump, "--schema-only", "--no-owner", "--no-privileges", source)
    psql = str(Path(programs.pg_dump).with_name("psql"))
    _run(psql, "-qX", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, target, given=script)
    return lines_of(target)


def _run(*command, given=None):
    environment = {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "PGCLIENTENCODING": "UTF8",
        "PGOPTIONS": "-c lc_messages=C",
    }
    done = subprocess.run(command, input=given, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def knows_icu(server):
    with psycopg.connect(server.url()) as session:
        return session.execute("SELECT count(*) > 0 FROM pg_collation WHERE collprovider = 'i'").fetchone()[0]


class Pair:
    """A source that a script fills, and the target that an ordinary role owns."""

    def __init__(self, near, far, script):
        self.number, self.server = next(_NUMBERS), far
        near.create_database(f"ordinary_{self.number}")
        self.source = near.url(f"ordinary_{self.number}")
        with psycopg.connect(self.source, autocommit=True) as session:
            session.execute(script)
            query = "SELECT count(*) FROM pg_catalog.pg_extension WHERE extname = %s"
            self.has_given = session.execute(query, [_GIVEN]).fetchone() != (0,)
        with contextlib.suppress(psycopg.errors.DuplicateObject):
            far.create_role("mover", _PASSWORD)
        self.target = self.database("target", owner="mover")
        self.ends = [
            connection.parse(self.source),
            connection.parse(far.url(self.target, "mover", _PASSWORD)),
        ]
        self.target_url = far.url(self.target)

    def database(self, kind, owner=None):
        name = f"ordinary_{kind}_{self.number}"
        self.server.create_database(name, **({"owner": owner} if owner else {}))
        if self.has_given:
            with psycopg.connect(self.server.url(name), autocommit=True) as session:
                session.execute(f"CREATE EXTENSION {_GIVEN} CASCADE")
        return name

    def clone(self):
        result = clone_database(*self.ends, CloneOptions(), check=False, emit=emit)
        assert {one.kind for one in result.plan.not_copied} <= _NOT_COPIED
        return result

    def check(self, expected):
        """Clone, and see that everything is there, and the same to programs that are not ours."""
        assert self.clone().plan.changes
        assert not self.clone().plan.changes
        assert compare_databases(*self.ends).differences() == []
        assert lines_of(self.target_url) == expected
        assert copied(self.target_url) == copied(self.source)


@pytest.mark.parametrize("name", ordinary.ALL if STRESS else ("music", "songs"))
def test_ordinary_database_is_the_same_to_other_programs(postgres_server, name):
    script = ordinary.music(icu=knows_icu(postgres_server)) if name == "music" else ordinary.script(name)
    pair = Pair(postgres_server, postgres_server, script)
    pair.check(restored(pair.source, postgres_server.url(pair.database("reference"))))


@pytest.mark.parametrize("name", ordinary.ALL if STRESS else ("rental",))
def test_ordinary_database_arrives_in_a_later_version(postgres_server, later_server, name):
    pair = Pair(postgres_server, later_server, ordinary.script(name))
    pair.check(restored(pair.source, later_server.url(pair.database("reference"))))

"""A target that nobody was served by, and whose source has moved on: copied anew, and nothing is lost."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time

import psycopg
import pytest

from engines.errors import RefusedError
from engines.postgres import clone, compare, replacement
from engines.postgres.copy import schema_restore
from engines.postgres.plan import CloneOptions
from engines.postgres.session import BusyError, SchemaDiffersError, parse

_NUMBERS = itertools.count()
TABLES = """
CREATE TABLE t (id serial PRIMARY KEY, v text);
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO t (v) SELECT i FROM generate_series(1, 10) i;
INSERT INTO alembic_version VALUES ('one');
"""


class Pair:
    """A source, and a target of an ordinary role that was copied and upgraded."""

    def __init__(self, server) -> None:
        number = next(_NUMBERS)
        self.server = server
        self.names = (f"moved_{number}_source", f"moved_{number}_target")
        server.create_role("mover", "canary-42f0")
        server.create_database(self.names[0])
        server.create_database(self.names[1], owner="mover")
        self.source = parse(server.url(self.names[0]))
        self.target = parse(server.url(self.names[1], "mover", "canary-42f0"))
        self.on(0, TABLES)
        self.clone()
        self.upgrade()

    def on(self, side: int | str, statement: str) -> list[tuple]:
        name = self.names[side] if isinstance(side, int) else side
        with psycopg.connect(self.server.url(name), autocommit=True) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def upgrade(self) -> None:
        self.on(1, "UPDATE alembic_version SET version_num = 'two'; ALTER TABLE t ADD COLUMN added text")

    def clone(self, *, check: bool = False, replaces: bool = False, **options):
        call = clone.clone_or_replace if replaces else clone.clone_database
        chosen = CloneOptions(**options)
        return call(self.source, self.target, chosen, check=check, emit=lambda *_, **__: None)

    @property
    def databases(self) -> list[str]:
        found = [row[0] for row in self.on(0, "SELECT datname FROM pg_database")]
        return sorted(name for name in found if name.startswith(self.names[1]))


@pytest.fixture
def pair(postgres_server):
    return Pair(postgres_server)


LATE = (
    "INSERT INTO t (v) VALUES ('late')",
    "UPDATE t SET v = 'late' WHERE id = 1",
    "DELETE FROM t WHERE id = 1",
    "SELECT nextval('t_id_seq')",
    "SELECT lo_from_bytea(0, 'late')",
)


@pytest.mark.parametrize("late", LATE)
def test_whatever_came_late_is_copied_anew_and_the_former_target_kept(pair: Pair, late: str) -> None:
    """Without it, nothing helps: the copy is refused, and so is the override."""
    pair.on(0, late)
    agreed = {"on_target_rows": "replace", "consent": pair.names[1]}
    for options in ({}, agreed):
        with pytest.raises(RefusedError):
            pair.clone(**options)
    planned = pair.clone(check=True, replaces=True)
    assert planned.set_aside
    assert pair.databases == [pair.names[1]]
    done = pair.clone(replaces=True)
    assert pair.databases == [pair.names[1], done.set_aside]
    assert compare.compare_databases(pair.source, pair.target).equal
    assert pair.on(done.set_aside, "SELECT version_num FROM alembic_version") == [("two",)]
    pair.upgrade()
    assert not pair.clone(replaces=True).set_aside, "what is equal is not replaced"


def test_what_somebody_has_put_there_is_kept_until_it_is_dropped_by_name(pair: Pair) -> None:
    pair.on(1, "INSERT INTO t (v) VALUES ('foreign')")
    aside = pair.clone(replaces=True).set_aside
    assert pair.on(aside, "SELECT count(*) FROM t WHERE v = 'foreign'") == [(1,)]
    assert replacement.kept(pair.target) == [aside]
    with pytest.raises(KeyError):
        replacement.drop(pair.target, [pair.names[0]])
    replacement.drop(pair.target, [aside])
    assert pair.databases == [pair.names[1]]


def test_a_fresh_database_that_a_killed_run_has_made_is_taken(pair: Pair) -> None:
    pair.on(0, LATE[0])
    pair.on(0, f"CREATE DATABASE {pair.names[1]}_migrate_fresh OWNER mover")
    done = pair.clone(replaces=True)
    assert pair.databases == [pair.names[1], done.set_aside]
    assert compare.compare_databases(pair.source, pair.target).equal


def test_a_copy_that_is_cut_off_after_the_swap_is_finished_by_the_next(pair: Pair) -> None:
    pair.on(0, LATE[0])
    aside = replacement.set_aside(pair.target)
    assert pair.clone(replaces=True).set_aside == ""
    assert compare.compare_databases(pair.source, pair.target).equal
    assert replacement.kept(pair.target) == [aside]


def test_who_is_connected_is_reported_and_the_target_stays(pair: Pair, monkeypatch) -> None:
    monkeypatch.setattr(replacement, "_PATIENCE", 1.0)
    # The server itself waits 5 s in each for others to go.
    monkeypatch.setattr(replacement, "_TRIES", 1)
    pair.on(0, LATE[0])
    with (
        psycopg.connect(pair.server.url(pair.names[1]), application_name="somebody"),
        pytest.raises(BusyError, match="somebody of postgres"),
    ):
        pair.clone(replaces=True)
    assert pair.names[1] in pair.databases
    assert pair.clone(replaces=True).set_aside


def test_a_pool_that_connects_again_and_again_does_not_keep_the_target(pair: Pair, monkeypatch) -> None:
    """The trial task of a run that was killed runs on, and nobody is there to stop it."""
    monkeypatch.setattr(replacement, "_PATIENCE", 0.5)
    pair.on(0, LATE[0])
    url = pair.server.url(pair.names[1], "mover", "canary-42f0")
    stop, seen = threading.Event(), []

    def pool() -> None:
        while not stop.is_set():
            with contextlib.suppress(psycopg.Error), psycopg.connect(url) as held:
                seen.append(held.execute("SELECT oid FROM pg_database WHERE datname = current_database()"))
                while not stop.wait(0.05):
                    held.execute("SELECT 1")

    thread = threading.Thread(target=pool)
    thread.start()
    try:
        while not seen:
            time.sleep(0.01)
        aside = replacement.set_aside(pair.target)
    finally:
        stop.set()
        thread.join()
    assert pair.databases == [pair.names[1], aside]


def test_a_fresh_database_sorts_as_the_former_one(pair: Pair) -> None:
    name = f"{pair.names[1]}_icu"
    options = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'"
    pair.on(0, f"CREATE DATABASE {name} OWNER mover {options}")
    aside = replacement.set_aside(parse(pair.server.url(name, "mover", "canary-42f0")))
    query = "SELECT datname, datlocprovider, to_jsonb(d) ->> 'daticulocale' FROM pg_database d"
    found = pair.on(0, f"{query} WHERE datname IN ('{name}', '{aside}') ORDER BY 1")
    assert found == [(name, "i", "de-DE"), (aside, "i", "de-DE")]


def test_a_copy_that_fails_at_its_end_is_not_put_aside_for_another(pair: Pair, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise SchemaDiffersError("the copied schema is not the source's")

    name = f"{pair.names[1]}_blank"
    pair.on(0, f"CREATE DATABASE {name} OWNER mover")
    before = pair.databases
    monkeypatch.setattr(schema_restore, "verify_schema", fail)
    target = parse(pair.server.url(name, "mover", "canary-42f0"))
    with pytest.raises(SchemaDiffersError):
        clone.clone_or_replace(pair.source, target, CloneOptions(), check=False, emit=lambda *_, **__: None)
    assert pair.databases == before


def test_a_database_is_known_again_and_another_of_its_name_is_not(pair: Pair) -> None:
    before = replacement.identity(pair.target)
    assert before
    assert (replacement.lineage(pair.target), replacement.is_empty(pair.target)) == ([], False)
    replacement.set_aside(pair.target)
    after = replacement.identity(pair.target)
    assert after != before
    assert (replacement.lineage(pair.target), replacement.is_empty(pair.target)) == ([before], True)
    replacement.drop(pair.target, replacement.kept(pair.target))
    assert replacement.lineage(pair.target) == []

"""A clone of a source that is written to at full speed is one moment of it, with every key in its place."""

from __future__ import annotations

import contextlib
import random
import threading

import psycopg
import pytest

from tests.stress import size
from tests.sweeps.postgres_runs import Runner
from tests.sweeps.postgres_sandbox import sandbox

ROUNDS = size(sample=2, full=30)
WRITERS = 4

STATEMENTS = """
CREATE TABLE branch (
    id serial PRIMARY KEY, balance bigint NOT NULL DEFAULT 0, changes bigint NOT NULL DEFAULT 0);
CREATE TABLE account (id serial PRIMARY KEY, branch_id integer NOT NULL REFERENCES branch,
    balance bigint NOT NULL DEFAULT 0, filler text NOT NULL);
CREATE TABLE entry (id bigserial PRIMARY KEY, account_id integer NOT NULL REFERENCES account,
    reverses bigint REFERENCES entry ON DELETE SET NULL, amount bigint NOT NULL, body text NOT NULL);
CREATE TABLE tally (moment bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entry_id bigint NOT NULL UNIQUE
    REFERENCES entry ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX ON entry (account_id, amount);
CREATE INDEX ON entry (reverses);
INSERT INTO branch SELECT FROM generate_series(1, 10);
INSERT INTO account (branch_id, filler)
    SELECT 1 + i % 10, repeat(md5(i::text), 8) FROM generate_series(1, 2000) i;
INSERT INTO entry (account_id, amount, body)
    SELECT 1 + i % 2000, 0, repeat(md5(i::text), 4) FROM generate_series(1, 10000) i;
INSERT INTO tally (entry_id) SELECT id FROM entry;
ANALYZE"""

# One transaction moves money: the sums are equal at every moment that ever was, and at no moment in between.
TRANSFER = """
WITH made AS (
    INSERT INTO entry (account_id, reverses, amount, body)
    SELECT id, (SELECT id FROM entry e WHERE e.id = v.id * 7), amount,
        repeat(md5(random()::text), 1 + (id %% 9))
    FROM (VALUES (%(one)s::int, -%(amount)s::bigint), (%(other)s::int, %(amount)s::bigint)) v (id, amount)
    RETURNING id, account_id, amount
), noted AS (INSERT INTO tally (entry_id) SELECT id FROM made),
moved AS (UPDATE account a SET balance = balance + m.amount FROM made m WHERE a.id = m.account_id
    RETURNING a.branch_id, m.amount)
UPDATE branch b SET balance = balance + s.amount, changes = changes + s.n
FROM (SELECT branch_id, sum(amount) AS amount, count(*) AS n FROM moved GROUP BY 1) s
WHERE b.id = s.branch_id"""
GROW = """
WITH new AS (INSERT INTO account (branch_id, filler) VALUES (%(branch)s, 'new') RETURNING id)
INSERT INTO entry (account_id, amount, body) SELECT id, 0, 'opened' FROM new"""
UNDO = "DELETE FROM entry WHERE amount = 0 AND id %% 997 = %(one)s %% 997"

# Each is a number that is nought in every moment of the source.
INVARIANTS = {
    "money of branches": "SELECT sum(balance) FROM branch",
    "money of accounts": "SELECT sum(balance) FROM account",
    "money of entries": "SELECT sum(amount) FROM entry",
    "changes and entries": """
        SELECT (SELECT sum(changes) FROM branch) - (SELECT count(*) FROM entry WHERE amount <> 0)""",
    "accounts without their entries' money": """
        SELECT count(*) FROM account a
        WHERE balance <> coalesce((SELECT sum(amount) FROM entry e WHERE e.account_id = a.id), 0)""",
    "entries without an account": """
        SELECT count(*) FROM entry e LEFT JOIN account a ON a.id = account_id WHERE a.id IS NULL""",
    "accounts without a branch": """
        SELECT count(*) FROM account a LEFT JOIN branch b ON b.id = branch_id WHERE b.id IS NULL""",
    "tallies without an entry": """
        SELECT count(*) FROM tally t LEFT JOIN entry e ON e.id = entry_id WHERE e.id IS NULL""",
    "new entries without a tally": """
        SELECT count(*) FROM entry e LEFT JOIN tally t ON e.id = entry_id WHERE t IS NULL AND amount <> 0""",
}
AWAY = (psycopg.errors.DeadlockDetected, psycopg.errors.ForeignKeyViolation)
SEQUENCES = {"branch": "id", "account": "id", "entry": "id", "tally": "moment"}


class Writers:
    """Threads that write as fast as they can."""

    def __init__(self, url: str, seed: int) -> None:
        self.written = 0
        self._url = url
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._write, args=(seed * 100 + i,)) for i in range(WRITERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()
        assert not self._failures

    def _write(self, seed: int) -> None:
        dice = random.Random(seed)
        try:
            with psycopg.connect(self._url, autocommit=True) as session:
                while not self._ended.is_set():
                    one, other = sorted(dice.sample(range(1, 2001), 2))
                    values = {
                        "one": one,
                        "other": other,
                        "amount": dice.randint(1, 1000),
                        "branch": one % 10 + 1,
                    }
                    statement = dice.choices((TRANSFER, GROW, UNDO), (20, 3, 1))[0]
                    # Two writers may want the same rows in another order: one of them is sent away.
                    with contextlib.suppress(*AWAY):
                        session.execute(statement, values)
                        with self._lock:
                            self.written += 1
        except BaseException as error:  # noqa: BLE001 - raised in the test
            self._failures.append(error)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Return the two servers, the source with money in it."""
    with sandbox(tmp_path_factory.mktemp("writers"), STATEMENTS, deadlock_timeout="20ms") as found:
        yield found


@pytest.fixture(scope="module")
def runner():
    one = Runner()
    yield one
    one.close()


def asked(server, database, query):
    return server.execute(query, database=database)[0][0]


class Moment:
    """The source as the copy sees it: joined while the copy holds it, and kept after its end."""

    def __init__(self, here) -> None:
        self.rows: dict[str, str] = {}
        self._session = psycopg.connect(here.source.at.url(here.filled), autocommit=True)
        self._joined = False

    def join(self) -> None:
        exported = self._session.execute("SELECT pg_ls_dir('pg_snapshots')").fetchall()
        if not self._joined and exported:
            self._session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            self._session.execute(f"SET TRANSACTION SNAPSHOT '{exported[0][0]}'")
            self._joined = True

    def read(self) -> dict[str, str]:
        assert self._joined
        with self._session as session:
            return digests(session)


def digests(session):
    """Return what is in each table, read with other means than the engine's."""
    query = "SELECT count(*) || ' ' || md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {} t"
    return {table: session.execute(query.format(table)).fetchone()[0] for table in SEQUENCES}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_copy_is_one_moment_of_the_source(here, runner, number):
    here.fresh()
    moment, seen = Moment(here), []

    def on_event(run, count, event):
        moment.join()
        seen.append(writers.written)

    with Writers(here.url("source"), number) as writers:
        run = runner.run(here.url("source"), here.url("target"), on_event=on_event, jobs=1 + number % 3)
    expected = moment.read()
    assert run.end == "done", run.message
    assert seen[-1] > seen[0] + 20, "nothing was written during the copy: this proves nothing"
    with psycopg.connect(here.target.at.url(here.name)) as session:
        assert digests(session) == expected
    with psycopg.connect(here.source.at.url(here.filled)) as session:
        assert digests(session) != expected
    for name, query in INVARIANTS.items():
        assert asked(here.source, here.filled, query) == 0, f"the writers are wrong: {name}"
        assert asked(here.target, here.name, query) == 0, name


def test_the_copy_can_be_written_to_at_once(here):
    """Keys hold, sequences are past every value, triggers of the keys work: the copy of the last round."""
    invalid = (
        "SELECT count(*) FROM pg_constraint WHERE NOT convalidated OR (contype = 'f' AND conname IS NULL)"
    )
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
    assert asked(here.target, here.name, invalid) == 0
    assert asked(here.target, here.name, keys) == asked(here.source, here.filled, keys) == 4
    for table, column in SEQUENCES.items():
        free = f"SELECT nextval(pg_get_serial_sequence('{table}', '{column}')) - max({column}) FROM {table}"  # noqa: S608 - names of this test
        assert asked(here.target, here.name, free) > 0, table
    with Writers(here.target.at.url(here.name), 999) as writers:
        for _ in range(100):
            threading.Event().wait(0.05)
            if writers.written > 200:
                break
    assert writers.written > 200
    for name, query in INVARIANTS.items():
        assert asked(here.target, here.name, query) == 0, name

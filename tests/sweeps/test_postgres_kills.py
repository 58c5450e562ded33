"""A clone disturbed at any instant, in many ways, is finished by the same command: whole and not doubled."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.measure import tree
from engines.postgres import compare_databases
from engines.postgres.session import connection
from tests.stress import SEED, size, some
from tests.sweeps.postgres_runs import ROOT, Runner
from tests.sweeps.postgres_sandbox import SECRET, sandbox

KILLS = size(sample=12, full=360)  # there are twelve kinds
HERE = Path(__file__).parent
SMALL = (HERE / "postgres_sweep.sql").read_text(encoding="utf-8")
HOSTILE = (HERE.parent / "engines/postgres/hostile.sql").read_text(encoding="utf-8")
# A source that crashes loses the rows of an unlogged table, and then refuses them on the target: rightly.
CALM = "ALTER TABLE fleeting SET LOGGED;"

# What a table's rows are when they are all there and kept; what only tells of progress is no step.
COPIED, STARTED = "table.copied", "table.started"
PROGRESS = {"table.moving", "clone.progress"}

# Everything in a database that has a name, read with other means than the engine's.
NAMES = """
SELECT 'relation', c.oid::regclass::text, c.relkind::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
UNION ALL SELECT 'schema', nspname, '' FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT 'function', oid::regprocedure::text, '' FROM pg_proc WHERE oid >= 16384
UNION ALL SELECT 'constraint', conrelid::regclass || ' ' || conname, convalidated::text FROM pg_constraint
    WHERE oid >= 16384
UNION ALL SELECT 'trigger', tgrelid::regclass || ' ' || tgname, tgenabled::text FROM pg_trigger
    WHERE NOT tgisinternal
UNION ALL SELECT 'index', indexrelid::regclass::text, indisvalid::text || indisready FROM pg_index
    WHERE indexrelid >= 16384 AND indrelid >= 16384
    AND indrelid NOT IN (SELECT oid FROM pg_class WHERE relkind = 't')
ORDER BY 1, 2, 3"""
IDENTITY = ("table", "what", "object", "part", "step", "index", "constraint", "sequence", "number")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Return the two servers, the source filled."""
    with sandbox(tmp_path_factory.mktemp("kills"), HOSTILE + CALM + SMALL) as found:
        yield found


@pytest.fixture
def with_source(here):
    """Return ``make(statements)``, which gives the servers with another source and a blank target."""
    kept = here.filled

    def make(statements):
        here.filled = "another"
        here.source.execute("CREATE DATABASE another")
        here.source.execute(statements, database="another")
        here.fresh()
        return here

    yield make
    here.source.execute("DROP DATABASE IF EXISTS another (FORCE)")
    here.filled = kept


@pytest.fixture(scope="module")
def runner():
    one = Runner()
    yield one
    one.close()


@pytest.fixture(scope="module")
def reference(here, runner):
    """Return an undisturbed run, and the seconds from its first event to its last."""
    here.fresh()
    times = []
    run = runner.run(
        here.url("source"), here.url("target"), on_event=lambda *_: times.append(time.monotonic())
    )
    assert run.end == "done", run.message
    prove(here, runner)
    return run, times[-1] - times[0]


def prove(here, runner, **options):
    """The target is the source, nothing more and nothing less, and nothing is left to do."""
    found = compare_databases(connection.parse(here.url("source")), connection.parse(here.url("target")))
    assert found.differences() == []
    sides = (here.source.execute(NAMES, database=here.filled), here.target.execute(NAMES, database=here.name))
    assert sides[0] == sides[1]
    again = runner.run(here.url("source"), here.url("target"), **options)
    assert again.end == "done", again.message
    assert not again.result["changed"], again.result["plan"]


def said_well(run):
    """Whatever befell it, a run that could still speak said what happened, and no secret."""
    assert run.end in {"killed", "failed", "done"}, f"{run.end}: {run.message}"
    assert SECRET not in run.message
    assert "postgres:postgres" not in run.message


def identity(event):
    """Return what tells one step of a run from the others."""
    return (event["kind"], *(str(event[name]) for name in IDENTITY if name in event))


def test_killed_after_each_step_it_still_arrives(with_source, runner):
    """Every run is killed at its first step that none before it reached: it always gets further."""
    here = with_source(SMALL)
    seen, copied, kills = set(), [], 0

    def on_event(run, number, event):
        nonlocal kills
        step = identity(event)
        if event["kind"] in PROGRESS or step in seen:
            return
        seen.add(step)
        kills += 1
        run.kill()

    while True:
        run = runner.run(here.url("source"), here.url("target"), on_event=on_event)
        said_well(run)
        copied += run.tables(COPIED)
        if run.end != "killed":
            break
        assert kills < 400
    assert run.end == "done", run.message
    assert kills >= 30
    # An event may be lost to the kill, never doubled: what was copied stays.
    assert len(copied) == len(set(copied))
    prove(here, runner)


def kill_child(run, dice):
    """Kill one of the processes that the command started, or itself when there is none."""
    children = [pid for pid in tree(run.pid) if pid != run.pid]
    if not children:
        run.kill()
        return
    try:
        os.kill(dice.choice(children), signal.SIGKILL)
    except ProcessLookupError:
        run.kill()


# What may befall a run: (name, the deed). A deed that crashes the target may lose its last commits.
DEEDS = {
    "kill the command": lambda here, run, dice: run.kill(),
    "kill a child": lambda here, run, dice: kill_child(run, dice),
    "end a source session": lambda here, run, dice: here.terminate("source", dice),
    "end a target session": lambda here, run, dice: here.terminate("target", dice),
    "kill a source backend": lambda here, run, dice: here.kill_backend("source", dice),
    "kill a target backend": lambda here, run, dice: here.kill_backend("target", dice),
    "restart the source": lambda here, run, dice: here.source.crash(),
    "restart the target": lambda here, run, dice: here.target.crash(),
    "cut the source": lambda here, run, dice: here.proxies["source"].cut(),
    "cut the target": lambda here, run, dice: here.proxies["target"].cut(),
}
BYTES = {"cut the source at a byte": "source", "cut the target at a byte": "target"}
FORGETFUL = {"kill a target backend", "restart the target"}


def trials(count, seed):
    """Return lists of disturbances, one list per copy: every kind in turn, now and then several in a row."""
    dice = random.Random(seed)
    kinds = [*DEEDS, *BYTES]
    found, made = [], 0
    while made < count:
        length = min(dice.choice((1, 1, 1, 2, 3)), count - made)
        found.append(
            [(kinds[(made + one) % len(kinds)], dice.random(), dice.random() < 0.5) for one in range(length)]
        )
        made += length
    return found


def disturb(here, runner, reference, disturbance, dice):
    """Run the command with one disturbance, some share of the way through: at an event, or at a time."""
    undisturbed, seconds = reference
    kind, share, at_event = disturbance
    acted, timers = threading.Event(), []

    def act(run):
        acted.set()
        DEEDS[kind](here, run, dice)

    def on_event(run, number, event):
        if kind in BYTES:
            return
        if at_event and not acted.is_set() and number > share * len(undisturbed.events):
            act(run)
        if not at_event and number == 1:
            timers.append(threading.Timer(share * seconds, act, [run]))
            timers[0].start()

    if kind in BYTES:
        proxy = BYTES[kind]
        here.url(proxy, proxy=True)
        # The rows are about 3 MB.
        here.proxies[proxy].arm(int(30_000 + share * 3_000_000))
    run = runner.run(
        here.url("source", proxy=True),
        here.url("target", proxy=True),
        on_event=on_event,
        jobs=dice.choice((1, 2, 3)),
    )
    for timer in timers:
        timer.cancel()
        timer.join()
    for proxy in here.proxies.values():
        proxy.arm(0)
    return run


@pytest.mark.parametrize("trial", trials(KILLS, SEED), ids=lambda trial: ", ".join(one[0] for one in trial))
def test_the_same_command_finishes_whatever_befell_it(here, runner, reference, trial):
    dice = random.Random(repr(trial))
    here.fresh()
    copied = []
    for disturbance in trial:
        run = disturb(here, runner, reference, disturbance, dice)
        said_well(run)
        copied.append((disturbance[0], run))
        here.settle()
    last = runner.run(here.url("source", proxy=True), here.url("target", proxy=True))
    assert last.end == "done", last.message
    runs = [*(run for _, run in copied), last]
    if not FORGETFUL & {kind for kind, _ in copied}:
        for number, run in enumerate(runs):
            before = set().union(*(one.tables(COPIED) for one in runs[:number]))
            assert not before & run.tables(STARTED)
    prove(here, runner)


SLOW = """
CREATE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.02); RETURN $1; END';
CREATE TABLE patient (id integer PRIMARY KEY, v text);
INSERT INTO patient SELECT i, i FROM generate_series(1, 100) i;
CREATE INDEX ON patient (slow(v));
CREATE TABLE kept (id integer PRIMARY KEY REFERENCES patient);
INSERT INTO kept VALUES (1)"""


@pytest.mark.parametrize("times", some([1, 3], 1))
def test_a_server_that_works_on_for_a_killed_command_is_not_in_the_way(with_source, runner, times):
    """The index takes two seconds; its maker is killed after half a second, and comes again at once."""
    here = with_source(SLOW)

    def on_event(run, number, event):
        if event["kind"] == "schema.step" and "slow" in event["what"]:
            threading.Timer(0.5, run.kill).start()

    for _ in range(times):
        assert runner.run(here.url("source"), here.url("target"), on_event=on_event).end == "killed"
    last = runner.run(here.url("source"), here.url("target"))
    assert last.end == "done", last.message
    prove(here, runner)


def test_an_unlogged_table_that_a_crash_has_emptied_is_copied_again(with_source, runner):
    here = with_source("CREATE UNLOGGED TABLE fleeting AS SELECT generate_series(1, 1000) AS n;" + SMALL)
    crashed = []

    def on_event(run, number, event):
        if event["kind"] == COPIED and event["table"].endswith("fleeting"):
            crashed.append(number)
            here.target.crash()

    said_well(runner.run(here.url("source"), here.url("target"), on_event=on_event))
    assert crashed
    last = runner.run(here.url("source"), here.url("target"))
    assert last.end == "done", last.message
    prove(here, runner)


@pytest.mark.parametrize("number", some([1, 9, 24], 1))
def test_the_module_itself_is_killed_and_run_again(here, reference, number, tmp_path):
    here.fresh()
    events = tmp_path / "events"
    urls = {"TARGET_URL": here.url("target"), "PYTHONPATH": str(ROOT)}
    environment = os.environ | {"BMII_EVENTS": str(events)} | urls
    arguments = json.dumps(
        {"ANSIBLE_MODULE_ARGS": {"source": here.url("source"), "target": "env:TARGET_URL"}}
    )
    command = [sys.executable, str(ROOT / "library" / "pg_clone.py")]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    process.stdin.write(arguments)
    process.stdin.close()
    while process.poll() is None and (
        not events.exists() or len(events.read_text(encoding="utf-8").splitlines()) < number
    ):
        time.sleep(0.002)
    process.kill()
    with process:
        assert process.wait() == -signal.SIGKILL
    done = subprocess.run(
        command, env=environment, input=arguments, capture_output=True, text=True, check=False
    )
    answer = json.loads(done.stdout)
    assert answer.get("changed"), answer
    found = compare_databases(connection.parse(here.url("source")), connection.parse(here.url("target")))
    assert found.differences() == []

"""alembic_upgrade as Ansible runs it: check, real, repeat, failure."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.library import modules
from tests.stress import size

MANY = size(sample=4, full=10)
MODULE = Path(__file__).parents[2] / "library" / "alembic_upgrade.py"
ENV = """
from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""
REVISION = '''"""Make one."""
from alembic import op

revision = "r1"
down_revision = None


def upgrade():
    print("noise")
    op.execute("CREATE TABLE one (id integer)")
'''


def _run(*, check=False, **options):
    return modules.call("alembic_upgrade", options, check=check)


@pytest.fixture
def options(postgres_server, tmp_path):
    """Return the options for a project of one revision and a database of an ordinary role."""
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\npath_separator = os\n")
    (tmp_path / "env.py").write_text(ENV)
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "r1.py").write_text(REVISION)
    postgres_server.create_role("revisor", "canary-93ab")
    postgres_server.create_database("module_revisions", owner="revisor")
    url = postgres_server.url("module_revisions", "revisor", "canary-93ab", driver="psycopg2")
    return {"database_url": url, "config": str(tmp_path / "alembic.ini")}


def test_check_real_repeat_and_a_failure(options, tmp_path):
    check, printed = _run(check=True, **options)
    assert (check["changed"], check["from"], check["to"]) == (True, "", "r1")
    assert "CREATE TABLE one" in check["diff"]["after"]
    real, printed_too = _run(**options)
    assert (real["changed"], real["applied"]) == (True, [{"revision": "r1", "title": "Make one."}])
    repeat, _ = _run(**options)
    assert (repeat["changed"], repeat["from"], repeat["to"], repeat["applied"]) == (False, "r1", "r1", [])
    text = REVISION.replace('"r1"', '"r2"').replace("None", '"r1"')
    (tmp_path / "versions" / "r2.py").write_text(text)
    failed, printed_last = _run(**options)
    assert failed["failed"]
    assert 'relation "one" already exists. The database is left at r1' in failed["msg"]
    for output in (printed, printed_too, printed_last):
        assert "canary-93ab" not in output.replace(options["database_url"], "")


def test_an_invalid_index_is_a_warning(options):
    _run(**options)
    with psycopg.connect(options["database_url"].replace("+psycopg2", ""), autocommit=True) as session:
        session.execute("INSERT INTO one VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute("CREATE UNIQUE INDEX CONCURRENTLY fast ON one (id)")
    result, _ = _run(**options)
    assert (result["changed"], result["invalid_indexes"]) == (False, ["public.fast"])
    assert "Remove it with `DROP INDEX CONCURRENTLY public.fast;`" in str(result["warnings"])
    assert "deprecations" not in result


def test_a_plan_does_without_a_database(options, aws):
    missing = {**options, "database_url": "ssm:/nowhere/DATABASE_URL"}
    assert _run(check=True, **missing)[0]["to"] == "r1"
    assert "does not exist" in _run(**missing)[0]["msg"]
    gone = {**options, "database_url": options["database_url"].replace("module_revisions", "nowhere")}
    assert _run(check=True, **gone)[0]["changed"]
    assert "the database does not exist" in _run(**gone)[0]["msg"]


@pytest.mark.sweep
def test_of_many_at_once_one_works_and_the_others_wait_and_find_nothing_to_do(
    options, postgres_server, tmp_path
):
    """All are there before the one that works may go on: its revision waits for a lock of ours."""
    url = postgres_server.url("module_many", "revisor", "canary-93ab", driver="psycopg2")
    postgres_server.create_database("module_many", owner="revisor")
    wait = "    op.execute('SELECT pg_advisory_xact_lock(7)')\n"
    (tmp_path / "versions" / "r1.py").write_text(REVISION + wait)
    given = json.dumps({"ANSIBLE_MODULE_ARGS": options | {"database_url": url, "lock_timeout": 60}})
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'module_many' AND usename = 'revisor'"
    there = f"SELECT ({sessions}) >= {MANY}"
    held = "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    command = [sys.executable, str(MODULE)]
    with (
        contextlib.ExitStack() as stack,
        psycopg.connect(postgres_server.url("module_many"), autocommit=True) as session,
    ):
        session.execute("SELECT pg_advisory_lock(7)")
        runs = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(MANY)
        ]
        for run in runs:
            run.stdin.write(given)
            run.stdin.close()
        until(session, there)
        until(session, held)
        session.execute("SELECT pg_advisory_unlock(7)")
        answers = [json.loads(run.stdout.read()) for run in runs]
    assert [run.returncode for run in runs] == [0] * MANY
    assert sorted(len(one["applied"]) for one in answers) == [0] * (MANY - 1) + [1]
    assert sum(one["changed"] for one in answers) == 1
    assert {one["to"] for one in answers} == {"r1"}
    assert sorted(one["from"] for one in answers) == [""] + ["r1"] * (MANY - 1)


def until(session, statement):
    """Wait until ``statement`` says true."""
    for _ in range(600):
        if session.execute(statement).fetchone()[0]:
            return
        time.sleep(0.1)
    pytest.fail(f"never came true: {statement}")

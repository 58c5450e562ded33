"""The service's own role: it comes last, reads and writes rows, and may do nothing else."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

APP = "role_app"
REVISION = '''"""Add a table."""
from alembic import op

revision = "three"
down_revision = "two"


def upgrade():
    op.execute("CREATE TABLE later (id serial PRIMARY KEY, v text)")
    op.execute("CREATE TABLE \\"Odd % name\\" (id integer)")
'''


class Application:
    """A sandbox whose service has a role of its own."""

    def __init__(self, sandbox) -> None:
        self.sandbox = sandbox
        self.password = ""
        self.use("canary-5e1f/%:@ä")

    def use(self, password):
        """Have the service's address carry another password."""
        self.password = password
        self.sandbox.secrets += [password, quote(password, safe="")]
        url = self.sandbox.server.url(self.sandbox.target, APP, quote(password, safe=""), driver="psycopg2")
        self.sandbox.environment["ROLE_APP"] = url

    def play(self, *arguments, **variables):
        options = {
            "database_application_role": APP,
            "database_application_address": "env:ROLE_APP",
            **variables,
        }
        return self.sandbox.play(*arguments, **options)

    def run(self, statement):
        return self.sandbox.on(self.sandbox.target, statement, APP, self.password)

    def admin(self, statement):
        return self.sandbox.on(self.sandbox.target, statement, "role_user", "canary-42f0")


@pytest.fixture(scope="module")
def app(make_sandbox):
    made = Application(make_sandbox("role_application"))
    made.plan = made.play("--check", "--diff")
    made.roles_after_plan = made.admin("SELECT count(*) FROM pg_roles WHERE rolname = 'role_app'")
    made.first = made.play("-vvvv")
    made.second = made.play("-v")
    return made


def test_the_plan_says_what_the_role_would_get_and_makes_none(app):
    text, changed, failed = app.plan
    assert (changed, failed) == (3, 0)
    assert f"Create the role {APP}" in text
    assert "GRANT CONNECT ON DATABASE role_application_target TO role_app" in text
    assert app.roles_after_plan == [(0,)]


def test_the_second_run_changes_nothing(app):
    assert app.first[2] == 0
    assert app.second[1:] == (0, 0)


def test_the_role_comes_after_the_proof(app):
    """Until then nobody but the migration reaches the rows."""
    text = app.first[0]
    assert text.index("Report the comparison") < text.index("Create the application's role")


def test_rows_can_be_read_and_written(app):
    assert app.run("INSERT INTO t (v) VALUES ('of the service') RETURNING id") == [(101,)]
    app.run("UPDATE t SET v = 'changed' WHERE id = 101")
    app.run("DELETE FROM t WHERE id = 101")
    assert app.run("SELECT count(*) FROM t") == [(100,)]
    assert app.run("SELECT version_num FROM alembic_version") == [("two",)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "CREATE SCHEMA mine",
        "CREATE INDEX ON t (v)",
        "ALTER TABLE t ADD COLUMN mine text",
        "ALTER TABLE t DISABLE TRIGGER ALL",
        "DROP TABLE t",
        "TRUNCATE t",
        "SELECT setval('t_id_seq', 1)",
        "UPDATE alembic_version SET version_num = 'one'",
        "DELETE FROM alembic_version",
        "INSERT INTO alembic_version VALUES ('x')",
        "CREATE ROLE other",
        "ALTER ROLE role_user PASSWORD 'x'",
        "SET ROLE role_user",
        "CREATE EXTENSION citext",
    ],
)
def test_everything_else_is_refused(app, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.run(statement)


def test_tables_of_later_revisions_can_be_used_at_once(app):
    """Default privileges: the service need not wait for the end of the phase."""
    app.admin("CREATE TABLE between (id serial, v text)")
    assert app.run("INSERT INTO between (v) VALUES ('x') RETURNING id") == [(1,)]
    app.admin("DROP TABLE between")
    (app.sandbox.folder / "versions" / "three.py").write_text(REVISION)
    text, changed, failed = app.play(database_frozen=True, database_extensions=["citext", "pg_trgm"])
    assert (changed, failed) == (2, 0), text
    assert app.run('SELECT count(*) FROM later, "Odd % name"') == [(0,)]
    found = app.admin("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1")
    assert found == [("citext",), ("pg_trgm",)]


def test_another_password_is_taken_over_and_not_shown(app):
    old = app.password
    app.use("canary-77aa/%:@ö")
    text, changed, failed = app.play("-vvvv", database_frozen=True)
    assert (changed, failed) == (1, 0), text
    assert app.run("SELECT 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError):
        app.sandbox.on(app.sandbox.target, "SELECT 1", APP, old)


def test_too_many_rights_are_taken_away_or_named(app):
    app.admin(f"GRANT TRUNCATE, TRIGGER ON t TO {APP}")
    app.admin(f"GRANT INSERT ON alembic_version TO {APP}")
    app.admin("REVOKE SELECT ON t FROM role_app")
    app.admin("GRANT CREATE ON SCHEMA public TO PUBLIC")  # as PostgreSQL 14 and older have it
    app.admin(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT TRUNCATE ON TABLES TO {APP}")
    text, changed, failed = app.play(database_frozen=True)
    assert (changed, failed) == (1, 0), text
    for statement in (
        "TRUNCATE t",
        "CREATE TABLE mine (id integer)",
        "INSERT INTO alembic_version VALUES ('x')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.run(statement)
    assert app.run("SELECT count(*) FROM t") == [(100,)]

    app.sandbox.on("postgres", f"GRANT role_user TO {APP}")
    text, _, failed = app.play(database_frozen=True)
    app.sandbox.on("postgres", f"REVOKE role_user FROM {APP}")
    assert failed == 1
    assert "has the rights of the owner of public.t" in " ".join(text.split())


def test_an_address_of_another_role_is_refused(app):
    text, _, failed = app.play(database_frozen=True, database_application_role="somebody")
    assert failed == 1
    assert "Make them the same" in " ".join(text.split())


BEGUN = time.time()


def files_with(secrets):
    """Return the files, of those that runs write passwords to, that hold one.

    Other runs may be at work, and files older than this session are not of its runs.
    """
    folders = [base / f"bmii-migrate-{os.geteuid()}" for base in (Path("/dev/shm"), Path("/tmp"))]
    found = set()
    for path in (path for folder in folders for path in folder.rglob("*")):
        with contextlib.suppress(OSError):
            text = path.read_text(encoding="utf-8", errors="replace")
            if path.stat().st_mtime >= BEGUN:
                found |= {path for secret in secrets if secret in text}
    return found


def test_no_password_is_left_in_a_file(app):
    assert files_with(app.sandbox.secrets) == set()

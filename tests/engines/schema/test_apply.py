"""Revisions are applied once, one by one, and a failure says where the database stands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
import urllib.parse
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres.session import AbsentError, BusyError, connection, exclusive
from engines.schema import session
from engines.schema.apply import outline, upgrade
from engines.schema.errors import RevisionError, SchemaError
from engines.schema.model import Options

TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
)


def run(database, project, *, check=False, **options):
    return upgrade(database, Options(config=project.config, **options), check=check, emit=emit)


def names(result):
    return [one.revision for one in result.applied]


def test_pending_revisions_are_applied_once(database, project, query):
    first = run(database, project)
    assert (first.before, first.after, names(first)) == ((), ("r2",), ["r1", "r2"])
    assert query(TABLES) == [("alembic_version",), ("one",), ("two",)]
    second = run(database, project)
    assert (second.before, second.after, names(second)) == (("r2",), ("r2",), [])
    project.revision("r3", "r2", "op.execute('CREATE TABLE three (id integer)')")
    assert names(run(database, project)) == ["r3"]


def test_check_shows_the_sql_and_changes_nothing(database, project, query):
    run(database, project, target="r1")
    project.revision("r3", "r2", "op.get_bind().execute(sa.text('SELECT 1')).scalar_one()")
    planned = run(database, project, check=True)
    assert (planned.before, planned.after, names(planned)) == (("r1",), ("r3",), ["r2", "r3"])
    assert "CREATE TABLE two (id integer)" in planned.sql
    assert "UPDATE alembic_version SET version_num='r2'" in planned.sql
    assert "CREATE TABLE one" not in planned.sql
    assert "-- Revision r3: What r3 does." in planned.sql
    assert "From here on its SQL shows only when it runs" in planned.sql
    assert query(TABLES) == [("alembic_version",), ("one",)]
    assert names(run(database, project)) == ["r2", "r3"]


def test_a_database_that_is_not_there_yet_needs_everything(project):
    planned = outline(Options(config=project.config))
    assert names(planned) == ["r1", "r2"]
    assert "CREATE TABLE alembic_version" in planned.sql


def test_a_failed_revision_leaves_the_one_before_and_says_so(database, project, query):
    project.revision("r3", "r2", "op.execute('CREATE TABLE three (id integer)'); op.execute('SELECT 1/0')")
    with pytest.raises(
        SchemaError, match=r"revision r3 \(What r3 does\.\) failed: division by zero"
    ) as caught:
        run(database, project)
    assert "The database is left at r2" in str(caught.value)
    assert caught.value.details == {
        "failed": "r3",
        "left_at": "r2",
        "applied": ["r1", "r2"],
        "may_be_half_done": False,
        "invalid_indexes": [],
    }
    assert query(TABLES) == [("alembic_version",), ("one",), ("two",)]
    project.revision("r3", "r2", "op.execute('CREATE TABLE three (id integer)')")
    assert names(run(database, project)) == ["r3"]


def test_no_message_holds_a_password_or_a_row(database, project, query):
    project.revision("r3", "r2", "op.execute(\"INSERT INTO one VALUES ('confidential')\")")
    with pytest.raises(SchemaError) as caught:
        run(database, project)
    assert "s3cr" not in str(caught.value)
    project.revision("r3", "r2", "print('noise'); raise KeyError('gone')")
    with pytest.raises(SchemaError, match="KeyError: 'gone'"):
        run(database, project)
    wrong = connection.Address({**database.parameters, "password": "Tr0ub4dor"})
    with pytest.raises(Exception, match="wrong user or password") as caught:
        run(wrong, project)
    assert "Tr0ub4dor" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(AbsentError):
        run(connection.Address({**database.parameters, "dbname": "nowhere"}), project)


def test_several_heads_are_named(database, project, query):
    project.revision("fork", "r1", "pass")
    with pytest.raises(RevisionError, match="several heads: fork, r2"):
        run(database, project)
    assert names(run(database, project, target="r2")) == ["r1", "r2"]
    assert names(run(database, project, target="fork")) == ["fork"]
    (project.versions / "merge.py").write_text(
        'revision = "merge"\ndown_revision = ("fork", "r2")\n\n\ndef upgrade():\n    pass\n', encoding="utf-8"
    )
    assert names(run(database, project)) == ["merge"]


def test_all_heads_of_several_bases_and_branches(database, project, query):
    """Two bases, a branch with a label, and a revision that depends on one of another branch."""
    project.revision("fork", "r1", "op.execute('CREATE TABLE fork (id integer)')")
    project.revision("other", None, "op.execute('CREATE TABLE other (id integer)')")
    (project.versions / "late.py").write_text(
        'from alembic import op\nrevision = "late"\ndown_revision = "other"\nbranch_labels = "side"\n'
        'depends_on = ("fork",)\n\n\ndef upgrade():\n    op.execute("ALTER TABLE fork ADD note text")\n',
        encoding="utf-8",
    )
    checked = run(database, project, target="heads", check=True)
    applied = names(checked)
    assert sorted(applied) == ["fork", "late", "other", "r1", "r2"]
    assert applied.index("fork") < applied.index("late")
    assert names(run(database, project, target="side@head")) == [n for n in applied if n != "r2"]
    assert names(run(database, project, target="heads")) == ["r2"]
    assert names(run(database, project, target="heads")) == []
    assert {row[0] for row in query("SELECT version_num FROM alembic_version")} >= {"late", "r2"}
    assert query("SELECT note FROM fork") == query("SELECT id FROM two") == []


def test_an_env_that_only_writes_sql_is_run_all_the_same(database, project, query):
    (project.config.parent / "env.py").write_text(
        """
from alembic import context

context.configure(url="postgresql://", literal_binds=True, version_table="versions")
with context.begin_transaction():
    context.run_migrations()
""",
        encoding="utf-8",
    )
    project.revision("r3", "r2", "op.execute(\"INSERT INTO two SELECT 7 WHERE 'a%b' LIKE 'a%%'\")")
    assert names(run(database, project)) == ["r1", "r2", "r3"]
    assert query("SELECT version_num FROM versions") == [("r3",)]
    assert query("SELECT id FROM two") == [(7,)]
    assert names(run(database, project)) == []
    project.revision("r4", "r3", "op.execute('CREATE TABLE four (id integer)'); op.execute('SELECT 1 / 0')")
    with pytest.raises(SchemaError, match=r"revision r4 .* failed: .*division by zero.* left at r3"):
        run(database, project)
    assert query("SELECT to_regclass('four')::text") == [(None,)]


def test_revisions_that_do_not_fit_are_clear_errors(database, project, query):
    run(database, project)
    with pytest.raises(RevisionError, match="nonsense"):
        run(database, project, target="nonsense")
    with pytest.raises(RevisionError, match="ahead of r1: it also has r2"):
        run(database, project, target="r1")
    query("UPDATE alembic_version SET version_num = 'future'")
    with pytest.raises(RevisionError, match="at revision future, which this code does not have"):
        run(database, project)
    with pytest.raises(ConfigurationError, match="does not exist"):
        upgrade(database, Options(config=Path("nowhere.ini")), check=False, emit=emit)


def test_a_revision_that_cannot_be_read_is_named(database, project):
    (project.versions / "broken.py").write_text("revision = (", encoding="utf-8")
    with pytest.raises(RevisionError, match="a revision cannot be read: SyntaxError"):
        run(database, project)


def test_what_revisions_import_finds_the_target_and_not_the_source(database, project, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@source.example/old")
    monkeypatch.syspath_prepend(str(project.config.parent))
    kept = "import os\nURL = os.environ['DATABASE_URL']\n"
    (project.config.parent / "kept_settings.py").write_text(kept, encoding="utf-8")
    project.revision("r3", "r2", "import kept_settings; assert '/revisions_' in kept_settings.URL")
    # It is kept from the first time on.
    text = (project.versions / "r3.py").read_text(encoding="utf-8")
    (project.versions / "r3.py").write_text(f"import kept_settings\n{text}", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "kept_settings", raising=False)
    assert run(database, project).after == ("r3",)


def test_no_password_shows_in_what_a_revision_says(database, project):
    said = "raise ValueError('not a URL: postgresql://app:hidden/@h/d, and more')"
    (project.versions / "broken.py").write_text(said, encoding="utf-8")
    with pytest.raises(RevisionError, match="ValueError: not a URL: postgresql://…@h/d") as caught:
        run(database, project)
    assert "hidden" not in str(caught.value)


def test_a_pooler_is_refused_before_anything_is_set(database, project, monkeypatch):
    class Greeted(psycopg2.extensions.connection):
        """Was greeted with the number of a process that a pooler made up."""

        def get_backend_pid(self):
            return 7

    given = {**database.parameters, "connection_factory": Greeted}
    monkeypatch.setattr(session, "_connect", lambda _: psycopg2.connect(**given))
    with pytest.raises(ConfigurationError, match="connection pooler"):
        run(database, project)


def test_no_limit_of_the_role_ends_a_migration(database, query):
    query("ALTER ROLE CURRENT_USER SET idle_session_timeout = '7s'")
    try:
        with session.opened(database, Options(config=Path("unused")), read_only=True) as connected:
            shown = "SELECT name, setting FROM pg_settings WHERE name IN "
            names_ = "('idle_session_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')"
            assert {row[1] for row in connected.exec_driver_sql(shown + names_)} == {"0"}
    finally:
        query("ALTER ROLE CURRENT_USER RESET idle_session_timeout")


def test_the_wait_for_another_migration_is_bounded(database, project):
    with (
        connection.session(database, purpose="bmii-migrate pg_clone") as other,
        exclusive(other, seconds=0, subject="database"),
        pytest.raises(BusyError, match="pg_clone"),
    ):
        run(database, project, lock_wait=0.1)


def test_a_statement_does_not_wait_for_ever(database, project, query):
    run(database, project)
    project.revision("r3", "r2", "op.execute('ALTER TABLE one ADD COLUMN more text')")
    with connection.session(database) as user, user.transaction():
        user.execute("SELECT FROM public.one")
        with pytest.raises(SchemaError, match="lock timeout"):
            run(database, project, lock_timeout=0.1)
    project.revision("r3", "r2", "op.execute('SELECT pg_sleep(20)')")
    with pytest.raises(SchemaError, match="statement timeout"):
        run(database, project, statement_timeout=2)


def test_revisions_of_two_branches_that_depend_on_each_other_come_in_order(database, project):
    text = 'revision = "other"\ndown_revision = None\ndepends_on = "r1"\nbranch_labels = "side"\n\n\n'
    (project.versions / "other.py").write_text(f"{text}def upgrade():\n    pass\n", encoding="utf-8")
    assert names(run(database, project, target="other")) == ["r1", "other"]
    assert names(run(database, project, target="r2")) == ["r2"]


def test_two_revisions_with_one_name_are_refused(database, project):
    (project.versions / "again.py").write_text('revision = "r2"\ndown_revision = "r1"\n', encoding="utf-8")
    with pytest.raises(RevisionError, match="present more than once"):
        run(database, project)


@pytest.mark.usefixtures("root_logger")
def test_nothing_that_is_printed_on_the_way_gets_out(database, project, capfd):
    """The env.py that `alembic init` writes sets up logging on stderr; revisions print and warn."""
    env = Path(project.config.parent / "env.py")
    logging_ = "import logging\nlogging.basicConfig(level=logging.DEBUG, force=True)\n"
    env.write_text(logging_ + env.read_text(encoding="utf-8"), encoding="utf-8")
    body = "import sys, warnings; print('noise', file=sys.stderr); warnings.warn('noise'); print('noise')"
    project.revision("r3", "r2", body)
    with (project.versions / "r3.py").open("a", encoding="utf-8") as file:
        file.write("print('noise')\n")
    assert names(run(database, project)) == ["r1", "r2", "r3"]
    assert capfd.readouterr() == ("", "")


def test_an_env_that_goes_elsewhere_is_found_out(database, project):
    (project.config.parent / "env.py").write_text("pass\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"r1 did not reach it: env\.py uses another connection"):
        run(database, project)
    (project.config.parent / "env.py").write_text("raise SystemExit('set DATABASE_URL')\n", encoding="utf-8")
    with pytest.raises(SchemaError, match="SystemExit: set DATABASE_URL"):
        run(database, project)


def test_a_cut_connection_is_said_with_where_the_database_is_left(database, project, query):
    project.revision("r3", "r2", "op.execute('SELECT pg_terminate_backend(pg_backend_pid())')")
    with pytest.raises(SchemaError, match=r"revision r3 .*closed the connection.*The database is left at r2"):
        run(database, project)


@pytest.mark.parametrize("password", ["per%cent", "a@b:c/d?e#f", "näh-密码 ☃", "quo'te\\\"s"])
def test_any_password_will_do(postgres_server, project, password):
    postgres_server.create_role("odd", password)
    postgres_server.create_database("odd_passwords", owner="odd")
    quoted = urllib.parse.quote(password, safe="")
    url = postgres_server.url("odd_passwords", "odd", quoted, driver="psycopg2")
    assert run(connection.parse(url), project).after == ("r2",)


CALL = """
import os, sys
from pathlib import Path
from engines.postgres.session import connection
from engines.schema.model import Options
from engines.schema.apply import upgrade

database, options = connection.parse(os.environ["ADDRESS"]), Options(config=Path(sys.argv[1]))
result = upgrade(database, options, check=False, emit=lambda *a, **k: None)
print(len(result.applied))
"""


def start(database, project):
    address = " ".join(f"{key}='{value}'" for key, value in database.parameters.items())
    return subprocess.Popen(
        [sys.executable, "-c", CALL, str(project.config)],
        env=os.environ | {"ADDRESS": address},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_ten_at_once_one_works_and_the_others_find_nothing(database, project, query):
    project.revision("r3", "r2", "op.execute('SELECT pg_sleep(0.5)')")
    processes = [start(database, project) for _ in range(10)]
    assert sorted(int(process.communicate()[0]) for process in processes) == [0] * 9 + [3]
    assert query(TABLES) == [("alembic_version",), ("one",), ("two",)]


def test_what_a_killed_upgrade_left_is_finished_by_the_same_command(database, project, query):
    run(database, project)
    project.revision("r3", "r2", "op.execute('CREATE TABLE three (id integer)')")
    project.revision(
        "r4", "r3", "op.execute('CREATE TABLE four (id integer)'); op.execute('SELECT pg_sleep(600)')"
    )
    process = start(database, project)
    with process:
        until(
            query,
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND state = 'active'",
        )
        process.kill()
    project.revision("r4", "r3", "op.execute('CREATE TABLE four (id integer)')")
    assert names(run(database, project)) == ["r4"]
    assert query(TABLES)[1:] == [("four",), ("one",), ("three",), ("two",)]


def until(query, statement):
    """Wait until ``statement`` counts one."""
    for _ in range(600):
        if query(statement) == [(1,)]:
            return
        time.sleep(0.1)
    pytest.fail(f"never came true: {statement}")

"""The revision is read from, and proven by, the table that the project's own ``env.py`` uses."""

from __future__ import annotations

import pytest

from engines.events import emit
from engines.schema.apply import upgrade
from engines.schema.errors import SchemaError
from engines.schema.model import Options

ENV = """
from alembic import context

if context.is_offline_mode():
    context.configure(url=context.config.get_main_option("sqlalchemy.url"), {offline})
else:
    context.configure(connection=context.config.attributes["connection"], {online})
with context.begin_transaction():
    context.run_migrations()
"""
OWN = 'version_table="revisions", version_table_schema="ops"'
WITHOUT_OFFLINE = """
from alembic import context

context.configure(connection=context.config.attributes["connection"], {online})
with context.begin_transaction():
    context.run_migrations()
"""


def _upgrade(database, project, *, check: bool = False):
    return upgrade(database, Options(config=project.config), check=check, emit=emit)


@pytest.mark.parametrize("env", [ENV, WITHOUT_OFFLINE], ids=["offline mode", "no offline mode"])
def test_a_table_of_the_project_s_own_is_used(database, project, query, env) -> None:
    (project.config.parent / "env.py").write_text(env.format(offline=OWN, online=OWN), encoding="utf-8")
    query("CREATE SCHEMA ops")

    first = _upgrade(database, project)

    assert (first.before, first.after) == ((), ("r2",))
    assert query("SELECT version_num FROM ops.revisions") == [("r2",)]
    assert query("SELECT to_regclass('public.alembic_version')") == [(None,)]
    again = _upgrade(database, project)
    assert (again.before, again.applied) == (("r2",), ())


def test_check_mode_knows_it_and_its_sql_names_it(database, project, query) -> None:
    (project.config.parent / "env.py").write_text(ENV.format(offline=OWN, online=OWN), encoding="utf-8")
    query("CREATE SCHEMA ops")
    found = _upgrade(database, project, check=True)
    assert "INSERT INTO ops.revisions" in found.sql
    _upgrade(database, project)
    assert _upgrade(database, project, check=True).applied == ()


def test_an_env_that_says_two_things_is_stopped_before_it_does_one(database, project, query) -> None:
    (project.config.parent / "env.py").write_text(ENV.format(offline="", online=OWN), encoding="utf-8")
    query("CREATE SCHEMA ops")
    with pytest.raises(SchemaError, match=r"keeps the revision in ops\.revisions when it is connected"):
        _upgrade(database, project)
    assert query("SELECT to_regclass('ops.revisions'), to_regclass('one')") == [(None, None)]

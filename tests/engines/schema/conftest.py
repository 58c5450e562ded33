"""Small projects with revisions, and databases for them."""

from __future__ import annotations

import gc
import itertools
import warnings
from pathlib import Path

import psycopg
import pytest

from engines.postgres.session import connection

_NUMBERS = itertools.count()

ENV = """
from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""


class Project:
    """A folder with ``alembic.ini`` and revisions that the test writes."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "alembic.ini"
        self.config.write_text(
            "[alembic]\nscript_location = %(here)s\npath_separator = os\n", encoding="utf-8"
        )
        (folder / "env.py").write_text(ENV, encoding="utf-8")
        self.versions = folder / "versions"
        self.versions.mkdir()

    def revision(self, name: str, down: str | None, body: str) -> None:
        text = (
            f'"""What {name} does."""\nimport sqlalchemy as sa\nfrom alembic import op\n'
            f"revision = {name!r}\ndown_revision = {down!r}\n\n\ndef upgrade():\n    {body}\n"
        )
        (self.versions / f"{name}.py").write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def _collected():
    """Collect what an env.py leaves open in pools of its own: a later test would be blamed for it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def project(tmp_path):
    """Return a project with two good revisions."""
    made = Project(tmp_path)
    made.revision("r1", None, "op.execute('CREATE TABLE one (id integer)')")
    made.revision("r2", "r1", "op.execute('CREATE TABLE two (id integer)')")
    return made


@pytest.fixture
def database(postgres_server):
    """Return the address of a blank database of an ordinary role."""
    name = f"revisions_{next(_NUMBERS)}"
    postgres_server.create_role("upgrader", "s3cr:t/@")
    postgres_server.create_database(name, owner="upgrader")
    return connection.parse(postgres_server.url(name, "upgrader", "s3cr%3At%2F%40", driver="psycopg2"))


@pytest.fixture
def query(database):
    """Return a function that runs a statement in the database."""

    def run(statement):
        with psycopg.connect(**database.parameters, autocommit=True) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run

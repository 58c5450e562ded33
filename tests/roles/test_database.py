"""The role database, as ansible-playbook runs it: plan, run, run again, and frozen."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
ENV = """
from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""
REVISION = '''"""Add a column."""
from alembic import op

revision = "two"
down_revision = "one"


def upgrade():
    op.execute("ALTER TABLE t ADD COLUMN added text")
'''
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Move the database
      ansible.builtin.include_role:
        name: database
    - name: Keep what the role hands over
      ansible.builtin.copy:
        content: "{{ {'outputs': database_outputs, 'evidence': database_evidence} | to_json }}"
        dest: "{{ playbook_dir }}/facts.json"
        mode: "0600"
      changed_when: false
      check_mode: false
"""


class World:
    """Two databases, a project, and a playbook that moves the one into the other."""

    def __init__(self, server, folder: Path) -> None:
        self.server, self.folder = server, folder
        server.create_role("role_user", "canary-42f0")
        server.create_database("role_source")
        server.create_database("role_target", owner="role_user")
        self.on("role_source", "CREATE TABLE t (id serial PRIMARY KEY, v text)")
        self.on("role_source", "INSERT INTO t (v) SELECT i FROM generate_series(1, 100) i")
        self.on("role_source", "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        self.on("role_source", "INSERT INTO alembic_version VALUES ('one')")
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\npath_separator = os\n")
        (folder / "env.py").write_text(ENV)
        (folder / "versions").mkdir()
        (folder / "versions" / "two.py").write_text(REVISION)
        (folder / "versions" / "one.py").write_text('revision = "one"\ndown_revision = None\n')
        (folder / "play.yml").write_text(PLAY)

    def on(self, database, statement):
        with psycopg.connect(self.server.url(database), autocommit=True) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def play(self, *arguments, **variables):
        variables = {
            "database_source": self.server.url("role_source"),
            "database_target": "env:ROLE_TARGET",
            "ansible_python_interpreter": sys.executable,
            "database_alembic_config": str(self.folder / "alembic.ini"),
            **variables,
        }
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ROLE_TARGET": self.server.url("role_target", "role_user", "canary-42f0", driver="psycopg2"),
        }
        command = [
            "ansible-playbook",
            "-i",
            "localhost,",
            "play.yml",
            "-e",
            json.dumps(variables),
            *arguments,
        ]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        text = done.stdout + done.stderr
        assert "canary-42f0" not in text
        recap = re.search(r"changed=(\d+).*failed=(\d+)", text)
        assert recap, text
        return text, int(recap[1]), int(recap[2])

    def facts(self):
        return json.loads((self.folder / "facts.json").read_text())


@pytest.fixture(scope="module")
def world(postgres_server, tmp_path_factory):
    """Return a world that was planned, moved and moved again; ``runs`` keeps what each said."""
    made = World(postgres_server, tmp_path_factory.mktemp("role"))
    made.runs = {"plan": made.play("--check", "--diff")}
    made.planned = made.facts()
    made.tables_after_plan = made.on("role_target", "SELECT count(*) FROM pg_class WHERE relname = 't'")
    made.runs["first"] = made.play("-v")
    made.runs["second"] = made.play("-v")
    return made


def test_the_plan_shows_rows_and_revisions_and_changes_nothing(world):
    text, changed, failed = world.runs["plan"]
    assert (changed, failed) == (2, 0)
    assert "ALTER TABLE t ADD COLUMN added text" in text
    assert "copy public.t" in text
    assert world.planned["outputs"] == {"revision": "two"}
    assert world.tables_after_plan == [(0,)]


def test_the_run_copies_compares_and_upgrades(world):
    text, changed, failed = world.runs["first"]
    assert (changed, failed) == (2, 0)
    assert "Moved 101 rows of 2 tables" in text
    assert world.on("role_target", "SELECT count(*), count(added) FROM t") == [(100, 0)]


def test_the_second_run_changes_nothing_and_proves_again(world):
    _, changed, failed = world.runs["second"]
    assert (changed, failed) == (0, 0)
    facts = world.facts()
    assert facts["outputs"] == {"revision": "two"}
    assert facts["evidence"]["compare"]["equal"]
    assert facts["evidence"]["compare"]["tables"]["public.t"]["rows"] == 100


def test_nothing_to_seed_and_frozen_leave_the_rows_alone(world):
    world.on("role_target", "INSERT INTO t (v) VALUES ('of a user')")
    _, changed, failed = world.play()
    assert failed == 1
    text, changed, failed = world.play(database_frozen=True)
    assert (changed, failed) == (0, 0)
    assert "serves users" in text
    assert world.facts()["evidence"]["compare"]["equal"] is False
    _, changed, failed = world.play(database_source="")
    assert (changed, failed) == (0, 0)
    assert world.on("role_target", "SELECT count(*) FROM t") == [(101,)]

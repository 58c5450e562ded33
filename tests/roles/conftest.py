"""Databases for the role `database`: two databases, a project, and a playbook."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

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
    - name: Write the outputs and evidence
      ansible.builtin.copy:
        content: "{{ {'outputs': database_outputs, 'evidence': database_evidence} | to_json }}"
        dest: "{{ playbook_dir }}/facts.json"
        mode: "0600"
      changed_when: false
      check_mode: false
"""


class Sandbox:
    """Two databases ``<name>_source`` and ``<name>_target``, and what moves the one into the other.

    ``secrets`` are the passwords that no run may print.
    """

    def __init__(self, server, folder: Path, name: str) -> None:
        self.server, self.folder = server, folder
        self.source, self.target = f"{name}_source", f"{name}_target"
        self.environment = {}
        self.secrets = ["canary-42f0"]
        server.create_role("role_user", "canary-42f0")
        server.create_database(self.source)
        server.create_database(self.target, owner="role_user")
        self.on(self.source, "CREATE TABLE t (id serial PRIMARY KEY, v text)")
        self.on(self.source, "INSERT INTO t (v) SELECT i FROM generate_series(1, 100) i")
        self.on(self.source, "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        self.on(self.source, "INSERT INTO alembic_version VALUES ('one')")
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\npath_separator = os\n")
        (folder / "env.py").write_text(ENV)
        (folder / "versions").mkdir()
        (folder / "versions" / "two.py").write_text(REVISION)
        (folder / "versions" / "one.py").write_text('revision = "one"\ndown_revision = None\n')
        (folder / "play.yml").write_text(PLAY)

    def on(self, database, statement, *login):
        login = [quote(part, safe="") for part in login]
        with psycopg.connect(self.server.url(database, *login), autocommit=True) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def play(self, *arguments, **variables):
        variables = {
            "database_source": self.server.url(self.source),
            "database_target": "env:ROLE_TARGET",
            "ansible_python_interpreter": sys.executable,
            "database_alembic_config": str(self.folder / "alembic.ini"),
            **variables,
        }
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ROLE_TARGET": self.server.url(self.target, "role_user", "canary-42f0", driver="psycopg2"),
            **self.environment,
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
        assert [secret for secret in self.secrets if secret in text] == []
        recap = re.search(r"changed=(\d+).*failed=(\d+)", text)
        assert recap, text
        return text, int(recap[1]), int(recap[2])

    def facts(self):
        return json.loads((self.folder / "facts.json").read_text())


@pytest.fixture(scope="session")
def make_sandbox(postgres_server, tmp_path_factory):
    """Return a function that makes a sandbox of a name."""
    return lambda name: Sandbox(postgres_server, tmp_path_factory.mktemp(name), name)

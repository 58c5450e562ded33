"""Between the trial and the release: what would be left behind ends the run, and writers are kept out."""

from __future__ import annotations

import json
import uuid

import psycopg
import pytest

from engines.postgres import replacement
from engines.postgres.session import parse
from tests.engines.fence.conftest import wait_until

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Move the database
      ansible.builtin.include_role:
        name: database
      when: moves | default(true)
    - name: Set what the ledger would keep of it
      ansible.builtin.set_fact:
        database_baselines: "{{ database_evidence.baselines if moves | default(true) else proven }}"
    - name: Keep it for the next play
      ansible.builtin.copy:
        content: "{{ database_baselines | to_json }}"
        dest: "{{ playbook_dir }}/proven.json"
        mode: "0600"
      changed_when: false
      when: moves | default(true)
    - name: Write in between
      community.postgresql.postgresql_query:
        query: "{{ item.query }}"
        login_db: "{{ item.database }}"
        connect_params: "{{ superuser }}"
      loop: "{{ written | default([]) }}"
      loop_control:
        label: "{{ item.query }}"
    - name: Go live
      ansible.builtin.include_role:
        name: go_live
      when: goes | default(true)
    - name: Check that it has stayed closed
      ansible.builtin.include_role:
        name: go_live
        tasks_from: closed
      when: checks | default(false)
    - name: Withdraw
      ansible.builtin.include_role:
        name: go_live
        tasks_from: withdraw
      when: withdraws | default(false)
    - name: Look for late objects
      ansible.builtin.include_role:
        name: go_live
        tasks_from: served
      when: looks | default(false)
"""


class GoLive:
    """Two databases, a play that moves the one into the other and goes live, and a person who writes."""

    def __init__(self, sandbox) -> None:
        self.sandbox = sandbox
        # One run of a machine holds a fence.
        self.run_id = f"run-{uuid.uuid4().hex[:8]}"
        (sandbox.folder / "play.yml").write_text(PLAY)
        address = psycopg.conninfo.conninfo_to_dict(sandbox.server.url(sandbox.source))
        self.superuser = {
            {"host": "host", "port": "port", "user": "user", "password": "password"}[key]: value
            for key, value in address.items()
            if key in {"host", "port", "user", "password"}
        }

    def play(self, *written: tuple[str, str], **variables):
        """Move, write in between, go live; return what was told on one line, and how many tasks failed."""
        usual = {
            "go_live_source": self.sandbox.server.url(self.sandbox.source),
            "go_live_environment": "staging",
            "go_live_run_id": self.run_id,
            "go_live_fence": "read_only",
            "go_live_brings_late_rows": False,
            "storage_source": {},
            "superuser": self.superuser,
            "written": [{"database": database, "query": query} for database, query in written],
        }
        if not variables.get("moves", True):
            usual["proven"] = json.loads((self.sandbox.folder / "proven.json").read_text())
        text, _, failed = self.sandbox.play(**{**usual, **variables})
        return " ".join(text.split()), failed

    def write(self) -> str:
        """Write a row to the source; return the SQLSTATE that it was refused with, if it was."""
        try:
            self.sandbox.on(self.sandbox.source, "INSERT INTO t (v) VALUES ('by a user')")
        except psycopg.Error as error:
            return error.sqlstate or "?"
        return ""


@pytest.fixture(scope="module")
def moved(make_sandbox):
    found = GoLive(make_sandbox("go_live"))
    text, failed = found.play(goes=False)
    assert not failed, text
    return found


def test_where_nothing_came_in_the_source_is_closed_for_good(moved: GoLive) -> None:
    text, failed = moved.play(moves=False)
    assert not failed, text
    assert moved.write() == "25006"
    text, failed = moved.play(moves=False, goes=False, checks=True, withdraws=True)
    assert not failed, text
    assert moved.write() == ""
    text, failed = moved.play(moves=False, goes=False, checks=True)
    assert failed
    assert "was started, and the source is open for writing" in text
    moved.sandbox.on(moved.sandbox.source, "DELETE FROM t WHERE v = 'by a user'")
    moved.sandbox.on(moved.sandbox.source, "SELECT setval('t_id_seq', 100)")


def test_a_source_that_another_environment_has_closed_stays_closed(moved: GoLive) -> None:
    text, failed = moved.play(moves=False, go_live_environment="production")
    assert not failed, text
    text, failed = moved.play(moves=False, goes=False, withdraws=True)
    assert not failed, text
    assert moved.write() == "25006"
    moved.play(moves=False, goes=False, withdraws=True, go_live_environment="production")
    assert moved.write() == ""
    moved.sandbox.on(moved.sandbox.source, "DELETE FROM t WHERE v = 'by a user'")
    moved.sandbox.on(moved.sandbox.source, "SELECT setval('t_id_seq', 100)")


def test_without_a_fence_that_of_a_killed_run_is_opened(moved: GoLive) -> None:
    """Its words say that the source stays open, and so does the verdict."""
    for variables in ({}, {"goes": False, "withdraws": True}):
        text, failed = moved.play(moves=False)
        assert not failed, text
        assert moved.write() == "25006"
        text, failed = moved.play(moves=False, go_live_fence="none", **variables)
        assert not failed, text
        assert moved.write() == ""
        moved.sandbox.on(moved.sandbox.source, "DELETE FROM t WHERE v = 'by a user'")
        moved.sandbox.on(moved.sandbox.source, "SELECT setval('t_id_seq', 100)")


def test_late_objects_are_looked_for_when_the_source_database_is_gone(moved: GoLive) -> None:
    """Another run has moved the users, and has recorded whether the source stayed open."""
    gone = {"go_live_source": "postgresql://nobody@127.0.0.1:9/gone", "go_live_fence": "none"}
    before = {"fence": "none", "open": "source still writable"}
    text, failed = moved.play(moves=False, goes=False, looks=True, go_live_before=before, **gone)
    assert not failed, text
    assert "live, source still writable" in text


def test_a_row_that_came_after_the_copy_ends_the_run_by_name(moved: GoLive) -> None:
    written = (moved.sandbox.source, "INSERT INTO t (v) VALUES ('late'), ('later')")
    text, failed = moved.play(written, moves=False)
    assert failed
    assert "3 differences since the data were proven, so no user was moved" in text
    assert "source, table public.t: 100 rows, now 102" in text
    assert "source, sequence public.t_id_seq: at 100, now at 102" in text
    assert "source and target, table public.t: 102 rows, the target has 100" in text
    assert "102" in text.partition("source and target")[2], "the keys of the rows are not named"
    # The run has ended, and with it its fence.
    wait_until(lambda: moved.write() == "")
    text, failed = moved.play(moves=False, go_live_accept_differences="3")
    assert failed, "another row came in since, and was not consented to"
    text, failed = moved.play(moves=False, go_live_accept_differences="4")
    assert not failed, text
    moved.play(moves=False, goes=False, withdraws=True)
    moved.sandbox.on(moved.sandbox.source, "DELETE FROM t WHERE id > 100")
    moved.sandbox.on(moved.sandbox.source, "SELECT setval('t_id_seq', 100)")


def test_so_does_a_change_on_the_target(moved: GoLive) -> None:
    text, failed = moved.play((moved.sandbox.target, "UPDATE t SET added = 'x' WHERE id = 1"), moves=False)
    assert failed
    assert "target, table public.t: 100 rows, with other values now" in text
    assert "1 differences since" in text


def test_without_a_fence_the_comparison_is_made_all_the_same(moved: GoLive) -> None:
    moved.sandbox.on(moved.sandbox.target, "UPDATE t SET added = NULL WHERE id = 1")
    text, failed = moved.play(
        (moved.sandbox.source, "DELETE FROM t WHERE id = 7"), moves=False, go_live_fence="none"
    )
    assert failed
    assert "source, table public.t: 100 rows, now 99" in text


def test_nobody_is_moved_without_a_proof(moved: GoLive) -> None:
    text, failed = moved.play(moves=False, proven={})
    assert failed
    assert "The ledger holds no baseline of the source" in text


@pytest.mark.parametrize("consent", ["", "production"])
def test_without_a_terminal_and_without_consent_nothing_is_closed(moved: GoLive, consent: str) -> None:
    text, failed = moved.play(moves=False, go_live_fence="ask", go_live_fence_consent=consent)
    assert failed
    assert f"and {consent or 'nothing'} was named" in text
    assert "-e migrate_source_fence_consent=staging" in text
    assert moved.write() == ""


def test_what_a_user_wrote_during_a_release_that_failed_is_not_set_aside(moved: GoLive) -> None:
    """The run was killed, and the release had gone when the next one looked."""
    identity = replacement.identity(parse(moved.sandbox.server.url(moved.sandbox.target)))
    proven = json.loads((moved.sandbox.folder / "proven.json").read_text())
    moved.sandbox.on(moved.sandbox.source, "INSERT INTO t (v) VALUES ('moved on')")
    moved.sandbox.on(moved.sandbox.target, "UPDATE t SET added = 'by a user' WHERE id = 1")
    options = {"goes": False, "database_copied": identity, "database_baselines": proven}
    text, failed = moved.play(**options, database_release_started=True)
    assert failed
    assert "the target has been written to since it was proven: table public.t" in text
    assert "database_replace=" in text
    moved.sandbox.on(moved.sandbox.target, "UPDATE t SET added = NULL WHERE id = 1")
    moved.sandbox.on(moved.sandbox.source, "DELETE FROM t WHERE v = 'moved on'")


def test_rows_that_came_late_are_brought_while_the_source_is_closed(moved: GoLive) -> None:
    """The last test: it leaves another target, and the source closed."""
    late = (moved.sandbox.source, "INSERT INTO t (v) VALUES ('late')")
    copied = replacement.identity(parse(moved.sandbox.server.url(moved.sandbox.target)))
    text, failed = moved.play(late, moves=False, go_live_brings_late_rows=True, database_copied=copied)
    assert not failed, text
    assert "The database is copied anew while the source is closed" in text
    assert "and what was there is kept as" in text
    assert moved.write() == "25006"
    assert moved.sandbox.on(moved.sandbox.target, "SELECT count(*) FROM t WHERE v = 'late'") == [(1,)]

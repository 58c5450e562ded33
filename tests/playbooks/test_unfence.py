"""``unfence.yml`` opens the source, and the ledger knows that users are moved back; not while a run works."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engines import fence
from engines.ledger import LOCK_KEY, Lock, State, Store
from engines.postgres.session import parse
from engines.runs import Owner
from rehearsal.servers import PostgresServer

ROOT = Path(__file__).parents[2]


class Moved:
    """A source that was closed for good, and a ledger that says since when users are served."""

    def __init__(self, server: PostgresServer, account_id: str) -> None:
        name = f"moved_{uuid.uuid4().hex[:8]}"
        server.create_database(name)
        self.address, self.account_id = server.url(name), account_id
        self.store = Store(name.replace("_", "-"))
        self.store.create("us-east-1")
        self.store.secure({"Environment": "local"})
        self.on("CREATE TABLE t (id int)")

    def on(self, statement: str) -> None:
        with psycopg.connect(self.address, autocommit=True) as session:
            session.execute(statement)

    def close(self) -> None:
        """Close the source for good, as a run does that moves the users."""
        # One run of a machine holds a fence.
        terms = fence.Terms(self.store.bucket, "local")
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as run:
            fence.put_up(parse(self.address), terms, Owner.of(run.pid))
            fence.keep(terms.run_id)
            run.kill()

    def write(self) -> str:
        """Write to the source; return the SQLSTATE of its refusal, if it was refused."""
        try:
            self.on("INSERT INTO t VALUES (1)")
        except psycopg.Error as error:
            return error.sqlstate or "?"
        return ""

    def standing(self) -> str:
        return State.from_body(self.store.read("state.json").body).standing

    def unfence(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.playbook("unfence", *options)

    def playbook(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook with the rehearsal's inventory, against this source and this account."""
        variables = {
            "platform_source_database": self.address,
            "platform_state_bucket": self.store.bucket,
            "platform_account_id": self.account_id,
            "platform_aws_endpoint": os.environ["AWS_ENDPOINT_URL"],
        }
        extra = [f"-e{name}={value}" for name, value in variables.items()]
        return subprocess.run(
            ["ansible-playbook", f"playbooks/{name}.yml", *extra, *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def moved(postgres_server: PostgresServer, aws: Any) -> Moved:
    moved = Moved(postgres_server, aws.account_id)
    moved.close()
    assert moved.write() == "25006"
    return moved


def test_it_opens_by_consent_and_users_count_as_moved_back(moved: Moved) -> None:
    live = State({"deploy": {"outcome": "succeeded"}}, live_since="2026-11-30T00:00:00Z")
    moved.store.write("state.json", live.to_dict(), replacing=moved.store.read("state.json"))
    refused = moved.unfence()
    assert refused.returncode != 0
    assert "migrate_unfence_consent=local" in refused.stdout
    assert (moved.write(), moved.standing()) == ("25006", "live")
    opened = moved.unfence("-emigrate_unfence_consent=local")
    assert opened.returncode == 0, opened.stdout
    assert (moved.write(), moved.standing()) == ("", "moved back")


def test_a_rollback_of_the_source_opens_it_and_users_count_as_moved_back(moved: Moved) -> None:
    live = State({"deploy": {"outcome": "succeeded"}}, live_since="2026-11-30T00:00:00Z")
    moved.store.write("state.json", live.to_dict(), replacing=moved.store.read("state.json"))
    refused = moved.playbook("rollback", "-erollback_of=source")
    assert refused.returncode != 0
    assert "rollback_consent=local" in " ".join(refused.stdout.split())
    assert (moved.write(), moved.standing()) == ("25006", "live")
    back = moved.playbook("rollback", "-erollback_of=source", "-erollback_consent=local")
    assert back.returncode == 0, back.stdout
    assert (moved.write(), moved.standing()) == ("", "moved back")


def test_where_nobody_was_moved_it_opens_and_makes_no_ledger(moved: Moved) -> None:
    opened = moved.unfence()
    assert opened.returncode == 0, opened.stdout
    assert moved.write() == ""
    assert not moved.store.read("state.json").etag


@pytest.mark.parametrize("name", ["unfence", "verify"])
def test_while_a_run_works_it_says_so_and_does_nothing(moved: Moved, name: str) -> None:
    """What the run has yet to copy was reported as missing, and a source could be opened under its feet."""
    other = Owner("ada", "another-host", 4711, 1, "boot", "pid:[1]", "ansible-playbook migrate.yml")
    held = Lock(1, other, "run-2", time.time(), 300)
    moved.store.write(LOCK_KEY, held.to_dict(), replacing=moved.store.read(LOCK_KEY))
    refused = moved.playbook(name)
    reported = " ".join(refused.stdout.split())
    assert refused.returncode != 0
    assert "Run run-2 of ada@another-host" in reported, reported
    assert "is at work" in reported
    assert moved.write() == "25006"

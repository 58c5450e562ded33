"""pg_passfile as Ansible runs it: a login for others, and no password in sight."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest

from tests.library import modules

PASSWORD = "canary:11\\ @/ä"


def run(address, *, check=False, **options):
    reference = address if address.startswith("ssm:") else "env:LOGIN_ADDRESS"
    answer, said = modules.call(
        "pg_passfile", {"address": reference, **options}, check=check, environment={"LOGIN_ADDRESS": address}
    )
    assert "canary" not in said
    return answer


@pytest.fixture
def address(postgres_server):
    postgres_server.create_role("login_user", PASSWORD)
    postgres_server.create_database("login_database", owner="login_user")
    return (
        f"host=127.0.0.1 port={postgres_server.port} user=login_user dbname=login_database "
        f"password='{PASSWORD.replace(chr(92), chr(92) * 2)}'"
    )


def test_others_log_in_with_what_it_returns_until_it_is_forgotten(address):
    login = run(address, passfile=True)
    assert (login["found"], login["works"], login["user"]) == (True, True, "login_user")
    path = Path(login["connect_params"]["passfile"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with psycopg.connect(**login["connect_params"]) as session:
        assert session.execute("SELECT current_user").fetchone() == ("login_user",)
    run(address, state="absent")
    assert not path.exists()
    assert run(address, state="absent")["changed"] is False


def test_a_password_can_be_set_by_what_the_server_keeps_of_it(address, postgres_server):
    verifier = run(address, verifier=True)["verifier"]
    assert verifier.startswith("SCRAM-SHA-256$")
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("ALTER ROLE login_user PASSWORD 'another'")
        assert run(address, must_work=False)["works"] is False
        assert "wrong user or password" in run(address)["msg"]
        session.execute(psycopg.sql.SQL("ALTER ROLE login_user PASSWORD {}").format(verifier))
    assert run(address)["works"]


def test_a_plan_does_without_a_database(address, aws):
    gone = address.replace("dbname=login_database", "dbname=nowhere")
    assert run(gone, check=True)["found"] is False
    assert "the database does not exist" in run(gone)["msg"]
    assert run("ssm:/nowhere/APP_DATABASE_URL", check=True)["found"] is False
    assert "does not exist" in run("ssm:/nowhere/APP_DATABASE_URL")["msg"]

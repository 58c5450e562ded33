"""database_access as Ansible runs it: a way by reference, and nothing started by a plan."""

from __future__ import annotations

import psycopg
import pytest

from engines.postgres.session import resolve_address
from tests.library import modules

ACCESS = {"mode": "relay", "relay": {"cluster": "bmii", "task_definition": "bmii-relay"}}


def run(address, *, check=False, **options):
    answer, said = modules.call(
        "database_access", {"address": "env:WAY", **options}, check=check, environment={"WAY": address}
    )
    assert "canary" not in said
    return answer


@pytest.fixture
def address(postgres_server):
    postgres_server.create_role("way_user", "canary")
    postgres_server.create_database("way_database", owner="way_user")
    return postgres_server.url("way_database", "way_user", "canary")


def test_a_route_is_proven_and_needs_nothing_else(address):
    answer = run(address)
    assert (answer["changed"], answer["opened"], answer["via"]) == (False, True, "")
    assert [line.split(":")[0] for line in answer["proof"]] == ["name", "route", "login"]


def test_a_forwarded_port_is_the_way_of_every_user(address, postgres_server, monkeypatch):
    elsewhere = address.replace(f":{postgres_server.port}/", ":1/")
    answer = run(elsewhere, access={"mode": "bastion", "port": postgres_server.port})
    monkeypatch.setenv("WAY", elsewhere)
    found = resolve_address(f"env:WAY{answer['via']}", name="way")
    with psycopg.connect(**found.parameters) as session:
        assert session.execute("SELECT current_user").fetchone() == ("way_user",)


def test_a_way_that_leads_nowhere_fails_unless_that_may_be(address):
    access = {"mode": "bastion", "port": 1, "through": "me@bastion"}
    assert "ssh -N -L 127.0.0.1:1:127.0.0.1:" in run(address, access=access)["msg"]
    answer = run(address, access=access, must_work=False)
    assert (answer["opened"], answer["proof"]) == (True, [])


def test_a_plan_starts_no_relay_and_ends_none(address):
    assert run(address, access=ACCESS, check=True)["opened"] is False
    assert run(address, access=ACCESS, check=True, state="closed")["closed"] == []


def test_a_stack_without_relays_is_reported():
    assert "provision.yml" in run("postgresql://u@h/d", access=ACCESS)["msg"]


def test_a_database_that_is_not_there_yet_is_no_fault_in_a_plan(aws):
    arguments = {"address": "ssm:/nowhere/DATABASE_URL", "access": {}}
    assert modules.call("database_access", arguments, check=True)[0]["opened"] is False

"""Relays as tasks of the emulated account: one for each database, and none is left behind."""

from __future__ import annotations

import json
import socket
import uuid

import psycopg
import pytest

from engines.aws import client
from engines.database_access import relay_task
from engines.database_access.apply import closed, opened
from engines.database_access.errors import AccessError
from engines.database_access.model import PORT, Access, Relay, read
from engines.errors import ConfigurationError
from engines.postgres.session import Address
from engines.runs import Owner
from tests.engines.database_access.conftest import NAME, PROGRAM, VPC, connects, until

IMAGE = f"public.ecr.aws/docker/library/python@sha256:{'0' * 64}"


def made(image=IMAGE, *, public=True):
    """Return what relays are started from, in a cluster of its own."""
    name, ec2, ecs = f"relay{uuid.uuid4().hex[:6]}", client("ec2"), client("ecs")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    if public:
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ecs.create_cluster(clusterName=name)
    program = ["python3", "-c", PROGRAM.read_text(encoding="utf-8")]
    ecs.register_task_definition(
        family=name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="512",
        memory="1024",
        containerDefinitions=[{"name": "relay", "image": image, "command": program}],
    )
    return Relay(name, name, (subnet,), ("sg-1",))


@pytest.fixture
def relays(aws):
    one = made()
    yield one
    relay_task.end(one.cluster)


def running(one):
    return list(relay_task._tasks(one.cluster))


def answers(address):
    with socket.create_connection((address, PORT), timeout=30):
        return True


def test_a_run_has_one_relay_to_a_database_and_ends_it(relays):
    first = relay_task.lease(relays, "127.0.0.1:1")
    until(lambda: _answers(first))
    assert relay_task.lease(relays, "127.0.0.1:1") == first
    second = relay_task.lease(relays, "127.0.0.1:2")
    assert second != first
    assert sorted(closed({"mode": "relay", "relay": {"cluster": relays.cluster}})) == [
        "127.0.0.1:1",
        "127.0.0.1:2",
    ]
    assert running(relays) == []
    until(lambda: not _answers(first))
    until(lambda: first not in interfaces())


def interfaces():
    found = client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    return [one.get("Association", {}).get("PublicIp") for one in found]


def _answers(address):
    try:
        return answers(address)
    except OSError:
        return False


def test_what_a_killed_run_left_is_ended_and_what_another_uses_is_not(relays, process, monkeypatch):
    killed, other = process(), process()
    for one in (killed, other):
        with monkeypatch.context() as patch:
            patch.setattr(Owner, "of_this_run", classmethod(lambda _, one=one: one.owner))
            relay_task.lease(relays, "127.0.0.1:1")
    killed.kill()
    relay_task.lease(relays, "127.0.0.1:1")
    owners = [json.loads(relay_task._setting(task, "RELAY_OWNER"))["pid"] for task in running(relays)]
    assert sorted(owners) == sorted([other.owner.pid, Owner.of_this_run().pid])
    assert relay_task.end(relays.cluster) == ["127.0.0.1:1"]
    other.kill()
    assert relay_task.end(relays.cluster) == ["127.0.0.1:1"]
    assert running(relays) == []


def test_the_account_sees_nothing_of_what_was_typed(relays):
    relay_task.lease(relays, "127.0.0.1:1")
    [task] = running(relays)
    assert "command" not in json.loads(relay_task._setting(task, "RELAY_OWNER"))


def test_why_it_could_not_start_is_reported(aws):
    with pytest.raises(AccessError, match=r"relay to the database: ended before it served: .*pull"):
        relay_task.lease(made("docker.io/library/python:3"), "127.0.0.1:1")


def test_a_relay_in_a_private_subnet_is_of_no_use(aws):
    one = made(public=False)
    with pytest.raises(AccessError, match="was given no public address"):
        relay_task.lease(one, "127.0.0.1:1")
    relay_task.end(one.cluster)


def test_a_stack_without_what_relays_need_is_distinguished():
    with pytest.raises(ConfigurationError, match="task_definition, subnets, security_groups is not known"):
        read({"mode": "relay", "relay": {"cluster": "bmii"}})
    with pytest.raises(ConfigurationError, match="ssm needs the port of this machine"):
        read({"mode": "ssm"})
    with pytest.raises(ConfigurationError, match=r"database_ca /no/such\.pem"):
        read({"ca": "/no/such.pem"})


def test_the_way_is_proven_through_a_relay_of_the_account(aws, relays, guarded):
    rules = guarded.server.folder / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    account = f"127.{aws.port >> 8}.{aws.port & 255}.0/24"
    rules.write_text(before.replace(f"{VPC}.0/24", account), encoding="utf-8")
    reload(guarded)
    try:
        address = guarded.address(host=NAME, hostaddr="127.0.0.1")
        way = opened(Access("relay", guarded.ca, relay=relays), address)
        assert [line.split(":")[0] for line in way.proof] == ["route", "TLS", "login"]
        connects(Address({**address.parameters, **way.parameters}))
    finally:
        rules.write_text(before, encoding="utf-8")
        reload(guarded)


def reload(guarded):
    """Let the server read its rules, and wait until it has: it does so for sessions that begin afterwards."""

    def read_at():
        with psycopg.connect(guarded.server.url()) as session:
            return session.execute("SELECT pg_conf_load_time()").fetchone()

    before = read_at()
    with psycopg.connect(guarded.server.url(), autocommit=True) as session:
        session.execute("SELECT pg_reload_conf()")
    until(lambda: read_at() != before)

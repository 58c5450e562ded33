"""Another application (tests/second_app) is migrated, released and torn down by its inventory alone.

Run by `make stress`: it takes a minute or two, and the ports that its inventory and its alembic.ini name.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import yaml

from engines.smoke import Http, Request, Route

ROOT = Path(__file__).parents[2]
INVENTORY = ROOT / "tests/second_app/inventory"
PORTS = yaml.safe_load((INVENTORY / "group_vars/all/main.yml").read_text(encoding="utf-8"))[
    "local_stack_ports"
]


def _play(name: str, *options: str) -> tuple[str, int]:
    """Return what a playbook printed, and how many tasks changed something."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, "-i", str(INVENTORY), f"playbooks/{name}.yml", *options],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "default"},  # every task's own words
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-6000:]
    found = re.search(r"changed=(\d+)", text)
    return text, int(found[1]) if found else 0


def _on(port: int, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(f"postgresql://postgres:postgres@127.0.0.1:{port}/shelf") as session:
        return session.execute(statement).fetchall()


def _aws(service: str) -> Any:
    """Return a client of the emulated account."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=f"http://127.0.0.1:{PORTS['aws']}", **keys)


def _counts() -> list[str]:
    """Return what the worker has written down."""
    found = _aws("s3").list_objects_v2(Bucket="shelf-exports", Prefix="counts/").get("Contents", [])
    return sorted(one["Key"] for one in found)


def _counter() -> dict[str, Any]:
    """Return the worker's service."""
    found = _aws("ecs").describe_services(cluster="shelf", services=["shelf-worker-counter"])
    return dict(found["services"][0])


def _greeting() -> str:
    """Return what users are told, through the load balancer and under the domain that no DNS knows."""
    authority = ROOT / ".cache/second-app-stack/aws/tls/ca.pem"
    url = "https://shelf.test"
    with Http(url, Route(f"127.0.0.1:{PORTS['aws_tls']}", str(authority))) as http:
        return str(http.send(Request("GET", f"{url}/books")).json()["greeting"])


@pytest.fixture
def no_stack() -> Iterator[None]:
    _play("stack_down")
    yield
    _play("stack_down")


@pytest.mark.timeout(1800)
def test_the_whole_way_there_and_back_by_inventory_alone(no_stack: None) -> None:
    nobody_says = ("-e", "migrate_source_stopped=")
    text, changed = _play("migrate", *nobody_says)
    assert changed > 10
    assert "ok      200" in text
    assert "shelf-worker-counter is not started" in text
    assert _counts() == []
    assert _play("migrate", *nobody_says)[1] == 0

    # By now the source's is stopped, as the inventory of rehearsals says.
    assert _play("migrate")[1] > 0
    assert _counter()["runningCount"] == 1

    # env.py takes the source's address from alembic.ini; the revision went to the target.
    revision = "SELECT version_num FROM alembic_version"
    assert _on(PORTS["source_postgres"], revision) == [("a1",)]
    assert _on(PORTS["target_postgres"], revision) == [("b2",)]
    assert _on(PORTS["target_postgres"], "SELECT count(*), count(lent_to) FROM books") == [(4, 0)]

    assert _play("migrate")[1] == 0
    assert "equal" in _play("verify")[0]
    assert _greeting() == ""
    _play("migrate", "-e", "shelf_greeting=hello")
    assert _greeting() == "hello"
    second = _counter()["taskDefinition"]
    _play("rollback")
    assert _greeting() == ""
    assert _counter()["taskDefinition"] != second
    assert _counts() == ["counts/first/4", "counts/hello/4"]
    consent = "teardown_consent=local teardown_data=delete teardown_data_consent=local"
    assert "shelf-covers" in _play("teardown", "-e", consent)[0]
    assert _on(PORTS["source_postgres"], "SELECT count(*) FROM books") == [(4,)]

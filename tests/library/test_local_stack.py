"""The module's contract, through Ansible's own way of calling a module."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from rehearsal.stack import free_stack_ports
from tests.library import modules


@pytest.fixture
def call(tmp_path):
    buckets = ["raw", "processed", "artifacts", "features"]
    options = {"dir": str(tmp_path / "stack"), "ports": asdict(free_stack_ports()), "buckets": buckets}

    def run(*, check=False, **more):
        quiet = {"PYTHONWARNINGS": "ignore"}
        return modules.call("local_stack", {**options, **more}, check=check, environment=quiet)[0]

    yield run
    run(state="down")


def test_check_mode_says_what_would_happen_and_touches_nothing(call, tmp_path):
    answer = call(check=True)
    assert answer["changed"] is True
    assert answer["diff"]["before"]["aws"] == "STOPPED"
    assert answer["diff"]["after"]["aws"] == "RUNNING"
    assert answer["endpoints"]["aws"].startswith("http://127.0.0.1:")
    assert not (tmp_path / "stack").exists()
    assert call(check=True, state="down")["changed"] is False


def test_status_of_nothing(call):
    answer = call(state="status")
    assert answer["changed"] is False
    assert set(answer["programs"].values()) == {"STOPPED"}


def test_up_again_down_again(servers, call, tmp_path):
    first, second = call(), call()
    assert (first["changed"], second["changed"]) == (True, False)
    assert set(second["programs"].values()) == {"RUNNING"}
    assert first["seconds"]["total"] > 0
    assert sorted(first["endpoints"]) == [
        "aws",
        "load_balancer",
        "object_store",
        "service",
        "source_postgres",
        "target_postgres",
    ]
    assert "postgres:postgres" not in json.dumps(first["endpoints"])
    assert Path(first["log_dir"], "aws.log").exists()
    assert call(check=True, state="down")["changed"] is True
    assert call(state="down")["changed"] is True
    assert call(state="down")["changed"] is False
    assert not (tmp_path / "stack").exists()


def test_a_mistake_is_named(call):
    answer = call(ports={"aws": 99999})
    assert answer["failed"] is True
    assert answer["msg"].startswith("local_stack_ports.aws: is not a port")

"""A stack of containers, as far as it can be seen without an engine; tests/journey runs one."""

import pytest

from engines.errors import ConfigurationError
from rehearsal import stack
from rehearsal.docker import containers
from rehearsal.errors import RehearsalError


def read(folder, subnet="10.213.9.0/24"):
    return stack.read_config(str(folder), {}, {}, ["raw"], subnet=subnet)


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")


@pytest.mark.parametrize("subnet", ["everywhere", "8.8.8.0/24", "10.213.9.0/30", "10.213.9.1/24"])
def test_a_network_of_others_is_refused(tmp_path, subnet):
    with pytest.raises(ConfigurationError, match="local_stack_subnet"):
        read(tmp_path, subnet)


def test_the_emulator_is_the_only_program_and_knows_the_network(tmp_path, no_engine):
    config = read(tmp_path)
    assert set(config.programs()) == {"aws"}
    environment = config.programs()["aws"].environment
    assert environment["DOCKER_NETWORK"] == config.containers.project
    assert environment["STACK_GATEWAY"] == "10.213.9.1"
    assert environment["DOCKER_HOST"].startswith("unix://")
    assert "target_postgres" not in config.endpoints()


def test_without_a_subnet_nothing_knows_of_docker(tmp_path):
    config = read(tmp_path, "")
    assert config.containers is None
    assert "DOCKER_NETWORK" not in config.programs()["aws"].environment


def test_without_an_engine_nothing_runs_and_the_remedy_is_reported(tmp_path, no_engine):
    config = read(tmp_path / "stack")
    assert set(stack.plan(config, "status").programs.values()) == {"STOPPED"}
    with pytest.raises(RehearsalError, match="no Docker engine answers") as refused:
        stack.up(config)
    assert "DOCKER_HOST" in refused.value.remedy
    assert not config.folder.exists()


@pytest.mark.parametrize("host", ["ssh://deploy@production", "tcp://10.0.0.9:2376"])
def test_the_engine_of_another_machine_is_refused(tmp_path, monkeypatch, host):
    monkeypatch.setenv("DOCKER_HOST", host)
    config = read(tmp_path / "stack")
    with pytest.raises(RehearsalError, match="of this machine alone") as refused:
        stack.up(config)
    assert host in refused.value.subject
    assert not config.folder.exists()


def test_the_current_context_says_where_the_engine_is(tmp_path, monkeypatch):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho ssh://deploy@production\n")
    program.chmod(0o755)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RehearsalError, match="of this machine alone"):
        containers.client()


def test_no_other_setting_of_docker_reaches_the_emulator(tmp_path, monkeypatch, no_engine):
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", '{"auths": {}}')
    monkeypatch.setenv("DOCKER_NETWORK", "somebody's")
    environment = read(tmp_path).programs()["aws"].environment
    assert "DOCKER_AUTH_CONFIG" not in environment
    assert environment["DOCKER_NETWORK"] == read(tmp_path).containers.project

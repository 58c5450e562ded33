"""The whole journey with real containers: the source, the service on ECS and the database instance.

It uses the engine that answers. Where none does, ``BMII_INSTALL_DOCKER=1`` lets root install one, which runs
for the length of the test in a folder of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.process import PYTHON
from rehearsal.stack import free_stack_ports
from tests import local_clients
from tests.journey import tls

ROOT = Path(__file__).parents[2]
MOLECULES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
)

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]


def answers(environment: dict[str, str]) -> bool:
    """Return whether an engine answers, and compose is there."""

    def succeeds(*command: str) -> bool:
        try:
            return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return False

    compose = succeeds("docker", "compose", "version") or succeeds("docker-compose", "version")
    return compose and succeeds("docker", "version")


@pytest.fixture(scope="module")
def engine(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield the environment in which an engine answers."""
    environment = dict(os.environ)
    if answers(environment):
        yield environment
        return
    if os.environ.get("BMII_INSTALL_DOCKER") != "1" or os.geteuid() != 0:
        pytest.skip(
            "no Docker engine with compose answers, so nothing was run in containers; "
            "start one, or as root set BMII_INSTALL_DOCKER=1 to have one installed"
        )
    folder = tmp_path_factory.mktemp("engine")
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [ROOT / "scripts/docker-engine", folder], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    environment["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
    try:
        while not answers(environment):
            if process.poll() is not None:
                said = (folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
                pytest.skip(f"no Docker engine can be had here, so nothing was run in containers:\n{said}")
            time.sleep(1)
        yield environment
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal in containers, on ports and in folders of its own."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, int]

    @property
    def project(self) -> str:
        """Return what the names of all that belongs to the stack have in them."""
        return f"bmii-rehearsal-{hashlib.sha256(f'{self.folder}/stack'.encode()).hexdigest()[:8]}"

    def playbook(self, name: str) -> str:
        """Run a playbook, and return what it printed; fail the test with that if it failed."""
        program = Path(PYTHON).parent / "ansible-playbook"
        command = [
            program,
            "-i",
            "inventories/docker",
            f"playbooks/{name}.yml",
            f"-e@{self.folder}/vars.json",
        ]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        log = self.folder / "stack/logs/containers.log"
        said = log.read_text(encoding="utf-8", errors="replace")[-3000:] if log.exists() else ""
        assert done.returncode == 0, f"{name} failed:\n{done.stdout[-8000:]}\n{said}"
        return done.stdout

    def docker(self, *words: str) -> list[str]:
        """Return the lines that a docker command printed."""
        done = subprocess.run(
            ["docker", *words], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    def client(self, service: str):
        return local_clients.client(f"http://127.0.0.1:{self.ports['aws']}", service=service)

    def rank(self, url: str, smiles: str, key: str = "") -> object:
        body = json.dumps({"smiles": smiles, "top_k": 10, "record": False}).encode()
        headers = {"Content-Type": "application/json", "X-API-Key": key}
        opener = urllib.request.build_opener()
        if url == tls.URL:
            opener = tls.opener(self.ports["aws_tls"], self.folder / "stack/aws/tls/ca.pem")
        with opener.open(urllib.request.Request(f"{url}/rank", body, headers), timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def stack(engine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    folder = tmp_path_factory.mktemp("containers")
    free = free_stack_ports()
    used = ("source_postgres", "object_store", "service", "aws", "aws_tls")
    ports = {name: getattr(free, name) for name in used}
    variables = {
        "local_stack_ports": ports,
        "local_stack_dir": str(folder / "stack"),
        "local_stack_subnet": f"10.213.{random.randint(8, 250)}.0/24",
        "platform_work_dir": str(folder / "work"),
    }
    (folder / "vars.json").write_text(json.dumps(variables), encoding="utf-8")
    environment = {name: value for name, value in engine.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
    stack = Rehearsal(folder, environment, ports)
    yield stack
    stack.playbook("stack_down")


def counts(output: str) -> dict[str, int]:
    line = re.findall(r"^localhost\s+:(.*)$", output, re.MULTILINE)[-1]
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}


def test_the_service_runs_from_the_digest_that_the_registry_has(stack):
    assert counts(stack.playbook("migrate"))["failed"] == 0
    [image] = stack.client("ecr").describe_images(repositoryName="bmii")["imageDetails"]
    running = [
        line.split(maxsplit=2)
        for line in stack.docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Image}} {{.Status}}")
    ]
    name = f"127.0.0.1:{stack.ports['aws']}/bmii@{image['imageDigest']}"
    [(container, _, status)] = [line for line in running if line[1] == name]
    assert status.startswith("Up")
    [reported] = json.loads("\n".join(stack.docker("inspect", container)))
    assert reported["Config"]["User"] == "10001"
    assert reported["HostConfig"]["Memory"] == 2048 << 20
    assert reported["HostConfig"]["PortBindings"] in ({}, None)
    labels = reported["Config"]["Labels"]
    [task] = stack.client("ecs").list_tasks(cluster="bmii", desiredStatus="RUNNING")["taskArns"]
    assert labels["com.amazonaws.ecs.task-arn"] == task


def test_source_and_target_are_containers_and_answer_alike(stack):
    images = stack.docker("ps", "--format", "{{.Image}}", "--filter", f"network={stack.project}")
    images += stack.docker("ps", "--format", "{{.Image}}", "--filter", f"network={stack.project}_default")
    assert images.count("bmii-rehearsal/postgres") == 2  # the source database, and the database instance
    assert {"bmii-rehearsal/bmii", "bmii-rehearsal/store"} <= set(images)
    instance = stack.client("rds").describe_db_instances()["DBInstances"][0]
    assert instance["Endpoint"]["Address"].startswith("10.213.")
    parameter = stack.client("ssm").get_parameter(Name="/bmii/docker/API_KEY", WithDecryption=True)
    key = parameter["Parameter"]["Value"]
    source = f"http://127.0.0.1:{stack.ports['service']}"
    for smiles in MOLECULES:
        assert stack.rank(tls.URL, smiles, key) == stack.rank(source, smiles)


def test_a_second_run_changes_nothing(stack):
    found = counts(stack.playbook("migrate"))
    assert (found["changed"], found["failed"]) == (0, 0)


def test_the_way_out_leaves_no_container_volume_or_network(stack):
    volumes = [name for name in stack.docker("volume", "ls", "--quiet") if stack.project in name]
    assert len(volumes) == 3  # of the source database, the source store, and the database instance
    stack.playbook("stack_down")
    label = f"label=bmii.rehearsal={stack.folder}/stack"
    assert stack.docker("ps", "--all", "--quiet", "--filter", label) == []
    assert stack.docker("network", "ls", "--quiet", "--filter", label) == []
    kinds = ("ps --all --format {{.Names}}", "volume ls --quiet", "network ls --format {{.Name}}")
    names = [name for kind in kinds for name in stack.docker(*kind.split())]
    assert [name for name in names if stack.project in name] == []
    assert not (stack.folder / "stack").exists()

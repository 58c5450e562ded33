"""The service's image, built and pushed: without a daemon, and by ``docker build`` with ``docker push``.

``make bench-deploy BENCH='--rounds 1'`` chooses. It needs a Docker engine, and leaves the base image
and what builds have cached on it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from bench.deploy_run import SERVICE
from bench.harness import Contender, Report, Sample, end_in_order, publish, rounds, say, summarise
from bench.measure import Job
from rehearsal.process import LOOPBACK, PYTHON, minimal_environment
from rehearsal.servers import ministack

OCI, DOCKER = "oci", "docker build, docker push"
_BASE = "bmii-rehearsal/python"
GOALS = {"cold": 0.5, "unchanged": 0.1}


@dataclass
class Stage:
    """The registry, a folder for what the contenders keep, and the repository that each filled last."""

    aws: ministack.Emulator
    folder: Path
    last: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def ecr(self) -> Any:
        """Return a client of the registry's account."""
        options = {
            "region_name": self.aws.region,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        return boto3.client("ecr", endpoint_url=self.aws.endpoint, **options)

    def create(self, contender: str) -> str:
        """Make a new, empty repository, and return its name."""
        name = f"bmii-{next(self.numbers)}"
        self.ecr().create_repository(repositoryName=name)
        self.last[contender] = name
        return name

    def name(self, repository: str) -> str:
        """Return what Docker calls the image."""
        return f"{LOOPBACK}:{self.aws.port}/{repository}:bench"

    def job(self, *command: str) -> Job:
        """Return a command that sees the registry and the engine, and not what its user keeps at home."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("DOCKER_", "PIP_", "UV_", "SSL_")) or name.lower().endswith("_proxy")
        }
        home = {
            "HOME": str(self.folder),
            "UV_CACHE_DIR": str(self.folder / "uv"),
            "PYTHONPATH": str(SERVICE.parent),
        }
        environment = minimal_environment(**{**kept, **self.aws.credentials(), **home})
        return Job(command, environment, self.folder / "log")


def contenders(stage: Stage, how: str) -> list[Contender]:
    """Return both, each building from nothing (``cold``) or what it has built before (``unchanged``)."""
    cache = stage.folder / "images"
    cold = how == "cold"

    def oci() -> Job:
        if cold:
            for folder in (cache, stage.folder / "uv"):
                shutil.rmtree(folder, ignore_errors=True)
            stage.create(OCI)
        return stage.job(PYTHON, "-m", "bench.deploy_run", stage.aws.endpoint, stage.last[OCI], str(cache))

    def docker() -> Job:
        if cold:
            base = stage.name(stage.create(DOCKER))
            # What the image stands on is there before, since the other has nothing beneath it either.
            subprocess.run(["docker", "tag", _BASE, base], check=True)
            subprocess.run(["docker", "push", "--quiet", base], check=True, stdout=subprocess.DEVNULL)
        name = stage.name(stage.last[DOCKER])
        build = f"docker build --quiet --build-arg PYTHON_IMAGE={_BASE} --tag {name} {SERVICE}"
        return stage.job(
            "/bin/sh", "-ec", f"{build} {'--no-cache' if cold else ''} && docker push --quiet {name}"
        )

    def pushed(contender: str) -> None:
        if not stage.ecr().describe_images(repositoryName=stage.last[contender])["imageDetails"]:
            raise SystemExit(f"{contender} pushed nothing")

    return [Contender(OCI, oci, lambda: pushed(OCI)), Contender(DOCKER, docker, lambda: pushed(DOCKER))]


def goal(how: str, samples: tuple[Sample, ...]) -> str:
    """Return one line: what was asked of the builder `oci`, and whether it holds."""
    medians = {one.contender: one.seconds for one in summarise(samples, ())}
    ratio = medians[OCI] / medians[DOCKER]
    holds = "holds" if ratio <= GOALS[how] else "DOES NOT HOLD"
    return f"{how}: {ratio:.2f} of the time of {DOCKER} (at most {GOALS[how]}): {holds}"


def main() -> None:
    """Run both, cold and unchanged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    count = parser.parse_args().rounds
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        sys.exit(
            "bench-deploy: no Docker engine answers; start one (scripts/docker-engine), or set DOCKER_HOST."
        )
    subprocess.run(["scripts/base-images", "python"], check=True, cwd=SERVICE.parent)
    end_in_order()
    with tempfile.TemporaryDirectory() as folder, ministack.server(Path(folder)) as aws:
        stage = Stage(aws, Path(folder))
        try:
            for how in GOALS:
                samples = rounds(contenders(stage, how), count, say=say)
                setting = {"builder": _builder(), "rounds": count}
                publish(Report(f"deploy-{how}", setting, samples, (goal(how, samples),)), (DOCKER,))
        finally:
            _forget(aws.port)


def _builder() -> str:
    newer = subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False).returncode == 0
    return "BuildKit" if newer else "the engine's own"


def _forget(port: int) -> None:
    """Remove the images that were made, those that have lost their tag to a later one too."""
    form = "{{.Repository}} {{.Tag}} {{.Digest}}"
    made = subprocess.run(
        ["docker", "images", "--filter", f"reference={LOOPBACK}:{port}/*", "--format", form],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    # By name: by its id an image would lose all its names, those it has elsewhere too.
    for name, tag, digest in (line.split() for line in made):
        one = f"{name}@{digest}" if tag == "<none>" else f"{name}:{tag}"
        subprocess.run(["docker", "rmi", one], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()

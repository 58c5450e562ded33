"""What this machine must have: the right Python and Ansible, space, and what builds the image."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from engines.preflight.model import Finding, Settings
from engines.preflight.prerequisites.clients import PATIENCE

PYTHON = ((3, 11), (3, 13))
ANSIBLE_CORE = (2, 19)


def interpreter(_: Settings) -> Iterator[Finding]:
    """Yield what is wrong with the Python that runs this."""
    least, most = PYTHON
    if not least <= sys.version_info[:2] <= most:
        yield Finding(
            "ansible_python_interpreter",
            f"is Python {sys.version_info[0]}.{sys.version_info[1]}",
            f"Use Python {least[0]}.{least[1]} to {most[0]}.{most[1]}: run `make setup`.",
        )


def ansible(_: Settings) -> Iterator[Finding]:
    """Yield what is wrong with the Ansible that runs this."""
    try:
        version = metadata.version("ansible-core")
    except metadata.PackageNotFoundError:
        version = "0.0"
    if tuple(int(part) for part in version.split(".")[:2]) < ANSIBLE_CORE:
        least = ".".join(map(str, ANSIBLE_CORE))
        yield Finding("ansible-core", f"is {version}", f"Use {least} or later: run `make setup`.")


def space(settings: Settings) -> Iterator[Finding]:
    """Yield it when the folder for temporary data has too little room."""
    folder = Path(settings.work_dir or ".").absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // (1 << 20)
    if free < settings.minimum_free_mib:
        yield Finding(
            "preflight_minimum_free_mib",
            f"{folder} has {free} MiB free, and {settings.minimum_free_mib} are needed",
            "Make room, or set platform_work_dir to a folder that has it.",
        )


def builder(settings: Settings) -> Iterator[Finding]:
    """Yield it when the image is to be built by an engine that does not answer."""
    if settings.container_builder != "docker":
        return
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError):
        yield Finding(
            "platform_container_builder",
            "no Docker engine answers on this machine",
            "Install and start one: only its image runs on AWS."
            if settings.real_account
            else "Start one, or set oci, which needs none.",
        )

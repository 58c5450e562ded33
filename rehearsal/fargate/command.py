"""From an image's configuration to a process: its command line, environment and working folder.

A task has no root file system of its own here, so paths of the image are translated into the folder where it
was unpacked, and ``python3`` is the interpreter that this project runs on, without any of its packages.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.fargate.registry import StartError

_PYTHON = re.compile(r"^(/usr(/local)?/bin/)?python(3(\.\d+)?)?$")
_SHELL = "/bin/sh"
_HOST_PATH = "/usr/local/bin:/usr/bin:/bin"
_PASSED_ON = ("BMII_REHEARSAL",)  # marks the processes of a stack, so that none is left behind


@dataclass(frozen=True)
class Command:
    """What to execute: ``arguments[0]`` is a path on this machine."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


def build(
    config: Mapping[str, Any],
    rootfs: Path,
    *,
    command: Sequence[str] | None,
    entrypoint: Sequence[str] | None = None,
    environment: Mapping[str, str],
    injected: Mapping[str, str],
) -> Command:
    """Return the process for an image's ``config`` section.

    ``command`` replaces the image's, as ``entrypoint`` does, with which the image's command is dropped;
    ``environment`` (the task's) goes over the image's, and over both goes
    what the platform ``injected``. Raises ``StartError`` when the program is not in the image.
    """
    own = dict(entry.split("=", 1) for entry in config.get("Env") or [])
    default = [] if entrypoint else config.get("Cmd") or []
    arguments = [*(entrypoint or config.get("Entrypoint") or []), *(command or default)]
    if not arguments:
        raise StartError("no command specified")
    merged = {
        "LANG": "C.UTF-8",
        **{name: _translate(value, rootfs, every=name == "PYTHONPATH") for name, value in own.items()},
        **environment,
        **injected,
        "PATH": _search_path(own.get("PATH", ""), rootfs),
        "HOME": str(_inside(rootfs, "/tmp")),  # noqa: S108 - the image's, not the machine's
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    }
    program, *rest = arguments
    if _PYTHON.match(program):
        _require_version(own.get("PYTHON_VERSION"))
        head = [interpreter(), "-S"]
        merged["PYTHONNOUSERSITE"] = "1"
        merged["PYTHONPYCACHEPREFIX"] = str(rootfs.parent / "pycache")
        merged.pop("PYTHONDONTWRITEBYTECODE", None)
    else:
        head = [str(_find(program, own.get("PATH", ""), rootfs))]
    folder = _inside(rootfs, config.get("WorkingDir") or "/")
    for needed in (folder, Path(merged["HOME"])):
        needed.mkdir(parents=True, exist_ok=True)
    return Command((*head, *(_translate(word, rootfs) for word in rest)), merged, folder)


def interpreter() -> str:
    """Return the Python that our virtual environment was made from: its version, not its packages."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _inside(rootfs: Path, path: str) -> Path:
    return rootfs / path.lstrip("/")


def _translate(value: str, rootfs: Path, *, every: bool = False) -> str:
    """Translate those parts of a colon-separated value that are paths in the image, or ``every`` path."""
    parts = value.split(":")
    return ":".join(
        str(_inside(rootfs, part))
        if part.startswith("/") and (every or _inside(rootfs, part).exists())
        else part
        for part in parts
    )


def _search_path(path: str, rootfs: Path) -> str:
    present = [
        str(_inside(rootfs, part)) for part in path.split(":") if part and _inside(rootfs, part).is_dir()
    ]
    return ":".join([*present, _HOST_PATH])


def _find(program: str, path: str, rootfs: Path) -> Path:
    if program == _SHELL and not _inside(rootfs, _SHELL).exists():
        return Path(_SHELL)  # like Python, it is the machine's, where an image has no base
    places = [""] if "/" in program else path.split(":")
    for place in places:
        candidate = _inside(rootfs, f"{place}/{program}" if place else program)
        if candidate.is_file():
            return candidate
    raise StartError(f'exec: "{program}": executable file not found in $PATH')


def _require_version(wanted: str | None) -> None:
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if wanted and ".".join(wanted.split(".")[:2]) != ours:
        raise StartError(
            f"the image is made for Python {wanted}, and the rehearsal runs it with {ours}",
            remedy="Set container_python_version, or run `make setup` with that Python.",
        )

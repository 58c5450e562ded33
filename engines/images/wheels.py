"""The pinned wheels of a lock, for a platform and a Python that need not be this machine's."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import uv

from engines.images.errors import ImageError
from engines.images.layers import Entry
from engines.images.recipe import SITE_PACKAGES, Recipe

_PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
# What installers write: it differs from machine to machine, and nothing reads it when the service runs.
_VOLATILE = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
# From this size on (bytes, unpacked) a distribution has a layer of its own: another release then sends only
# the distributions that changed.
_OWN_LAYER = 16 << 20
_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+(\.*)([\w.]*\btests)\b", re.MULTILINE)


@dataclass(frozen=True)
class WheelLayer:
    """The files of one layer, and the distributions that they belong to."""

    title: str
    entries: tuple[Entry, ...]


def fetch(recipe: Recipe, target: Path) -> None:
    """Unpack the wheels of ``recipe``'s lock into ``target``, each checked against its hash.

    Raises ``ImageError`` with uv's own words when a wheel is missing, differs or cannot be fetched.
    """
    command = [
        *(uv.find_uv_bin(), "pip", "install", "--quiet", "--target", str(target)),
        *("--require-hashes", "--no-deps", "--no-build", "--link-mode", "hardlink"),
        *("--python", sys.executable, "--python-version", recipe.python_version),
        *("--python-platform", _PLATFORMS[recipe.platform.architecture]),
        *("--requirements", str(recipe.requirements.resolve())),
    ]
    environment = dict(os.environ) | index_environment(os.environ)
    ended = subprocess.run(
        command, env=environment, cwd=target.parent, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise ImageError(
            f"the wheels could not be fetched: {_reason(ended.stderr)}",
            subject=str(recipe.requirements),
            remedy="Every requirement needs a hash and a wheel for "
            f"{recipe.platform.os}/{recipe.platform.architecture} and Python {recipe.python_version}.",
        )


def index_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return uv's settings for pip's index: uv does not read pip's configuration."""
    if any(environment.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_NO_INDEX")):
        return {}
    index = environment.get("PIP_INDEX_URL", "") or _configured_index()
    return {"UV_DEFAULT_INDEX": index} if index else {}


def _configured_index() -> str:
    # `pip config get` does not see the file that PIP_CONFIG_FILE names; `pip config list` does.
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"^(?:global|install)\.index-url='(.*)'$", listing, re.MULTILINE)
    return found[1] if found else ""


def _reason(errors: str) -> str:
    """Return uv's last words on one line, without the credentials that an address may hold."""
    words = " ".join(line.strip(" \u00d7\u2570\u2500\u25b6") for line in errors.splitlines()[-6:])
    return re.sub(r"//[^/@\s]*@", "//", words).strip() or "uv gave no reason"


def layers(target: Path) -> list[WheelLayer]:
    """Divide the unpacked wheels in ``target`` into layers: the large ones alone, by name, then the rest."""
    own: list[WheelLayer] = []
    rest: list[Entry] = []
    for name, files in sorted(_distributions(target)):
        entries = tuple(_entry(target, path) for path in _wanted(target, files))
        size = sum((target / path).stat().st_size for path in files)
        if size >= _OWN_LAYER:
            own.append(WheelLayer(name, entries))
        else:
            rest.extend(entries)
    return [*own, WheelLayer("python libraries", tuple(rest))] if rest else own


def _distributions(target: Path) -> Iterator[tuple[str, list[str]]]:
    for record in target.glob("*.dist-info/RECORD"):
        with record.open(newline="", encoding="utf-8") as lines:
            paths = {row[0] for row in csv.reader(lines) if row}
        inside = [path for path in paths if ".." not in path and not path.startswith(("/", "bin/"))]
        yield (
            record.parent.name.removesuffix(".dist-info"),
            sorted(p for p in inside if (target / p).is_file()),
        )


def _wanted(target: Path, files: list[str]) -> Iterator[str]:
    """Leave out byte code, what installers write, and tests, unless the package itself imports them."""
    imported = {folder for path in files for folder in _imported_tests(target, path)}
    for path in files:
        parts = PurePosixPath(path).parts
        volatile = parts[0].endswith(".dist-info") and parts[-1] in _VOLATILE
        if volatile or "__pycache__" in parts or path.endswith(".pyc"):
            continue
        if "tests" in parts[:-1]:
            folder = "/".join(parts[: parts.index("tests") + 1])
            if folder not in imported:
                continue
        yield path


def _imported_tests(target: Path, path: str) -> Iterator[str]:
    """Yield the ``tests`` folders that the module at ``path``, no test itself, imports from."""
    parts = PurePosixPath(path).parts
    if not path.endswith(".py") or "tests" in parts:
        return
    content = (target / path).read_bytes()
    if b"tests" not in content:  # saves most of the time that the expression takes
        return
    for dots, name in _IMPORT.findall(content):
        package = parts[: len(parts) - len(dots)] if dots else ()
        yield "/".join([*package, *name.decode().split(".")])


def _entry(target: Path, path: str) -> Entry:
    file = target / path
    executable = bool(file.stat().st_mode & 0o100)
    return Entry(f"{SITE_PACKAGES.removeprefix('/')}/{path}", file, executable=executable)

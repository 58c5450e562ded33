"""Backups of a rehearsal's database server: its first state, each write since, and what is made of them.

They are in a folder below the data, so that they go where the data go. Files there never change, so another
server's backups share them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from rehearsal.errors import RehearsalError

_FOLDER = "backups"
_FIRST = f"{_FOLDER}/first.tar"
_WAL = f"{_FOLDER}/wal"
_PATIENCE = 60.0
# Commands of the server run in the folder of its data. A file has its name once it is whole.
SETTINGS = {
    "archive_mode": "on",
    "archive_command": f'cp "%p" "{_WAL}/%f.part" && mv "{_WAL}/%f.part" "{_WAL}/%f"',
}


def begin(folder: Path) -> None:
    """Keep the state of a server that has been initialised and not been started yet."""
    (folder / _WAL).mkdir(parents=True, mode=0o700)
    # One file, by `tar`: a copy of the thousand that there are costs as much as making them did.
    _tar("-cf", folder / _FIRST, "-C", folder, f"--exclude=./{_FOLDER}", ".")


def are_kept(folder: Path) -> bool:
    """Return whether the server whose data are in ``folder`` keeps backups."""
    return (folder / _FIRST).exists()


def lay_out(source: Path, folder: Path, moment: datetime | None) -> None:
    """Prepare the data folder of a server that recovers the state of ``source`` when it is started.

    ``moment`` is the last one whose writes it has; None is all of them. ``folder`` is there when all is.
    """
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _tar("-xpf", source / _FIRST, "-C", part)
    kept = shutil.ignore_patterns("*.part")
    shutil.copytree(source / _FOLDER, part / _FOLDER, copy_function=os.link, ignore=kept)
    lines = [
        f'restore_command = \'cp "{_WAL}/%f" "%p"\'',
        "recovery_target_action = 'promote'",
        "hot_standby = off",  # it serves nobody before it is what it is to be
    ]
    if moment:
        lines.append(f"recovery_target_time = '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00'")
    with (part / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.writelines(f"{line}\n" for line in lines)
    (part / "recovery.signal").touch(mode=0o600)
    part.rename(folder)


def flush(url: str, folder: Path) -> None:
    """Bring all that the server at ``url`` has written into its backups, and a write later than now."""
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as session:
        session.execute("SELECT pg_current_xact_id()")
        row = session.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    last = folder / _WAL / str(row[0] if row else "")
    deadline = time.monotonic() + _PATIENCE
    while not last.exists():
        if time.monotonic() > deadline:
            raise RehearsalError(
                "did not arrive in the backups", subject=str(last), remedy="Read the server's log."
            )
        time.sleep(0.05)


def _tar(*arguments: str | Path) -> None:
    done = subprocess.run(["tar", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RehearsalError(
            f"tar failed: {done.stderr.strip()[-300:]}",
            subject=str(arguments[1]),
            remedy="Make room on the disk, or see what it says.",
        )

"""The locks of a mirror: on what it fills, and on its manifest. Each is a file, removed with its release."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engines.objects.errors import LockedError


def runtime_folder() -> Path:
    """Return a folder of this user's on this machine, for locks that need no other place."""
    folder = Path(tempfile.gettempdir()) / f"bmii-objects-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise LockedError("belongs to somebody else", subject=str(folder), remedy="Remove it, or set TMPDIR.")
    return folder


@contextmanager
def locked(path: Path, target: str) -> Iterator[None]:
    """Hold the lock of ``path`` for the length of a ``with`` block. Raises ``LockedError`` if another does.

    ``target`` is what is filled meanwhile, for the error.
    """
    file = path.with_name(f"{path.name}.lock")
    lock = _take(file, target)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)  # before it is released, so that it is never another's
        os.close(lock)  # which releases it; and so does the death of this process


def _take(file: Path, target: str) -> int:
    """Return the descriptor of the lock, which is the file of that name: not one that was just removed."""
    while True:
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            _hold(lock, file, target)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), file.lstat()):
                    return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _hold(lock: int, file: Path, target: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 200, 0).decode(errors="replace").strip()
        raise LockedError(
            f"another mirror is at work on it ({holder})",
            subject=target,
            remedy=f"Wait until it has ended; its lock, {file}, opens by itself then.",
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)

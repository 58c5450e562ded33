"""The room on the disk that a rehearsal needs, looked at before anything is begun."""

from __future__ import annotations

import shutil
from pathlib import Path

from rehearsal.errors import RehearsalError

_MIB = 1 << 20
# What a rehearsal of the platform's reference data has written by its end, and half as much again.
_WHOLE = 1536 * _MIB
_RESTARTED = 128 * _MIB
_RESERVED_PERCENT = 1  # SeaweedFS writes nothing on a disk with less, and `weed mini` takes no other number


def require_space(folder: Path, *, filled: bool) -> None:
    """Raise ``RehearsalError`` where the disk has too little room; ``filled`` is a stack that was up."""
    place = folder
    while not place.exists():
        place = place.parent
    disk = shutil.disk_usage(place)
    needed = disk.total * _RESERVED_PERCENT // 100 + (_RESTARTED if filled else _WHOLE)
    if disk.free < needed:
        raise RehearsalError(
            f"the disk of {folder} has {disk.free // _MIB} MiB free, and {needed // _MIB} MiB are needed"
            f" (the source's store writes nothing on a disk with less than {_RESERVED_PERCENT} % free)",
            subject="local_stack_dir",
            remedy="Make room, or set local_stack_dir to a folder on a disk that has it.",
            details={"free": disk.free, "needed": needed},
        )

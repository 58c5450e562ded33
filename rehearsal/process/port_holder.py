"""Who listens on a port that is taken: most often the rehearsal of another clone."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTENS = "0A"
_CONFIGURATION = "supervisor.conf"
# Above a program is its supervisor, and above that the init process.
_GENERATIONS = 8


@dataclass(frozen=True)
class Holder:
    """The process that listens; ``folder`` and ``supervisor`` are those of its rehearsal, if it has one."""

    pid: int
    name: str
    folder: Path | None = None
    supervisor: int = 0

    def __str__(self) -> str:
        """Describe it in a phrase."""
        whose = f", of the rehearsal in {self.folder}" if self.folder else ""
        return f"{self.name} (process {self.pid}{whose})"

    @property
    def remedy(self) -> str:
        """How to stop it, and nothing else."""
        if self.folder is None:
            return f"Stop it: kill {self.pid}"
        if self.folder.name == ".rehearsal" and (self.folder.parent / "Makefile").is_file():
            return f"Stop that rehearsal: make -C {self.folder.parent} stack-down"
        return f"Stop that rehearsal: kill {self.supervisor}"


def holder(port: int) -> Holder | None:
    """Return who listens on ``port`` of this machine; None where that cannot be seen, as without /proc."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    for entry in Path("/proc").glob("[0-9]*") if sockets else ():
        with contextlib.suppress(OSError):
            if any(str(one.readlink()) in sockets for one in (entry / "fd").iterdir()):
                return _described(int(entry.name))
    return None


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _described(pid: int) -> Holder:
    name = Path((_command(pid) or [str(pid)])[0]).name
    above = pid
    for _ in range(_GENERATIONS):
        for word in _command(above):
            if Path(word).name == _CONFIGURATION:
                return Holder(pid, name, Path(word).parent, above)
        above = _parent(above)
    return Holder(pid, name)


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        found = re.search(
            r"^PPid:\s+(\d+)$", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.MULTILINE
        )
        if found:
            return int(found[1])
    return 0

"""Processes as /proc shows them: which run one belongs to, and whether it is still alive."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# In the environment of what a phase starts, so that it can be found after the run's main process was killed.
MARK = "BMII_RUN_ID"
_PROGRAM = re.compile(r"(?:.*/)?ansible-playbook(?:-\d[\d.]*)?")
_NAME_LENGTH = 15
# Field 9 of /proc/PID/stat; the kernel's PF_FORKNOEXEC: forked, and still the program that forked it.
_FORKED = 0x40


def start_time(pid: int) -> int:
    """Return when ``pid`` started, in clock ticks since boot; 0 if it has ended."""
    fields = _stat(pid)
    # A zombie has ended, though its parent has not waited for it yet.
    return int(fields[19]) if fields and fields[0] not in {"Z", "X"} else 0


def is_stopped(pid: int) -> bool:
    """Whether ``pid`` was suspended by a signal or a debugger."""
    return _stat(pid)[:1] in (["T"], ["t"])


def playbook_above(pid: int) -> int:
    """Return the ``ansible-playbook`` process that ``pid`` works for, or ``pid`` itself where there is none.

    A worker is a fork of the playbook's process and bears its command line; only what was started as a
    program of that name counts, not a shell or ``timeout`` that started one. Ansible under another
    name is the process that its worker was forked from.
    """
    for ancestor in _ancestors(pid):
        if not _is_fork(ancestor) and any(_PROGRAM.fullmatch(word) for word in command(ancestor)[:2]):
            return ancestor
    return next((each for each in (pid, *_ancestors(pid)) if not _is_fork(each)), pid)


def command(pid: int) -> list[str]:
    """Return the command line of ``pid``, word by word; empty if it has ended or is not ours to see."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return []
    return words.rstrip("\0").split("\0") if words else []


def boot_id() -> str:
    """Return an id that differs from boot to boot; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def namespace() -> str:
    """Return which processes can be seen from here: in a container a pid means another process."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def mark_worker(run_id: str) -> None:
    """Let this process be found as one that works for ``run_id``, though it was forked, not started."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(_worker_name(run_id), encoding="utf-8")


def workers_of(run_id: str) -> list[int]:
    """Return the processes of this user, on this machine, that work for ``run_id``."""
    wanted = f"{MARK}={run_id}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            named = (folder / "comm").read_text(encoding="utf-8").rstrip("\n") == _worker_name(run_id)
            if (named or wanted in (folder / "environ").read_bytes().split(b"\0")) and start_time(
                int(folder.name)
            ):
                found.append(int(folder.name))
    return sorted(set(found) - {os.getpid()})


def _is_fork(pid: int) -> bool:
    """Whether it still runs the program of the process that it was forked from."""
    fields = _stat(pid)
    return bool(fields) and bool(int(fields[6]) & _FORKED)


def _worker_name(run_id: str) -> str:
    return f"run {run_id[4 - _NAME_LENGTH :]}"


def _ancestors(pid: int) -> Iterator[int]:
    """Yield the parents of ``pid``, nearest first."""
    while pid > 1:
        fields = _stat(pid)
        if not fields:
            return
        pid = int(fields[1])
        yield pid


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the program's name, which may itself hold spaces; empty if gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []

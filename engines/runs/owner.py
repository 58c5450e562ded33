"""The holder of the lock, recorded so that a later run can find out whether it is still alive."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engines.runs import processes

# The option whose value may hold a secret, also abbreviated (--extra) or after options without a value (-Ce).
_VARIABLES = re.compile(r"(?P<option>-[CDJKbhkv]*e(?P<joined>.*)|--e[a-z-]*(?:=(?P<long>.*))?)", re.DOTALL)

_PYTHON = re.compile(r"python[\d.]*")


@dataclass(frozen=True)
class Owner:
    """A user's ``ansible-playbook`` process: ``user`` on ``host``, with its ``pid`` and start time.

    ``started`` is the process's start time in clock ticks since ``boot``, because pids are used again, and
    ``namespace`` the part of the machine in which the pid means that process. ``command`` is what was typed,
    without the values of variables.
    """

    user: str
    host: str
    pid: int
    started: int
    boot: str = ""
    namespace: str = ""
    command: str = ""

    @classmethod
    def of_this_run(cls) -> Owner:
        """The ``ansible-playbook`` that this process works for, or this process where there is none."""
        pid = processes.playbook_above(os.getpid())
        return cls.of(pid)

    @classmethod
    def of(cls, pid: int) -> Owner:
        """The process ``pid`` of this machine."""
        return cls(
            getpass.getuser(),
            socket.gethostname(),
            pid,
            processes.start_time(pid),
            processes.boot_id(),
            processes.namespace(),
            " ".join(without_values(_program(processes.command(pid)))),
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Owner:
        """Read what ``to_dict`` wrote."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return asdict(self)

    def is_same_process(self, other: Owner) -> bool:
        """Whether both are the same process, not only the same person."""
        return self._process == other._process

    def is_known_dead(self) -> bool:
        """Whether it can be proven from here that the process has ended.

        Only the same user can know, on the same machine since the same boot, in the same PID namespace.
        """
        here = (getpass.getuser(), socket.gethostname(), processes.boot_id(), processes.namespace())
        if not self.boot or (self.user, self.host, self.boot, self.namespace) != here:
            return False
        return self.started == 0 or processes.start_time(self.pid) != self.started

    @property
    def name(self) -> str:
        """The person, as a consent names them."""
        return f"{self.user}@{self.host}"

    @property
    def _process(self) -> tuple[str, str, int, int, str, str]:
        return self.user, self.host, self.pid, self.started, self.boot, self.namespace

    def __str__(self) -> str:
        """Describe the holder in one phrase."""
        return f"{self.name} (process {self.pid})"


def _program(words: Sequence[str]) -> list[str]:
    """A command line as it was typed: without the interpreter that a script's first line names."""
    first, *rest = words or [""]
    if rest and _PYTHON.fullmatch(Path(first).name) and not rest[0].startswith("-"):
        first, *rest = rest
    return [Path(first).name, *rest]


def without_values(words: Sequence[str]) -> Iterator[str]:
    """Yield a command line with the first name of each list of variables, and no value; files as they are."""
    follows = False
    for word in words:
        match = _VARIABLES.fullmatch(word)
        if follows:
            yield _named(word)
        elif match and (value := match["joined"] or match["long"]):
            yield match["option"].removesuffix(value) + _named(value)
        else:
            yield word
        follows = not follows and match is not None and not (match["joined"] or match["long"])


def _named(variables: str) -> str:
    """``a=1 b=2`` as ``a=…``; what is no such list (JSON, YAML) as ``…``; a file ``@x`` as it is."""
    if variables.startswith("@"):
        return variables
    name, separator, _ = variables.partition("=")
    return f"{name}=…" if separator and name.isidentifier() else "…"

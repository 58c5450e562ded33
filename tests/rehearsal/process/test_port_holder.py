"""A port that is taken is said to be whose."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from rehearsal.process import holder

LISTEN = """
import socket, sys, time
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
sys.stdin.read()
"""
STARTS = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]]))"


def test_the_rehearsal_of_another_clone_is_named_with_its_command(servers, tmp_path: Path) -> None:
    (tmp_path / "Makefile").touch()
    configuration = tmp_path / ".rehearsal/supervisor.conf"
    command = [sys.executable, "-c", STARTS, LISTEN, "-c", str(configuration)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        found = holder(int(supervisor.stdout.readline()))
        assert found is not None
        assert (found.folder, found.supervisor) == (configuration.parent, supervisor.pid)
        assert found.remedy == f"Stop that rehearsal: make -C {tmp_path} stack-down"
        assert f"of the rehearsal in {configuration.parent}" in str(found)
        supervisor.communicate()


def test_another_program_is_named(servers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        found = holder(own.getsockname()[1])
        assert found is not None
        assert (found.pid, found.folder) == (os.getpid(), None)
        assert found.remedy == f"Stop it: kill {os.getpid()}"


def test_where_nothing_can_be_seen_nobody_is_named(servers) -> None:
    with socket.socket() as own:  # that nobody else listens there either, it holds the port
        own.bind(("127.0.0.1", 0))
        assert holder(own.getsockname()[1]) is None

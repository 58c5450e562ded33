"""Renews a run's lock while Ansible works, and releases it when the run has ended for any reason.

A small process of its own, started with the first phase, because a phase can take an hour without a word to
the ledger. It lives as long as the run's main process and what that has started, and touches nothing but
the ledger.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from contextlib import suppress

from engines.errors import EngineError
from engines.runs import Owner, processes

# A renewal may fail this often in a row before the lease is over.
_RENEWALS_IN_A_LEASE = 5
# How long a worker that was forked just before its parent was killed may take to show which run it is of, s.
_GRACE = 1.0
_LAST_ATTEMPTS = 3


def ensure(bucket: str, run_id: str, owner: Owner, lease: float) -> None:
    """Start a keeper for the run unless it has one; all it knows is the environment of this process."""
    # Elsewhere than on Linux a run is not watched, and its lease is renewed at the start of each phase alone.
    name = _claim(run_id) if hasattr(os, "pidfd_open") else None
    if name is None:
        return
    name.close()
    environment = {key: value for key, value in os.environ.items() if key != processes.MARK}
    nothing = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    command = [
        sys.executable,
        "-P",
        __file__,  # not by the module's name: that would load the whole ledger, and boto3 with it
        bucket,
        run_id,
        str(owner.pid),
        str(owner.started),
        str(lease),
    ]
    # A session of its own: Ctrl-C goes to the group of the run, and must not end what gives the lock back.
    os.posix_spawn(sys.executable, command, environment, file_actions=nothing, setsid=True)


def main(bucket: str, run_id: str, pid: int, started: int, lease: float) -> None:
    """Renew the lease until the run has ended, then record that and give the lock back."""
    # What the run had open is not for us to hold: a reader of its output would wait for us.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    name = _claim(run_id)
    owner = Owner.of(pid)
    if name is None:
        return
    interval = lease / _RENEWALS_IN_A_LEASE
    if owner.started == started:
        while not _ended(owner, interval):
            if not processes.is_stopped(pid) and not _renewed(bucket, run_id, owner):
                return
        time.sleep(_GRACE)
    owner = Owner(**{**owner.to_dict(), "started": started})
    waited = time.monotonic()
    while processes.workers_of(run_id):
        time.sleep(1)
        if time.monotonic() - waited > interval:
            waited = time.monotonic()
            if not _renewed(bucket, run_id, owner):
                return
    _give_back(bucket, run_id, owner)


def _ended(owner: Owner, seconds: float) -> bool:
    """Wait until the process has ended, ``seconds`` at most; return whether it has."""
    with suppress(OSError):
        descriptor = os.pidfd_open(owner.pid)
        try:
            if processes.start_time(owner.pid) == owner.started:
                select.select([descriptor], [], [], seconds)
        finally:
            os.close(descriptor)
    return processes.start_time(owner.pid) != owner.started


def _renewed(bucket: str, run_id: str, owner: Owner) -> bool:
    """Renew the lease; False when the lock is another run's. What cannot be reached now may be soon."""
    from engines.aws import AwsError  # noqa: PLC0415 - a short run ends before boto3 is needed
    from engines.ledger.lock import renew  # noqa: PLC0415 - it imports boto3
    from engines.ledger.store import Store  # noqa: PLC0415 - it imports boto3

    try:
        return renew(Store(bucket), owner, run_id)
    except AwsError:
        return True


def _give_back(bucket: str, run_id: str, owner: Owner) -> None:
    from engines.ledger.apply import end_run  # noqa: PLC0415 - a short run ends before boto3 is needed
    from engines.ledger.store import Store  # noqa: PLC0415 - it imports boto3

    for attempt in range(_LAST_ATTEMPTS):
        with suppress(EngineError):
            end_run(Store(bucket), run_id, owner=owner)
            return
        time.sleep(2**attempt)


def _claim(run_id: str) -> socket.socket | None:
    """Take the name that a run's keeper has on this machine; None if it has one. It goes with the process."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0bmii-migrate-keeper-{run_id}")
    except OSError:
        name.close()
        return None
    return name


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))

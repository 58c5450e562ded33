"""The lock, on a real S3."""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from engines.ledger import lock
from engines.ledger.errors import LockedError
from engines.ledger.owner import Owner
from engines.ledger.store import Store

ELSEWHERE = Owner("ada", "another-host", 4711, 1)


@pytest.fixture
def store(aws) -> Store:
    store = Store(f"state-{uuid.uuid4().hex[:8]}")
    store.create("us-east-1")
    return store


def test_a_second_run_is_refused_with_the_owner_and_the_age(store: Store) -> None:
    lock.acquire(store, ELSEWHERE, "run-1", now=1000, lease=600)
    with pytest.raises(
        LockedError, match=r"run-1 of ada@another-host \(process 4711\) has held the lock for 40 s"
    ):
        lock.acquire(store, Owner.of_this_run(), "run-2", now=1040, lease=600)


def test_the_lock_can_be_taken_after_it_is_released(store: Store) -> None:
    lock.acquire(store, ELSEWHERE, "run-1", now=1000, lease=600)
    lock.release(store, ELSEWHERE)
    lock.acquire(store, Owner.of_this_run(), "run-2", now=1001, lease=600)


def test_only_the_owner_releases(store: Store) -> None:
    lock.acquire(store, ELSEWHERE, "run-1", now=1000, lease=600)
    lock.release(store, Owner.of_this_run())
    with pytest.raises(LockedError):
        lock.acquire(store, Owner.of_this_run(), "run-2", now=1001, lease=600)


def test_a_lease_that_is_over_is_taken_over(store: Store) -> None:
    lock.acquire(store, ELSEWHERE, "run-1", now=1000, lease=600)
    lock.acquire(store, Owner.of_this_run(), "run-2", now=1601, lease=600)


def test_a_dead_process_of_this_machine_does_not_hold_the_lock(store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    alive = _owner_of(process.pid)
    lock.acquire(store, alive, "run-1", now=1000, lease=600)
    with pytest.raises(LockedError):
        lock.acquire(store, ELSEWHERE, "run-2", now=1001, lease=600)
    process.kill()
    process.communicate()
    lock.acquire(store, ELSEWHERE, "run-2", now=1002, lease=600)


def test_a_reused_pid_is_not_the_old_process(store: Store) -> None:
    before = replace(Owner.of_this_run(), started=1)
    lock.acquire(store, before, "run-1", now=1000, lease=600)
    lock.acquire(store, Owner.of_this_run(), "run-2", now=1001, lease=600)


def test_of_eight_at_once_one_gets_the_lock(store: Store) -> None:
    def attempt(number: int) -> bool:
        try:
            lock.acquire(store, replace(ELSEWHERE, pid=number), f"run-{number}", now=1000, lease=600)
        except LockedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def _owner_of(pid: int) -> Owner:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    started = int(stat.rpartition(")")[2].split()[19])
    return Owner("ada", socket.gethostname(), pid, started)

"""The lock, on a real S3."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from engines.ledger import lock
from engines.ledger.errors import FencedError, LockedError
from engines.ledger.store import Store
from engines.runs import processes
from engines.runs.owner import Owner

ELSEWHERE = Owner("ada", "another-host", 4711, 1, "boot", "pid:[1]")
US = Owner.of_this_run()


def aged(store: Store, owner: Owner, run_id: str, taken: float) -> None:
    """Let the lock look as if it had been taken ``taken`` seconds ago."""
    document = store.read(lock.LOCK_KEY)
    held = lock.Lock.from_document(document)
    assert held is not None
    store.write(lock.LOCK_KEY, replace(held, taken=document.now - taken).to_dict(), replacing=document)


@pytest.fixture
def pass_time(monkeypatch):
    """Return ``pass_time(seconds)``: the store's clock runs ahead by so much, whatever the machine does."""
    ahead, written = [0.0], {}
    read, write = Store.read, Store.write

    def read_later(self, key):
        document = read(self, key)
        passed = ahead[0] - written.get(key, 0.0)
        return replace(document, now=document.now + ahead[0], age=document.age + passed)

    def write_later(self, key, *given, **named):
        found = write(self, key, *given, **named)
        if found is not None:
            written[key] = ahead[0]
        return found

    monkeypatch.setattr(Store, "read", read_later)
    monkeypatch.setattr(Store, "write", write_later)

    def run_ahead(seconds):
        ahead[0] += seconds

    return run_ahead


def test_a_second_run_is_refused_with_the_owner_and_the_age(store: Store) -> None:
    lock.acquire(store, ELSEWHERE, "run-1", lease=600)
    aged(store, ELSEWHERE, "run-1", 40)
    with pytest.raises(
        LockedError, match=r"run-1 of ada@another-host \(process 4711\) has held the lock for 4\d s"
    ) as refused:
        lock.acquire(store, US, "run-2", lease=600)
    assert "-e ledger_break_lock=run-1" in refused.value.remedy


def test_the_lock_can_be_taken_after_it_is_released_and_its_token_grows(store: Store) -> None:
    first, _ = lock.acquire(store, ELSEWHERE, "run-1", lease=600)
    assert lock.release(store, ELSEWHERE, "run-1")
    second, taken_from = lock.acquire(store, US, "run-2", lease=600)
    assert (first.token, second.token, taken_from) == (1, 2, None)


def test_only_the_owner_releases_and_renews(store: Store) -> None:
    lock.acquire(store, ELSEWHERE, "run-1", lease=600)
    assert not lock.release(store, US, "run-1")
    assert not lock.renew(store, US, "run-1")
    with pytest.raises(LockedError):
        lock.acquire(store, US, "run-2", lease=600)


def test_a_stale_lock_is_broken_only_by_consent_that_names_it(store: Store, pass_time) -> None:
    lock.acquire(store, ELSEWHERE, "run-1", lease=500)
    with pytest.raises(LockedError, match="its lease ends in"):
        lock.acquire(store, US, "run-2", lease=600, consent="run-1")
    pass_time(501)
    with pytest.raises(LockedError, match="Its lease ended"):
        lock.acquire(store, US, "run-2", lease=600)
    with pytest.raises(LockedError, match="ledger_break_lock is run-0, which does not hold it"):
        lock.acquire(store, US, "run-2", lease=600, consent="run-0")
    mine, broken = lock.acquire(store, US, "run-2", lease=600, consent="ada@another-host")
    assert broken is not None
    assert (mine.token, broken.run_id) == (2, "run-1")


def test_a_renewed_lease_is_not_over(store: Store, pass_time) -> None:
    lock.acquire(store, ELSEWHERE, "run-1", lease=500)
    pass_time(300)
    assert lock.renew(store, ELSEWHERE, "run-1")
    pass_time(300)
    with pytest.raises(LockedError, match="its lease ends in"):
        lock.acquire(store, US, "run-2", lease=600, consent="run-1")


def test_a_run_that_lost_its_lock_can_do_nothing_with_it(store: Store, pass_time) -> None:
    old, _ = lock.acquire(store, ELSEWHERE, "run-1", lease=500)
    pass_time(501)
    lock.acquire(store, US, "run-2", lease=600, consent="run-1")
    assert not lock.renew(store, ELSEWHERE, "run-1")
    with pytest.raises(FencedError, match=r"run run-1 has lost the lock to run run-2 of"):
        lock.verify(store, ELSEWHERE, "run-1")
    lock.release(store, US, "run-2")
    with pytest.raises(FencedError):
        lock.acquire(store, ELSEWHERE, "run-1", lease=600, token=old.token)


def test_a_killed_process_of_this_machine_does_not_hold_the_lock(store: Store, process) -> None:
    run = process()
    lock.acquire(store, run.owner, "run-1", lease=600)
    with pytest.raises(LockedError):
        lock.acquire(store, US, "run-2", lease=600)
    run.kill()
    _, taken_from = lock.acquire(store, US, "run-2", lease=600)
    assert taken_from is not None
    assert taken_from.run_id == "run-1"


@pytest.mark.parametrize(
    "change",
    [{"user": "ada"}, {"host": "another-host"}, {"boot": "another"}, {"namespace": "pid:[1]"}],
    ids=lambda change: next(iter(change)),
)
def test_a_process_that_cannot_be_seen_from_here_is_not_known_to_be_dead(process, change) -> None:
    run = process()
    run.kill()
    assert run.owner.is_known_dead()
    assert not replace(run.owner, **change).is_known_dead()


def test_a_reused_pid_is_not_the_old_process(store: Store) -> None:
    lock.acquire(store, replace(US, started=1), "run-1", lease=600)
    lock.acquire(store, US, "run-2", lease=600)


def test_what_a_killed_run_left_at_work_is_waited_for(store: Store, process) -> None:
    run = process()
    lock.acquire(store, run.owner, "run-1", lease=600)
    run.kill()
    worker = subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        env={**os.environ, processes.MARK: "run-1"},
    )
    with pytest.raises(LockedError, match=rf"still works \(processes {worker.pid}\)"):
        lock.acquire(store, US, "run-2", lease=600, wait=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lock.acquire, store, US, "run-2", lease=600, wait=60)
        time.sleep(1)
        assert not waiting.done()
        worker.kill()
        worker.communicate()
        assert waiting.result()[0].run_id == "run-2"


def test_of_eight_at_once_one_gets_the_lock(store: Store) -> None:
    def attempt(number: int) -> bool:
        try:
            lock.acquire(store, replace(ELSEWHERE, pid=number), f"run-{number}", lease=600)
        except LockedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1

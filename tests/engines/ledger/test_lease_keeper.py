"""The process that renews the lease while a run works, and gives the lock back when it has ended."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from engines.ledger import apply, lease_keeper, lock
from engines.ledger.apply import Opening
from engines.ledger.store import Store
from engines.runs import processes
from engines.runs.owner import Owner

ELSEWHERE = Owner("ada", "another-host", 4711, 1, "boot", "pid:[1]")


def begin(store: Store, run_id: str, owner: Owner, lease: float) -> None:
    apply.open_phase(store, Opening("provision", run_id, owner, lease=lease))
    lease_keeper.ensure(store.bucket, run_id, owner, lease)


def keepers_of(run_id: str) -> list[int]:
    """Return the pids of the run's keepers."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        words = processes.command(int(path.name))
        if lease_keeper.__file__ in words and run_id in words:
            found.append(int(path.name))
    return found


def test_it_gives_the_lock_back_when_the_run_is_killed(store: Store, process, wait_until) -> None:
    run = process()
    begin(store, store.bucket, run.owner, 600)
    wait_until(lambda: keepers_of(store.bucket))
    run.kill()
    wait_until(lambda: not store.read(lock.LOCK_KEY).body["held"])
    wait_until(lambda: not keepers_of(store.bucket))
    assert store.read(f"runs/{store.bucket}.json").body["outcome"] == "interrupted"


def test_there_is_one_for_each_run(store: Store, process, wait_until) -> None:
    run = process()
    begin(store, store.bucket, run.owner, 600)
    wait_until(lambda: keepers_of(store.bucket))
    first = keepers_of(store.bucket)
    lease_keeper.ensure(store.bucket, store.bucket, run.owner, 600)
    # One that comes too early to see the first is there for a moment, and goes by itself.
    wait_until(lambda: keepers_of(store.bucket) == first)
    run.kill()
    wait_until(lambda: not keepers_of(store.bucket))


def test_it_renews_the_lease_of_a_run_that_works_and_not_of_one_that_is_stopped(
    store: Store, process, wait_until
) -> None:
    run = process()
    run_id = store.bucket
    begin(store, run_id, run.owner, 1)
    taken = store.read(lock.LOCK_KEY).etag
    wait_until(lambda: store.read(lock.LOCK_KEY).now - store.read(lock.LOCK_KEY).body["taken"] > 3)
    assert store.read(lock.LOCK_KEY).age < 3, taken
    run.stop()
    wait_until(lambda: store.read(lock.LOCK_KEY).age > 2)
    apply.open_phase(store, Opening("provision", "run-2", ELSEWHERE, break_lock=run_id))
    run.go_on()
    wait_until(lambda: not keepers_of(run_id))
    assert lock.verify(store, ELSEWHERE, "run-2").token == 2


def test_it_waits_for_what_a_killed_run_has_left_at_work(store: Store, process, wait_until) -> None:
    run, worker = process(), process(run_id=store.bucket)
    begin(store, store.bucket, run.owner, 600)
    wait_until(lambda: keepers_of(store.bucket))
    run.kill()
    wait_until(run.owner.is_known_dead)
    assert processes.workers_of(store.bucket) == [worker.owner.pid]
    assert store.read(lock.LOCK_KEY).body["held"]
    worker.kill()
    wait_until(lambda: not store.read(lock.LOCK_KEY).body["held"])


def test_it_has_no_secret_on_its_command_line_and_nothing_of_the_run_open(
    store: Store, process, wait_until, monkeypatch
) -> None:
    run = process()
    run_id = store.bucket
    monkeypatch.setenv(processes.MARK, run_id)
    begin(store, run_id, run.owner, 600)
    monkeypatch.delenv(processes.MARK)
    wait_until(lambda: keepers_of(run_id))
    [pid] = keepers_of(run_id)
    words = [store.bucket, run_id, str(run.owner.pid), str(run.owner.started), "600"]
    assert processes.command(pid)[3:] == words
    assert processes.workers_of(run_id) == [], "it would wait for itself"
    wait_until(lambda: str(Path(f"/proc/{pid}/cwd").readlink()) == "/")
    opened = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            opened.add(str(path.readlink()))
    assert {each for each in opened if not each.startswith(("socket:", "anon_inode:"))} == {"/dev/null"}
    run.kill()
    wait_until(lambda: not keepers_of(run_id))

"""One mirror at a time, whoever goes away meanwhile, and no file that stays."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading

import pytest

from engines.objects.errors import LockedError
from engines.objects.manifest import locks
from engines.objects.manifest import state as journal

HERE, THERE = "http://old/raw", "s3://new"
HOLDER = """
import sys
from pathlib import Path
from engines.objects.manifest import state as journal
with journal.open_state(Path(sys.argv[1]), "http://old/raw", "s3://new"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_mirror_at_a_time_and_a_killed_one_leaves_no_lock(tmp_path):
    path = tmp_path / "m"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(LockedError, match=f"process {holder.pid} on") as caught,
            journal.open_state(path, HERE, THERE),
        ):
            pass
        assert caught.value.subject == THERE
        # Nor with another manifest, or without one: it is the target that must not be filled twice at once.
        for other in (tmp_path / "n", None):
            with pytest.raises(LockedError), journal.open_state(other, HERE, THERE):
                pass
        with journal.open_state(path, HERE, THERE, readonly=True):
            pass
        holder.kill()
    with journal.open_state(path, HERE, THERE) as state:
        assert not state.has_pending


def test_a_lock_that_opens_leaves_no_file(tmp_path):
    with locks.locked(tmp_path / "m", THERE):
        assert [file.name for file in tmp_path.iterdir()] == ["m.lock"]
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_the_file_that_is_there_not_one_that_was_removed(tmp_path, monkeypatch):
    flock, removed = fcntl.flock, []

    def opened_by_another_just_before(descriptor, how):
        flock(descriptor, how)
        if not removed:
            removed.append((tmp_path / "m.lock").unlink())

    monkeypatch.setattr(fcntl, "flock", opened_by_another_just_before)
    with locks.locked(tmp_path / "m", THERE):
        assert (tmp_path / "m.lock").exists()
        with pytest.raises(LockedError), locks.locked(tmp_path / "m", THERE):
            pass


def test_of_many_at_once_one_holds_it(tmp_path):
    inside, together, held = [], [], []

    def work():
        for _ in range(200):
            try:
                with locks.locked(tmp_path / "m", THERE):
                    inside.append(1)
                    together.append(len(inside))
                    held.append(1)
                    inside.pop()
            except LockedError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held
    assert max(together) == 1

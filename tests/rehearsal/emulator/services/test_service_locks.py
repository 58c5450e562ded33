"""Two threads that look after one service do not both start its missing task."""

from __future__ import annotations

import threading
import time

from rehearsal.emulator.services.service_locks import ServiceLocks


def test_a_service_is_looked_after_by_one_thread_at_a_time():
    tasks: list[str] = []

    def start_what_is_missing(cluster: str, key: str) -> None:
        if not tasks:
            time.sleep(0.05)
            tasks.append(key)

    serialized = ServiceLocks().serialize(start_what_is_missing, lambda cluster, key: key)
    threads = [threading.Thread(target=serialized, args=("bmii", "bmii/api")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tasks == ["bmii/api"]


def test_a_thread_may_come_back_to_its_own_service():
    seen: list[str] = []

    def twice(cluster: str, key: str) -> None:
        seen.append(key)
        if len(seen) == 1:
            serialized(cluster, key)

    serialized = ServiceLocks().serialize(twice, lambda cluster, key: key)
    serialized("bmii", "bmii/api")
    assert seen == ["bmii/api", "bmii/api"]


def test_two_kinds_of_work_on_one_service_do_not_meet():
    locks, seen = ServiceLocks(), []

    def work(key: str) -> None:
        seen.append("begin")
        time.sleep(0.05)
        seen.append("end")

    several = [locks.serialize(work, lambda key: key) for _ in range(3)]
    threads = [threading.Thread(target=one, args=("bmii/api",)) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["begin", "end"] * 3

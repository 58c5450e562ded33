"""Two threads that look after one service do not both start its missing task."""

from __future__ import annotations

import threading
import time

from rehearsal.emulator.services.service_locks import Turns


def test_a_service_is_looked_after_by_one_thread_at_a_time():
    tasks: list[str] = []

    def start_what_is_missing(cluster: str, key: str) -> None:
        if not tasks:
            time.sleep(0.05)
            tasks.append(key)

    in_turn = Turns().one(start_what_is_missing, lambda cluster, key: key)
    threads = [threading.Thread(target=in_turn, args=("bmii", "bmii/api")) for _ in range(4)]
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
            in_turn(cluster, key)

    in_turn = Turns().one(twice, lambda cluster, key: key)
    in_turn("bmii", "bmii/api")
    assert seen == ["bmii/api", "bmii/api"]


def test_two_kinds_of_work_on_one_service_do_not_meet():
    turns, seen = Turns(), []

    def work(key: str) -> None:
        seen.append("begin")
        time.sleep(0.05)
        seen.append("end")

    several = [turns.one(work, lambda key: key) for _ in range(3)]
    threads = [threading.Thread(target=one, args=("bmii/api",)) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["begin", "end"] * 3

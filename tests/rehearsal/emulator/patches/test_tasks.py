"""What the account tells of a task that has ended."""

from __future__ import annotations

import threading

from rehearsal.emulator.patches import tasks

ARN = "arn:aws:ecs:us-east-1:000000000000:task/one/0123456789abcdef"


def test_a_task_has_not_stopped_before_its_last_words_are_in_the_log() -> None:
    """A trial reads the log as soon as its task has stopped, and found the cause of a crash missing."""
    told, logged = [], threading.Event()

    def forward() -> None:
        logged.wait(60)
        told.append("cannot go on")

    forwarder = threading.Thread(target=forward, name="ministack-ecs-awslogs-01234567-app")
    forwarder.start()
    threading.Timer(0.2, logged.set).start()
    tasks._until_logged(ARN, "another")
    tasks._until_logged(ARN, "app")
    assert told == ["cannot go on"]
    forwarder.join()

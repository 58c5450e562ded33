"""An answer about a service whose tasks start at the same moment."""

from __future__ import annotations

import sys
import threading

import pytest

from rehearsal.emulator.services.snapshots import wire_shape


def test_members_of_the_emulator_alone_and_empty_ones_are_left_out():
    record = {"name": "api", "_lock": 1, "stoppedAt": None, "tasks": [{"_id": 1, "cpu": "256"}]}
    assert wire_shape(record) == {"name": "api", "tasks": [{"cpu": "256"}]}


@pytest.fixture
def busy_deployment():
    """Return a deployment to which another thread adds members all the time."""
    deployment, over = (
        {"id": "d-1"} | {f"member {number}": {"a": 1} for number in range(50)},
        threading.Event(),
    )

    def work():
        while not over.is_set():
            for number in range(20):
                deployment[f"_image_{number}"] = number
            for number in range(20):
                del deployment[f"_image_{number}"]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    worker = threading.Thread(target=work)
    worker.start()
    yield deployment
    over.set()
    worker.join()
    sys.setswitchinterval(interval)


def test_a_member_that_another_thread_adds_ends_no_answer(busy_deployment):
    for _ in range(300):
        assert wire_shape({"deployments": [busy_deployment]})["deployments"][0]["id"] == "d-1"

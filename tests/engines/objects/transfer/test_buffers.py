"""Memory for bodies: bounded, and used again."""

from __future__ import annotations

import threading

import pytest

from engines.objects.transfer.buffers import Buffers

KIB = 1 << 10


@pytest.fixture
def buffers():
    return Buffers(256 * KIB)


def waiter(buffers: Buffers, size: int) -> threading.Thread:
    thread = threading.Thread(target=lambda: buffers.give(buffers.take(size)), daemon=True)
    thread.start()
    thread.join(0.05)
    return thread


def test_memory_that_was_given_back_is_used_again(buffers):
    first = buffers.take(70 * KIB)
    memory = first.obj
    buffers.give(first)

    with buffers.held(100 * KIB) as view:
        assert view.obj is memory
        assert len(view) == 100 * KIB


def test_who_wants_more_than_is_left_waits(buffers):
    with buffers.held(200 * KIB):
        waiting = waiter(buffers, 1)
        assert waiting.is_alive()
    waiting.join(100)
    assert not waiting.is_alive()


def test_a_body_that_is_larger_than_all_of_it_goes_alone(buffers):
    with buffers.held(1):
        waiting = waiter(buffers, 1 << 20)
        assert waiting.is_alive()
    waiting.join(100)
    assert not waiting.is_alive()


def test_what_is_kept_makes_room_for_what_is_needed(buffers):
    views = [buffers.take(64 * KIB) for _ in range(4)]
    for view in views:
        buffers.give(view)
    with buffers.held(256 * KIB), buffers.held(0) as nothing:
        assert len(nothing) == 0
        assert buffers._kept == 0


def test_a_body_of_no_bytes_waits_for_nothing(buffers):
    with buffers.held(256 * KIB), buffers.held(0) as view:
        assert bytes(view) == b""

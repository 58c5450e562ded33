"""A target is drained when the bodies of its answers are sent."""

import asyncio
import threading
import time
from types import SimpleNamespace

from rehearsal.emulator.services.draining import Traffic

PLACE = ("127.0.0.1", 8000)


def test_a_request_counts_until_its_body_is_sent():
    traffic, seen = Traffic(), []

    async def send_body(send, receive):
        seen.append(traffic.busy(PLACE))

    async def answer():
        seen.append(traffic.busy(PLACE))
        return 200, {}, SimpleNamespace(runner=send_body)

    async def course():
        _, _, body = await traffic.counted(PLACE, answer())
        seen.append(traffic.busy(PLACE))
        await body.runner(None, None)

    asyncio.run(course())
    assert seen == [True, True, True]
    assert not traffic.busy(PLACE)


def test_an_answer_that_is_whole_or_fails_counts_no_longer():
    traffic = Traffic()

    async def whole():
        return 502, {}, b"no"

    async def broken():
        raise OSError

    asyncio.run(traffic.counted(PLACE, whole()))
    results = asyncio.run(_gathered(traffic.counted(PLACE, broken())))
    assert isinstance(results[0], OSError)
    assert not traffic.busy(PLACE)


async def _gathered(*coroutines):
    return await asyncio.gather(*coroutines, return_exceptions=True)


def test_draining_ends_with_the_last_request_and_at_the_latest_after_the_delay():
    traffic = Traffic()
    traffic.drain({PLACE}, delay=60)  # nothing in hand: at once
    traffic._add(PLACE, 1)
    begun = time.monotonic()
    traffic.drain({PLACE}, delay=0.2)
    assert time.monotonic() - begun >= 0.2
    assert traffic.busy(PLACE)
    begun = time.monotonic()
    threading.Timer(0.2, traffic._add, (PLACE, -1)).start()
    traffic.drain({PLACE}, delay=200)
    assert not traffic.busy(PLACE)
    assert time.monotonic() - begun < 200

"""A store that is stopped (SIGSTOP) while it is listed, copied and compared: reported, given up, continued.

With the patience of a run, which takes a minute each: ``make stress`` alone runs it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from engines.objects import compare, mirror
from engines.objects.mirror import Options
from engines.objects.s3.endpoint import Endpoint
from engines.runs import processes
from rehearsal.servers import object_store

pytestmark = pytest.mark.timeout(900)
TOLD, ENDED = 15.0, 120.0  # seconds that are promised
OBJECTS = 3000
_NAMES = iter(range(1, 100))


@pytest.fixture(scope="module")
def stoppable(servers: None, tmp_path_factory: Any) -> Iterator[Any]:
    """Yield a SeaweedFS of our own, which nobody else waits for."""
    with object_store.server(tmp_path_factory.mktemp("stoppable")) as server:
        yield server


@pytest.fixture
def ends(stoppable: Any, aws: Any) -> tuple[Endpoint, Endpoint]:
    """Return a bucket with objects on the store that is stopped, and an empty one."""
    name = f"silent-{next(_NAMES)}"
    source = Endpoint.from_options(
        {
            "bucket": name,
            "endpoint": stoppable.endpoint,
            "access_key": stoppable.access_key,
            "secret_key": stoppable.secret_key,
        }
    )
    client = boto3.client(
        "s3",
        endpoint_url=stoppable.endpoint,
        aws_access_key_id=stoppable.access_key,
        aws_secret_access_key=stoppable.secret_key,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=name)
    for number in range(OBJECTS):
        client.put_object(Bucket=name, Key=f"object/{number:05}", Body=b"x" * 2000)
    boto3.client("s3", endpoint_url=aws.endpoint, region_name="us-east-1").create_bucket(Bucket=name)
    options = {"bucket": name, "endpoint": aws.endpoint, "access_key": "test", "secret_key": "test"}
    return source, Endpoint.from_options(options)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report often enough that every phase is seen while it is at work."""
    monkeypatch.setattr("engines.objects.progress._EVERY", 0.01)


class Stopper:
    """An ``emit`` that stops the store at the first event of a phase, and knows when it was told of."""

    def __init__(self, store: Any, phase: str) -> None:
        self.phase = phase
        self.stopped = self.told = 0.0
        self._store = store

    def __call__(self, kind: str, **fields: object) -> None:
        if kind == "objects.progress" and fields["phase"] == self.phase and not self.stopped:
            for process in self._processes():
                os.kill(process, signal.SIGSTOP)
            self.stopped = time.monotonic()
        if kind == "objects.silent" and not self.told:
            self.told = time.monotonic()

    def _processes(self) -> list[int]:
        folder = str(self._store.folder)
        found = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return [one for one in found if any(folder in word for word in _command(one))]

    def go_on(self) -> None:
        for process in self._processes():
            os.kill(process, signal.SIGCONT)


def _command(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return processes.command(pid)
    return []


def _fails_in_time(stopper: Stopper, work: Callable[[], Any]) -> None:
    try:
        with pytest.raises(Exception, match="has not answered any"):
            work()
        ended = time.monotonic()
    finally:
        threading.Timer(0, stopper.go_on).start()
    assert stopper.stopped, "the phase has not begun"
    assert 0 < stopper.told - stopper.stopped <= TOLD
    assert ended - stopper.stopped <= ENDED


@pytest.mark.parametrize("phase", ["listing", "copying"])
def test_a_copy(stoppable: Any, ends: tuple[Endpoint, Endpoint], phase: str, tmp_path: Path) -> None:
    options = Options(manifest=tmp_path / "manifest")
    stopper = Stopper(stoppable, phase)
    _fails_in_time(stopper, lambda: mirror(*ends, options, emit=stopper))
    found = mirror(*ends, options)
    assert compare(*ends, path=options.manifest).tally.count("equal") == OBJECTS, found


def test_the_last_comparison(stoppable: Any, ends: tuple[Endpoint, Endpoint], tmp_path: Path) -> None:
    options = Options(manifest=tmp_path / "manifest")
    mirror(*ends, options)
    stopper = Stopper(stoppable, "listing")
    _fails_in_time(stopper, lambda: compare(*ends, path=options.manifest, emit=stopper))
    assert compare(*ends, path=options.manifest).tally.count("equal") == OBJECTS

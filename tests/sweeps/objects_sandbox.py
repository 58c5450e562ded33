"""Buckets on two real stores, modules of ours in processes of their own, and a look that is not ours."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from rehearsal.process import free_ports, wait_until_ready
from rehearsal.servers import ObjectStore, StorePorts
from tests import module_process
from tests.local_clients import client

PART = 5 << 20
PATIENCE = 120  # a run of these small buckets that takes longer hangs
_NUMBERS = itertools.count(1)
_KEPT = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl")


def patient(endpoint: str, keys: tuple[str, str] = ("test", "test")) -> Any:
    """Return a client that tries again, as the faults of these tests ask for."""
    return client(endpoint, keys, retries={"total_max_attempts": 4, "mode": "standard"})


@dataclass(frozen=True)
class Bucket:
    """A bucket of a store, as a module's option and as seen by a client of the test's own."""

    name: str
    option: Mapping[str, str]
    client: Any

    def through(self, endpoint: str) -> Bucket:
        """Return the same bucket, which modules reach by another endpoint."""
        return Bucket(self.name, {**self.option, "endpoint": endpoint}, self.client)

    def put(self, key: str, body: bytes = b"", **more: Any) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **more)

    def body(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def listing(self) -> list[str]:
        """Return every key as the store lists it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, EncodingType="url")
        return sorted(unquote_plus(one["Key"]) for page in pages for one in page.get("Contents", ()))

    def uploads(self) -> list[str]:
        """Return the keys of the multipart uploads that are not finished."""
        found = self.client.list_multipart_uploads(Bucket=self.name)
        return [one["Key"] for one in found.get("Uploads", ())]

    def everything(self) -> dict[str, tuple[Any, ...]]:
        """Return all that there is to know of each object: digest, headers, metadata, tags."""
        return {key: self.known(key) for key in self.listing()}

    def known(self, key: str) -> tuple[Any, ...]:
        found = self.client.get_object(Bucket=self.name, Key=key)
        tags = self.client.get_object_tagging(Bucket=self.name, Key=key)["TagSet"]
        return (
            hashlib.sha256(found["Body"].read()).hexdigest(),
            {name: found[name] for name in _KEPT if found.get(name)},
            found["Metadata"],
            {tag["Key"]: tag["Value"] for tag in tags},
        )


@dataclass
class Run:
    """One run of a module in a process of its own; ``output`` is the file of what it prints."""

    process: Any
    output: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.join()

    def wait_for(self, reached: Callable[[], bool]) -> bool:
        """Wait until ``reached``; say whether it was before the run ended."""
        while self.process.is_alive():
            if reached():
                return True
            time.sleep(0.005)
        return reached()

    def answer(self) -> dict[str, Any]:
        """Wait for the end, and return what the module answers. All that it printed is under ``text``."""
        self.process.join(PATIENCE)
        assert not self.process.is_alive(), "hangs"
        text = self.output.read_text(encoding="utf-8")
        assert text.strip(), f"ended with {self.process.exitcode} and no word"
        assert "Traceback" not in text, text
        return {**json.loads(text.splitlines()[-1]), "text": text}


@dataclass
class BucketPair:
    """A source, a target, and the manifest of the mirror between them."""

    source: Bucket
    target: Bucket
    folder: Path
    number: int = field(default_factory=lambda: next(_NUMBERS))

    @property
    def manifest(self) -> Path:
        return self.folder / f"proofs-{self.number}" / "manifest"

    def start(
        self, module: str = "s3_mirror", environment: Mapping[str, str] | None = None, **options: Any
    ) -> Run:
        """Start a module; ``None`` for an option leaves it out."""
        given = {"source": self.source.option, "target": self.target.option, "manifest": str(self.manifest)}
        if module == "s3_mirror":
            given["part_size"] = PART
        given = {name: value for name, value in (given | options).items() if value is not None}
        output = self.folder / f"output-{next(_NUMBERS)}"
        whole = {**os.environ, **(environment or {})}
        return Run(module_process.start(module, given, whole, output), output)

    def run(self, module: str = "s3_mirror", **options: Any) -> dict[str, Any]:
        return self.start(module, **options).answer()

    def assert_whole(self, *, uploads: int = 0) -> None:
        """Look at both sides with a client of our own and by the module; so many ``uploads`` may stay."""
        assert self.target.everything() == self.source.everything()
        for source in (self.source.option, None):
            assert self.run("s3_compare", source=source)["is_equal"]
        assert len(self.target.uploads()) <= uploads


class Store:
    """A SeaweedFS of the test's own, which can be crashed and started again on the same ports."""

    def __init__(self, folder: Path) -> None:
        self.at = ObjectStore(StorePorts(*free_ports(10)), folder / "data")
        self.at.initialise()
        self._log = folder / "store.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = self.at.program()
        with self._log.open("ab") as out:
            process = subprocess.Popen(
                program.command, env=dict(program.environment), stdout=out, stderr=out, start_new_session=True
            )
        self._process = process
        wait_until_ready(program, lambda: process.poll() is None, self._log)

    def crash(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def store(folder: Path) -> Iterator[Store]:
    """Run a store that can be crashed, for the length of a ``with`` block."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Store(folder)
    made.start()
    try:
        yield made
    finally:
        made.crash()
        made.at.remove_sockets()


@contextlib.contextmanager
def microburst(upstream: str, folder: Path) -> Iterator[tuple[int, Callable[[list[dict[str, Any]]], None]]]:
    """Run the fault proxy before ``upstream``: its port, and how to set its rules."""
    port = free_ports(1)[0]
    program = str(Path(sys.executable).parent / "microburst")
    with (folder / f"microburst-{port}.log").open("ab") as out:
        process = subprocess.Popen(
            [program, "--port", str(port), "--upstream", upstream],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )

    def ask(method: str, path: str, data: Any = None) -> None:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/_microburst/{path}", body, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                ask("GET", "health")
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield port, lambda rules: ask("POST", "rules", rules)
    finally:
        process.kill()
        process.wait()


def fill(bucket: Bucket, count: int, seed: int, *, large: int = 0) -> None:
    """Put small objects of many kinds into a bucket, and ``large`` ones of three parts."""
    chance = random.Random(seed)
    for number in range(count):
        body = chance.randbytes(chance.choice([0, 1, 100, 4096, 20_000]))
        more: dict[str, Any] = {
            "Metadata": {"number": str(number)},
            "ContentType": f"text/x-kind-{number % 5}",
        }
        if number % 7 == 0:
            more["Tagging"] = f"number={number}"
        bucket.put(f"part-{number % 4}/object-{number:04}", body, **more)
    for number in range(large):
        bucket.put(f"large/{number}", chance.randbytes(2 * PART + 12_345), Metadata={"large": str(number)})

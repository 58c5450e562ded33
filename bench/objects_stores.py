"""Two SeaweedFS servers for the benchmark: where they keep their files, how they are filled and looked at."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.distance import before
from bench.objects_data import DataSet, Item
from engines.objects.s3 import Endpoint, Store
from rehearsal.process import free_ports, running
from rehearsal.servers import ObjectStore, StorePorts

_WRITERS = 24
# A new bucket of SeaweedFS grows its volumes on its first writes, which is nobody's fault.
_WARMING = 32


@dataclass(frozen=True)
class Server:
    """A running store and the id of its process."""

    store: ObjectStore
    pid: int
    # Where it is reached, if not at its own address.
    url: str = ""

    @property
    def address(self) -> str:
        """Return the URL to reach it at."""
        return self.url or self.store.endpoint

    def endpoint(self, bucket: str) -> dict[str, str]:
        """Return a bucket of it as the modules' ``source`` and ``target`` are written."""
        keys = {"access_key": self.store.access_key, "secret_key": self.store.secret_key}
        return {"endpoint": self.address, "bucket": bucket, **keys}

    def found(self, bucket: str) -> tuple[int, int]:
        """Return how many objects a bucket holds, and their bytes; none for a bucket that is not there."""
        client, count, size = self.store.client(), 0, 0
        with contextlib.suppress(client.exceptions.NoSuchBucket):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                count += page["KeyCount"]
                size += sum(one["Size"] for one in page.get("Contents", ()))
        return count, size

    def filled(self, data: DataSet) -> str:
        """Make sure that the bucket named after ``data`` holds it, and return its name."""
        if self.found(data.name) != (data.count, data.total):
            self.emptied(data.name)
            endpoint = Endpoint.from_options({"region": self.store.region, **self.endpoint(data.name)})
            with endpoint.connect() as target, ThreadPoolExecutor(_WRITERS) as writers:
                for _ in writers.map(lambda item: _put(target, item), data.items()):
                    pass
        return data.name

    def emptied(self, bucket: str) -> str:
        """Make a bucket anew, ready to take objects, and return its name."""
        self.remove(bucket)
        client = self.store.client()
        client.create_bucket(Bucket=bucket)
        for number in range(_WARMING):
            client.put_object(Bucket=bucket, Key=f"warming-{number}", Body=b"warm")
            client.delete_object(Bucket=bucket, Key=f"warming-{number}")
        return bucket

    def remove(self, bucket: str) -> None:
        """Delete a bucket with all it holds, if it is there."""
        client = self.store.client()
        with contextlib.suppress(client.exceptions.NoSuchBucket):
            client.delete_bucket(Bucket=bucket)


def _put(target: Store, item: Item) -> None:
    target.call("PutObject", "PUT", item.key, headers=item.headers, body=item.body).read()


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[tuple[Server, Server]]:
    """Run the source store and the target store, with their files under ``folder``, on free ports."""
    with contextlib.ExitStack() as stack:
        yield (
            stack.enter_context(_server(folder / "source")),
            stack.enter_context(_server(folder / "target")),
        )


@contextlib.contextmanager
def far_away(server: Server) -> Iterator[Server]:
    """Yield a server as it is from afar."""
    with before(urlsplit(server.store.endpoint).port or 0) as distance:
        yield replace(server, url=f"http://127.0.0.1:{distance.port}")


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Server]:
    store = ObjectStore(_ports(folder / "ports.json"), folder / "data")
    store.initialise()
    try:
        with running(store.program(), folder / "store.log") as process:
            yield Server(store, process.pid)
    finally:
        store.remove_sockets()


def _ports(file: Path) -> StorePorts:
    """Return the ports of a store, the same each time: they are part of what a manifest is about."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(free_ports(10)), encoding="utf-8")
    return StorePorts(*json.loads(file.read_text(encoding="utf-8")))

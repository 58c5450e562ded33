"""Who writes, and where: recording proxies for AWS and the source store, counters for both databases."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from rehearsal.recording import Recorder, recording

SERVERS = ("source_postgres", "target_postgres")


@dataclass(frozen=True)
class Watch:
    """``options`` lead a playbook through the proxies."""

    aws: Recorder
    store: Recorder
    ports: Mapping[str, int]
    passwords: Mapping[str, str]
    manifests: Path

    @property
    def options(self) -> Sequence[str]:
        """What is given to ansible-playbook."""
        keys = {"access_key": "minioadmin", "secret_key": self.passwords["object_store"]}
        variables = {
            "platform_aws_endpoint": self.aws.endpoint,
            "platform_source_store": {"endpoint": self.store.endpoint, "region": "us-east-1", **keys},
            # Proofs are of a store by its address, and the proxy has another.
            "storage_manifest_dir": str(self.manifests),
        }
        return ("--extra-vars", json.dumps(variables))

    def transactions(self) -> tuple[int, ...]:
        """Return the next transaction id of each server.

        Every transaction that changes anything takes one, whatever it changes. A reading one takes none.
        """
        return tuple(_next_transaction(_superuser(self.ports, self.passwords, server)) for server in SERVERS)


@contextmanager
def watched(ports: Mapping[str, int], passwords: Mapping[str, str], manifests: Path) -> Iterator[Watch]:
    """Record what is asked of the target and of the source store, for the length of a ``with`` block."""
    for server in SERVERS:
        _quieten(_superuser(ports, passwords, server))
    with (
        recording(f"http://127.0.0.1:{ports['aws']}") as aws,
        recording(f"http://127.0.0.1:{ports['object_store']}") as store,
    ):
        yield Watch(aws, store, ports, passwords, manifests)


def _next_transaction(address: str) -> int:
    with psycopg.connect(address, autocommit=True) as session:
        row = session.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone()
    assert row is not None
    return int(row[0])


def _quieten(address: str) -> None:
    """Let the server write nothing of its own accord: its vacuum takes transaction ids, too."""
    with psycopg.connect(address, autocommit=True) as session:
        session.execute("ALTER SYSTEM SET autovacuum = off")
        session.execute("SELECT pg_reload_conf()")
        running = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
        while session.execute(running).fetchone() != (0,):
            time.sleep(0.1)


def _superuser(ports: Mapping[str, int], passwords: Mapping[str, str], server: str) -> str:
    # In the target the password that is given is the owner's, as on RDS, where nobody is superuser.
    password = passwords["source_database"] if server == "source_postgres" else "postgres"
    return f"postgresql://postgres:{password}@127.0.0.1:{ports[server]}/postgres"

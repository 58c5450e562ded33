"""The holder of a fence whose source has stopped answering: it says so, ends, and lets everybody write."""

from __future__ import annotations

import json
import threading

import pytest

from engines import fence
from engines.fence import FenceError, FenceLapsedError, holder
from engines.runs import processes
from rehearsal.servers import postgres
from tests.engines.fence.conftest import REFUSED, TABLES, WRITES, Source, holder_of, holders, wait_until
from tests.stopped_server import stopped

# That of a run, but for its patience.
_HURRIED = """
from engines.postgres.session import silence
silence.EVERY, silence.CONNECT, silence.PATIENCE = 0.2, 4, 8.0
from engines.fence import holder
holder.main()
"""


@pytest.fixture
def silent(servers, tmp_path, monkeypatch):
    """Yield a source on a server of its own, whose fence is held by somebody in a hurry."""
    monkeypatch.setenv("BMII_EVENTS", str(tmp_path / "events"))
    monkeypatch.setattr(holder, "_PROGRAM", ("-P", "-c", _HURRIED, holder.__name__))
    with postgres.server(tmp_path / "server") as server:
        server.create_database("silent")
        source = Source(server, "silent")
        with source.session() as session:
            session.execute(TABLES)
        yield source
        source.run.kill()
        source.run.wait()
        wait_until(lambda: not holders(source))


def told(tmp_path) -> list[str]:
    lines = (tmp_path / "events").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["kind"] for line in lines]


def test_a_fence_ends_with_a_source_that_does_not_answer(silent: Source, tmp_path) -> None:
    # Renewed after some seconds, which nobody answers.
    terms = silent.terms(lease=10)
    fence.put_up(silent.address, terms, silent.owner)
    assert silent.write(WRITES[0]) == REFUSED
    pid = holder_of(silent)
    with stopped(silent.server):
        wait_until(lambda: not processes.start_time(pid))
    assert "postgres.silent" in told(tmp_path)
    with pytest.raises(FenceLapsedError, match="has opened"):
        fence.keep(terms.run_id)
    wait_until(lambda: silent.write(WRITES[0]) == "")


def test_one_that_is_being_put_up_says_why_it_does_not_stand(silent: Source, tmp_path) -> None:
    outcome = []
    with silent.session() as writer:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO plain (v) VALUES ('slow')")

        def put_up() -> None:
            try:
                fence.put_up(silent.address, silent.terms(patience=60), silent.owner)
            except FenceError as error:
                outcome.append(error)

        waiting = threading.Thread(target=put_up)
        waiting.start()
        wait_until(lambda: len(silent.leftovers()) > 0)
        with stopped(silent.server):
            waiting.join(90)
        writer.execute("ROLLBACK")
    assert "has not answered for" in str(outcome[0])
    wait_until(lambda: silent.write(WRITES[0]) == "")

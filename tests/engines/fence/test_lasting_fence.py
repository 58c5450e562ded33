"""A fence that outlives its session: who may take it over or open it, and what keeps it from lasting."""

from __future__ import annotations

import os
import signal

import psycopg
import pytest

from engines import fence
from engines.fence import (
    FenceBusyError,
    FenceForeignError,
    FenceLapsedError,
)
from engines.runs import processes
from tests.engines.fence.conftest import REFUSED, WRITES, Source, holder_of, holders, wait_until


def test_lasting_it_needs_no_session_and_is_lifted_by_name(source: Source) -> None:
    terms = source.terms()
    fence.put_up(source.address, terms, source.owner)
    fence.keep(terms.run_id)
    wait_until(lambda: not holders(source))
    source.run.kill()
    source.run.wait()
    assert source.write(WRITES[0], "SET session_replication_role = replica") == REFUSED
    found = fence.inspect(source.address, terms)
    assert (found.mode, found.environment, found.refuses) == ("lasting", "staging", True)
    with (
        source.session() as session,
        pytest.raises(psycopg.Error, match=r"it was moved to staging") as refused,
    ):
        session.execute(WRITES[0])
    assert "playbooks/unfence.yml" in refused.value.diag.message_hint
    assert fence.lift(source.address, terms) == []
    assert (source.leftovers(), source.write(WRITES[0])) == ([], "")
    assert fence.lift(source.address, terms) == []


def test_a_lasting_one_is_taken_over_without_a_gap_by_its_own_environment(source: Source) -> None:
    first = source.terms()
    fence.put_up(source.address, first, source.owner)
    fence.keep(first.run_id)
    with pytest.raises(FenceForeignError, match=r"moved to staging by run"):
        fence.put_up(source.address, source.terms(environment="production"), source.owner)
    assert source.write(WRITES[0]) == REFUSED
    again = source.terms()
    assert fence.put_up(source.address, again, source.owner).mode == "held"
    assert source.write(WRITES[0]) == REFUSED
    assert fence.let_go(again.run_id) == []
    assert source.write(WRITES[0]) == ""


@pytest.mark.parametrize("other", [{"environment": "production"}, {"ledger": "state-of-another-account"}])
def test_a_lasting_one_is_not_opened_by_another_environment(source: Source, other: dict[str, str]) -> None:
    first = source.terms(ledger="state")
    fence.put_up(source.address, first, source.owner)
    fence.keep(first.run_id)
    terms = source.terms(**other)
    assert not fence.inspect(source.address, terms).is_of(terms)
    with pytest.raises(
        FenceForeignError, match=r"moved to staging \(state bucket state\).*unfence.yml of staging"
    ):
        fence.lift(source.address, terms)
    with pytest.raises(FenceForeignError):
        fence.put_up(source.address, terms, source.owner)
    assert source.write(WRITES[0]) == REFUSED
    assert fence.lift(source.address, source.terms()) == []


def test_who_has_passed_an_open_one_is_waited_for(source: Source) -> None:
    """Of a table that is read, the trigger could not be dropped: it lets all pass, and is there already."""
    terms = source.terms(patience=1)
    fence.put_up(source.address, terms, source.owner)
    with source.session() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM plain")
        assert fence.let_go(terms.run_id) == ["public.plain"]
    with source.session() as writer:
        writer.execute("BEGIN")
        writer.execute(WRITES[0])
        with pytest.raises(FenceBusyError, match=r"database fenced_\d+"):
            fence.put_up(source.address, source.terms(patience=1), source.owner)
        writer.execute("COMMIT")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE parts_3 PARTITION OF parts_1 FOR VALUES IN (5)",
        "DROP TRIGGER bmii_migrate_fence ON plain",
    ],
)
def test_what_took_writes_unseen_keeps_it_from_lasting(source: Source, statement: str) -> None:
    terms = source.terms()
    fence.put_up(source.address, terms, source.owner)
    with source.session() as session:
        session.execute(statement)
    with pytest.raises(FenceLapsedError, match="has opened"):
        fence.keep(terms.run_id)
    assert fence.let_go(terms.run_id) == []


def test_a_run_that_was_cut_off_leaves_the_lasting_one_of_the_next_run_alone(source: Source) -> None:
    """A machine that slept comes back after another has moved the users: its holder removes only its own."""
    asleep = source.terms(lease=20)
    fence.put_up(source.address, asleep, source.owner)
    pid = holder_of(source)
    os.kill(pid, signal.SIGSTOP)
    with source.session() as session:
        session.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", [holders(source)])
    wait_until(lambda: not holders(source))
    moved = source.terms()
    fence.put_up(source.address, moved, source.owner)
    fence.keep(moved.run_id)
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not processes.start_time(pid))
    found = fence.inspect(source.address, moved)
    assert (found.mode, found.run_id, source.write(WRITES[0])) == ("lasting", moved.run_id, REFUSED)

"""The fence around a real database: what it refuses, whom it waits for, and when it opens."""

from __future__ import annotations

import os
import signal
import threading
import time

import psycopg
import pytest

from engines import fence
from engines.fence import (
    FenceBusyError,
    FenceError,
    FenceForeignError,
    FenceImpossibleError,
    FenceLapsedError,
    Found,
    apply,
    holder,
    plan,
)
from engines.postgres.session import parse, session
from engines.runs import processes
from tests.engines.fence.conftest import REFUSED, WRITES, Source, holder_of, holders, wait_until


def test_every_write_is_refused_and_nothing_else(source: Source) -> None:
    before = source.rows()
    found = fence.put_up(source.address, source.terms(), source.owner)
    assert (found.mode, found.refuses, found.bare) == ("held", True, ())
    assert len(found.tables) == 9
    assert {statement: source.write(statement) for statement in WRITES} == dict.fromkeys(WRITES, REFUSED)
    assert source.write("SELECT * FROM plain FOR UPDATE") == "", "it reads"
    assert source.rows() == before


@pytest.mark.parametrize("statement", ["INSERT INTO plain (v) VALUES ('late')", "TRUNCATE parts_2"])
def test_the_role_of_a_replica_does_not_pass_either(source: Source, statement: str) -> None:
    fence.put_up(source.address, source.terms(), source.owner)
    assert source.write(statement, "SET session_replication_role = replica") == REFUSED


def test_a_foreign_search_path_and_operator_change_nothing(source: Source) -> None:
    with source.session() as session:
        arguments = "timestamptz, timestamptz"
        session.execute(f"CREATE FUNCTION never({arguments}) RETURNS bool LANGUAGE sql AS 'SELECT false'")
        session.execute("CREATE OPERATOR < (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = never)")
    fence.put_up(source.address, source.terms(), source.owner)
    assert source.write(WRITES[0], "SET search_path = public, pg_catalog") == REFUSED


def test_a_transaction_that_began_before_is_refused_at_its_first_write(source: Source) -> None:
    with source.session() as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT count(*) FROM plain")
        fence.put_up(source.address, source.terms(), source.owner)
        with pytest.raises(
            psycopg.errors.ReadOnlySqlTransaction, match=r"closed for writing.*it moves to staging"
        ):
            session.execute("INSERT INTO plain (v) VALUES ('late')")


def test_it_is_taken_away_when_the_users_are_not_moved(source: Source) -> None:
    terms = source.terms()
    fence.put_up(source.address, terms, source.owner)
    assert fence.is_held(terms.run_id)
    assert fence.let_go(terms.run_id) == []
    assert not fence.is_held(terms.run_id)
    assert (source.leftovers(), source.write(WRITES[0])) == ([], "")
    assert fence.let_go(terms.run_id) is None


def test_it_is_put_up_once_in_a_run(source: Source) -> None:
    terms = source.terms()
    fence.put_up(source.address, terms, source.owner)
    held = holders(source)
    fence.put_up(source.address, terms, source.owner)
    assert holders(source) == held
    with pytest.raises(FenceForeignError, match=f"run {terms.run_id} holds its fence"):
        fence.put_up(source.address, source.terms(), source.owner)
    with pytest.raises(FenceForeignError, match="End that run"):
        fence.lift(source.address, source.terms())


def test_who_does_not_hold_it_cannot_remove_it(source: Source) -> None:
    fence.put_up(source.address, source.terms(), source.owner)
    with (
        session(source.address) as another,
        pytest.raises(FenceForeignError, match="holds its fence"),
    ):
        apply.remove(another, source.terms())
    assert source.write(WRITES[0]) == REFUSED


def test_of_two_runs_that_put_it_up_at_once_one_does(source: Source) -> None:
    """The other has changed nothing: removing its own, it would have opened the one that stands."""
    first, second, outcome = source.terms(patience=60), source.terms(patience=0.5), []
    with source.session() as writer:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO plain (v) VALUES ('in time')")

        def put_up() -> None:
            outcome.append(fence.put_up(source.address, first, source.owner))

        waiting = threading.Thread(target=put_up)
        waiting.start()
        wait_until(lambda: fence.inspect(source.address, first).run_id == first.run_id)
        with pytest.raises(FenceForeignError, match=f"run {first.run_id} puts up or removes its fence"):
            fence.put_up(source.address, second, source.owner)
        with pytest.raises(FenceForeignError, match="puts up or removes"):
            fence.lift(source.address, second)
        writer.execute("COMMIT")
        waiting.join()
    assert [found.run_id for found in outcome] == [first.run_id]
    assert (source.write(WRITES[0]), fence.is_held(first.run_id)) == (REFUSED, True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_fence_of_a_run_that_is_killed_goes_with_it(source: Source, how: int) -> None:
    fence.put_up(source.address, source.terms(), source.owner)
    source.run.send_signal(how)
    source.run.wait()
    wait_until(lambda: source.write(WRITES[0]) == "", 25)
    wait_until(lambda: source.leftovers() == [], 25)


def test_the_fence_of_a_holder_that_is_killed_refuses_nobody(source: Source) -> None:
    terms = source.terms()
    fence.put_up(source.address, terms, source.owner)
    os.kill(holder_of(source), signal.SIGKILL)
    wait_until(lambda: source.write(WRITES[0]) == "", 25)
    assert source.leftovers(), "this test has lost its reason"
    with pytest.raises(FenceLapsedError, match="fence around the source has opened"):
        fence.keep(terms.run_id)
    assert not fence.inspect(source.address, terms).refuses
    # The next run takes over what is left of it.
    again = source.terms()
    fence.put_up(source.address, again, source.owner)
    assert source.write(WRITES[0]) == REFUSED
    fence.let_go(again.run_id)
    assert source.leftovers() == []


@pytest.mark.parametrize("frozen", ["run", "holder"])
def test_the_fence_of_who_shows_no_sign_of_life_opens_at_its_deadline(source: Source, frozen: str) -> None:
    terms = source.terms(lease=12)
    fence.put_up(source.address, terms, source.owner)
    pid = source.run.pid if frozen == "run" else holder_of(source)
    os.kill(pid, signal.SIGSTOP)
    assert source.write(WRITES[0]) == REFUSED
    wait_until(lambda: source.write(WRITES[0]) == "", 40)
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(FenceLapsedError):
        fence.keep(terms.run_id)


def test_it_stands_for_longer_than_its_lease(source: Source) -> None:
    fence.put_up(source.address, source.terms(lease=8), source.owner)
    time.sleep(8.5)
    assert source.write(WRITES[0]) == REFUSED


def test_it_does_not_stand_for_longer_than_its_limit(source: Source) -> None:
    terms = source.terms(lease=3, limit=8)
    fence.put_up(source.address, terms, source.owner)
    assert source.write(WRITES[0]) == REFUSED
    wait_until(lambda: source.leftovers() == [], 60)
    assert source.write(WRITES[0]) == ""


def test_who_writes_already_is_waited_for_and_counted_in(source: Source) -> None:
    with source.session() as session:
        session.execute("BEGIN")
        session.execute("INSERT INTO plain (v) VALUES ('in time')")
        ends = threading.Timer(1.5, lambda: session.execute("COMMIT"))
        ends.start()
        fence.put_up(source.address, source.terms(patience=20), source.owner)
        ends.join()
    assert source.rows()[0] == 2, "its row was not waited for"
    assert source.write(WRITES[0]) == REFUSED


def test_who_does_not_end_is_reported_by_name_and_the_fence_taken_away(source: Source) -> None:
    with source.session() as session:
        session.execute("SET application_name = 'nightly job'")
        session.execute("BEGIN")
        session.execute("INSERT INTO parts_2 VALUES (7, 70)")
        with pytest.raises(
            FenceBusyError, match=r"parts_2.*nightly job of postgres.*idle in transaction"
        ) as refused:
            fence.put_up(source.address, source.terms(patience=1), source.owner)
        assert str(session.info.backend_pid) in refused.value.details[0]
        # Of a table that is in use the trigger cannot be dropped; it lets everything pass.
        assert [source.write(each) for each in WRITES[:3]] == ["", "", ""]
        session.execute("COMMIT")
    assert fence.lift(source.address, source.terms()) == []
    assert source.leftovers() == []


def test_who_is_idle_is_ended_only_by_consent(source: Source) -> None:
    with source.session() as session:
        session.execute("BEGIN")
        session.execute("INSERT INTO plain (v) VALUES ('idle')")
        fence.put_up(source.address, source.terms(patience=1, end_idle=True), source.owner)
        with pytest.raises(psycopg.OperationalError):
            session.execute("COMMIT")
    assert source.write(WRITES[0]) == REFUSED
    assert source.rows()[0] == 1


def test_a_writer_that_passed_when_the_lock_is_asked_for_is_waited_for(source: Source) -> None:
    """Its trigger let it pass, since nobody held the fence yet: its transaction is what is waited for."""
    terms = source.terms()
    fence.put_up(source.address, terms, source.owner)
    os.kill(holder_of(source), signal.SIGKILL)
    wait_until(lambda: source.write(WRITES[0]) == "", 25)
    with source.session() as session:
        session.execute("BEGIN")
        session.execute(WRITES[0])
        with pytest.raises(FenceBusyError, match=r"database fenced_\d+"):
            fence.put_up(source.address, source.terms(patience=1), source.owner)
        session.execute("COMMIT")


def test_who_reads_a_table_whose_trigger_is_disabled_keeps_nobody_waiting(source: Source) -> None:
    terms = source.terms(patience=1)
    fence.put_up(source.address, terms, source.owner)
    with source.session() as reader:
        reader.execute("ALTER TABLE plain DISABLE TRIGGER bmii_migrate_fence")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM plain")
        assert fence.let_go(terms.run_id) == ["bmii_migrate_fence"]
        assert source.write(WRITES[0]) == ""
    assert fence.lift(source.address, terms) == []
    assert source.leftovers() == []


def test_why_it_could_not_be_put_up_is_reported(source: Source) -> None:
    with source.session() as session:
        session.execute("CREATE SCHEMA bmii_migrate_fence")
        session.execute("CREATE FUNCTION bmii_migrate_fence.refuse() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    with pytest.raises(FenceError, match="cannot change return type"):
        fence.put_up(source.address, source.terms(), source.owner)
    nowhere = parse(source.server.url("nowhere"))
    with pytest.raises(FenceError, match="the database does not exist"):
        holder._start(nowhere, source.terms(), source.owner)


def test_a_subscription_counts_while_its_worker_is_not_there(source: Source) -> None:
    with source.session() as session:
        session.execute(
            "CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1 dbname=none'"
            " PUBLICATION all_of_it WITH (connect = false)"
        )
        try:
            assert fence.inspect(source.address, source.terms()).subscriptions == ()
            session.execute("ALTER SUBSCRIPTION feed ENABLE")
            assert fence.inspect(source.address, source.terms()).subscriptions == ("feed",)
        finally:
            session.execute("ALTER SUBSCRIPTION feed DISABLE")
            session.execute("ALTER SUBSCRIPTION feed SET (slot_name = NONE)")
            session.execute("DROP SUBSCRIPTION feed")


def test_a_trigger_that_somebody_has_disabled_is_put_up_anew(source: Source) -> None:
    first = source.terms()
    fence.put_up(source.address, first, source.owner)
    fence.keep(first.run_id)
    with source.session() as session:
        session.execute("ALTER TABLE plain DISABLE TRIGGER bmii_migrate_fence")
    assert fence.inspect(source.address, first).bare == (("public", "plain"),)
    fence.put_up(source.address, source.terms(), source.owner)
    assert source.write(WRITES[0]) == REFUSED


def test_an_open_prepared_transaction_is_refused_by_name(source: Source) -> None:
    with source.session() as session:
        if session.execute("SHOW max_prepared_transactions").fetchone()[0] == "0":
            reported = Found(prepared=("orders-42",), database="d")
            with pytest.raises(FenceImpossibleError, match="prepared transaction orders-42 is open"):
                plan.require_possible(reported, source.terms())
            return
        session.execute("BEGIN")
        session.execute(WRITES[0])
        session.execute("PREPARE TRANSACTION 'orders-42'")
    with pytest.raises(FenceImpossibleError, match="prepared transaction orders-42 is open"):
        fence.put_up(source.address, source.terms(), source.owner)


def test_without_the_right_to_make_triggers_the_other_way_is_named(source: Source) -> None:
    source.server.create_role("only_reads", "canary-42f0")
    with source.session() as session:
        session.execute("GRANT pg_read_all_data TO only_reads")
    address = parse(source.server.url(source.name, "only_reads", "canary-42f0"))
    with pytest.raises(FenceImpossibleError, match=r"does not own.*default_transaction_read_only = on"):
        fence.put_up(address, source.terms(), source.owner)
    assert source.leftovers() == []


def test_no_password_is_in_a_command_line(source: Source) -> None:
    source.server.create_role("owner_of_all", "canary-42f0")
    with source.session() as session:
        session.execute("ALTER ROLE owner_of_all SUPERUSER")
    address = parse(source.server.url(source.name, "owner_of_all", "canary-42f0"))
    terms = source.terms()
    fence.put_up(address, terms, source.owner)
    assert "canary-42f0" not in " ".join(processes.command(holder_of(source)))


def test_acknowledged_writes_are_all_counted_and_none_comes_after(source: Source) -> None:
    """Writers under load: what was acknowledged is in the count that is taken once the fence stands."""
    acknowledged, stop = [], threading.Event()

    def writer() -> None:
        with source.session() as session:
            while not stop.is_set():
                try:
                    session.execute("INSERT INTO plain (v) VALUES ('load')")
                except psycopg.Error:
                    return
                acknowledged.append(1)

    writers = [threading.Thread(target=writer) for _ in range(4)]
    for each in writers:
        each.start()
    time.sleep(0.5)
    fence.put_up(source.address, source.terms(patience=30), source.owner)
    counted = source.rows()[0]
    time.sleep(0.5)
    stop.set()
    for each in writers:
        each.join()
    assert source.rows()[0] == counted == len(acknowledged) + 1

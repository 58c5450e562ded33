"""pg_clone and pg_compare as Ansible runs them: check, real, repeat; a password is nowhere to be seen."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from tests.library import modules

LIBRARY = Path(__file__).parents[2] / "library"
CANARY = "canary-7d1e"


def _run(name, *, check=False, **options):
    """Run a module with what Ansible would hand it; return its answer and all it printed."""
    return modules.call(name, options, check=check)


@pytest.fixture(scope="module")
def ends(postgres_server):
    """Return the options of two databases, the target's by reference."""
    postgres_server.create_role("module_user", CANARY)
    postgres_server.create_database("module_source")
    postgres_server.create_database("module_target", owner="module_user")
    with psycopg.connect(postgres_server.url("module_source"), autocommit=True) as session:
        session.execute("CREATE TABLE t (id serial PRIMARY KEY, v text)")
        session.execute("INSERT INTO t (v) SELECT i FROM generate_series(1, 100) i")
        # Or autovacuum would, between the plan and the run, and change the estimate that both show.
        session.execute("ANALYZE")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TARGET_URL", postgres_server.url("module_target", "module_user", CANARY))
        yield {"source": postgres_server.url("module_source"), "target": "env:TARGET_URL"}


@pytest.fixture(scope="module")
def beats(ends):
    """Four beats of the same request, and a comparison between them."""
    return {
        "check": _run("pg_clone", check=True, **ends),
        "before": _run("pg_compare", require_equal=False, **ends),
        "gate": _run("pg_compare", **ends),
        "real": _run("pg_clone", **ends),
        "repeat": _run("pg_clone", **ends),
        "check_again": _run("pg_clone", check=True, **ends),
        "compare": _run("pg_compare", **ends),
    }


def test_check_says_what_the_run_does(beats):
    check, real = beats["check"][0], beats["real"][0]
    assert check["changed"]
    assert real["changed"]
    assert check["diff"] == real["diff"]
    assert check["plan"] == real["plan"] != []
    assert (check["rows"], real["rows"]) == (0, 100)
    assert [(one["name"], one["action"], one["rows"]) for one in real["tables"]] == [("t", "copy", 100)]


def test_a_second_run_changes_nothing(beats):
    for name in ("repeat", "check_again"):
        answer = beats[name][0]
        assert not answer["changed"]
        assert answer["diff"] == {"before": "", "after": ""}
        assert answer["situation"] == "complete"


def test_the_comparison_is_a_gate_unless_disabled(beats):
    before, gate, after = (beats[name][0] for name in ("before", "gate", "compare"))
    assert not before["equal"]
    assert gate["failed"]
    assert "table public.t: it, or a column of it, is not on the target" in gate["details"]
    assert after["equal"]
    assert not after["changed"]
    assert after["counts"]["rows"] == 100
    assert after["evidence"]["tables"]["public.t"]["rows"] == 100
    assert after["report"][1].split() == ["public.t", "100", "100", "equal"]


def test_a_comparison_is_the_same_in_check_mode_and_reports_where(beats, ends, postgres_server):
    with psycopg.connect(postgres_server.url("module_target"), autocommit=True) as session:
        session.execute("UPDATE t SET v = 'a private value' WHERE id = 7")
    real, checked = (_run("pg_compare", check=check, **ends) for check in (False, True))
    with psycopg.connect(postgres_server.url("module_target"), autocommit=True) as session:
        session.execute("UPDATE t SET v = '7' WHERE id = 7")
    line = "table public.t: 100 rows on both sides, with other values (1 changed; changed at id 7)"
    for answer, printed in (real, checked):
        assert answer["failed"]
        assert answer["details"] == [line]
        assert f"1 difference: {line}" in answer["msg"]
        assert "private" not in printed


def test_no_password_is_printed(beats, ends, postgres_server):
    for _, printed in beats.values():
        assert CANARY not in printed
    wrong = postgres_server.url("module_target", "module_user", f"{CANARY}-wrong")
    answer, printed = _run("pg_clone", source=ends["source"], target=wrong)
    assert "wrong user or password" in answer["msg"]
    assert f"{CANARY}-wrong" not in printed.replace(json.dumps(wrong), "")


def test_a_plan_does_without_a_target(ends, aws, postgres_server):
    for target in ("ssm:/nowhere/DATABASE_URL", postgres_server.url("nowhere")):
        planned, _ = _run("pg_clone", check=True, source=ends["source"], target=target)
        assert planned["situation"] == "absent"
        assert planned["changed"]
        failed, _ = _run("pg_clone", source=ends["source"], target=target)
        assert "does not exist" in failed["msg"]


def test_rows_of_others_are_refused_and_replaced_by_consent(beats, ends, postgres_server):
    with psycopg.connect(postgres_server.url("module_target"), autocommit=True) as session:
        session.execute("UPDATE t SET v = 'mine' WHERE id = 1")
    refused, _ = _run("pg_clone", **ends)
    assert refused["failed"]
    assert refused["details"] == ["table public.t"]
    replaced, _ = _run("pg_clone", on_target_rows="replace", consent="module_target", **ends)
    assert replaced["changed"]
    assert _run("pg_compare", **ends)[0]["equal"]

"""The word at the end, and what it rests on."""

from __future__ import annotations

from typing import Any

import pytest

from engines.display import Failure, Screen, facts, failure_lines, plain, take, verdict

COMPARE = {
    "equal": True,
    "counts": {"tables": 2, "tables_equal": 2, "rows": 7},
    "evidence": {"algorithm": "a"},
}


def run(*events: dict[str, Any], playbook: str = "migrate", check: bool = False, ends: bool = True) -> Screen:
    screen = Screen()
    started = {
        "kind": "run.started",
        "playbook": playbook,
        "check": check,
        "command": "ansible-playbook playbooks/x.yml --check --diff"
        if check
        else "ansible-playbook playbooks/x.yml",
        "phases": [{"name": "database", "title": "Copy"}, {"name": "outputs", "title": "Report"}],
    }
    last = [{"kind": "run.ended", "totals": {}}] if ends else []
    stream = [
        started,
        {"kind": "phase.started", "name": "database"},
        {"kind": "task.started", "task": "Copy"},
    ]
    for at, event in enumerate([*stream, *events, *last]):
        take(screen, {"at": at + 1.0, **event})
    return screen


def ended(action: str, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "task.ended",
        "action": action,
        "changed": result.get("changed", False),
        "facts": facts(action, result),
    }


def failed(**fields: Any) -> dict[str, Any]:
    failure = {"phase": "database", "task": "Copy", "place": "", "what": "broke", **fields}
    return {"kind": "failed", "failure": failure}


@pytest.mark.parametrize(
    ("screen", "word"),
    [
        (run({"kind": "task.ended", "changed": True}), "MIGRATED"),
        (run(), "NOTHING TO DO"),
        (run(check=True), "PLANNED: nothing to do"),
        (run({"kind": "task.ended", "changed": True}, check=True), "PLANNED: nothing was changed"),
        (run(failed()), "FAILED"),
        (run(failed(refused=True)), "REFUSED: nothing was changed"),
        (run({"kind": "task.ended", "changed": True}, failed(refused=True)), "FAILED"),
        (run(failed(restored=True)), "FAILED, AND ROLLED BACK"),
        (run(playbook="rollback"), "ROLLED BACK"),
        (run(ended("pg_compare", COMPARE), playbook="verify"), "VERIFIED: source and target are equal"),
        (
            run(ended("pg_compare", {**COMPARE, "equal": False}), playbook="verify"),
            "DIFFERENT: see the lines above",
        ),
        (run(playbook="database"), "NOTHING TO DO"),
        (run({"kind": "task.ended", "changed": True}, playbook="database"), "DONE"),
        (run(ends=False), "INTERRUPTED"),
        (run(failed(), playbook="status"), "FAILED"),
    ],
)
def test_the_word(screen: Screen, word: str) -> None:
    found = verdict(screen)
    assert found is not None
    assert found.word == word


def test_what_only_reports_has_no_verdict() -> None:
    assert verdict(run(playbook="status")) is None


def test_a_plan_names_the_command_that_carries_it_out() -> None:
    found = verdict(run(check=True))
    assert found is not None
    assert dict(found.rows)["next"] == "ansible-playbook playbooks/x.yml"


def test_copies_of_one_run_add_up_and_the_proof_by_content_stays() -> None:
    def mirror(copied: int) -> dict[str, Any]:
        return ended(
            "s3_mirror", {"changed": copied > 0, "buckets": {"b": {"copied": copied, "bytes": copied}}}
        )

    def compare(mode: str, missing: int) -> dict[str, Any]:
        one = {"counts": {"equal": 5, "missing": missing}, "evidence": {"mode": mode, "bytes": 9}}
        return ended("s3_compare", {"buckets": {"b": one}})

    screen = run(mirror(5), compare("content", 0), mirror(1), mirror(0), compare("listing", 0))
    found = verdict(screen)
    assert found is not None
    assert dict(found.rows)["moved"] == "6 objects (6 B)"
    assert "equal by SHA-256" in dict(found.rows)["proven"]
    late = verdict(run(compare("content", 0), compare("listing", 2), playbook="verify"))
    assert late is not None
    assert late.word.startswith("DIFFERENT")


def test_a_failure_reports_once_what_where_cause_and_remedy() -> None:
    result = {
        "failed": True,
        "msg": "release bmii:2: did not start. Correct the image.",
        "remedy": "Correct the image.",
        "details": {
            "explanation": {"stopped": "exit code 1", "log": ["no module x"]},
            "restored": {"verified": True},
        },
    }
    failure = Failure.of("deploy", "Deploy the image", "roles/deploy/tasks/release.yml:2", result)
    text = "\n".join(plain(line) for line in failure_lines(failure, 80, ".cache/log/1.log"))
    assert failure.restored
    assert text.splitlines()[0] == "Failed: Deploy the image"
    assert text.count("Correct the image.") == 1
    for part in (
        "did not start.",
        "roles/deploy/tasks/release.yml:2",
        "stopped: exit code 1",
        ".cache/log/1.log",
    ):
        assert part in text


def test_the_verdict_says_where_the_domain_leads() -> None:
    said = "bmii.example.org still leads elsewhere (A 192.0.2.1)"
    found = verdict(run(ended("ledger", {"outputs": {"domain": said}}), playbook="migrate"))
    assert found is not None
    assert dict(found.rows)["domain"] == said


def test_a_hidden_result_stays_hidden() -> None:
    result = {"censored": "the output has been hidden", "msg": "canary-1", "failed": True}
    failure = Failure.of("provision", "Write secrets", "", result)
    assert "canary-1" not in str(failure)
    assert "no_log" in failure.what
    assert facts("ledger", {**result, "run_id": "canary-1"}) is None


def test_failed_items_of_a_loop_are_each_reported_once() -> None:
    items = [
        {"failed": True, "msg": "a"},
        {"failed": True, "msg": "a"},
        {"msg": "fine"},
        {"failed": True, "msg": "b"},
    ]
    failure = Failure.of("x", "t", "", {"failed": True, "msg": "One or more items failed", "results": items})
    assert failure.what == "a\nb"


def test_what_asserts_or_refuses_is_a_refusal() -> None:
    assert Failure.of("x", "t", "", {"failed": True, "msg": "no", "assertion": "a == b"}).refused
    assert Failure.of("x", "t", "", {"failed": True, "msg": "no", "refused": True}).refused
    assert not Failure.of("x", "t", "", {"failed": True, "msg": "no"}).refused


def test_a_full_temporary_folder_is_reported_instead_of_what_ansible_makes_of_it() -> None:
    result = {
        "failed": True,
        "msg": "Module result deserialization failed: No start of json char found",
        "module_stderr": "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n",
    }
    failure = Failure.of("database", "Copy", "", result)
    assert "there is no room left on its disk" in failure.what
    assert "TMPDIR" in failure.remedy
    assert not failure.cause

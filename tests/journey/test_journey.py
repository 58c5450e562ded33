"""The README's commands, typed in a fresh clone with an empty home: the whole journey and the way out."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from botocore.exceptions import ClientError

from rehearsal.process import free_ports
from rehearsal.recording import Call
from rehearsal.stack import MARK
from tests.journey import tls
from tests.journey.clone import PASSWORDS, VAULT_PASSWORD, Clone, processes_of
from tests.journey.secrecy import Lookout, reported_by
from tests.journey.watch import Watch, watched

ROOT = Path(__file__).parents[2]
PROGRAMS = (
    "source_postgres",
    "target_postgres",
    "object_store",
    "object_store_master",
    "object_store_volume",
    "object_store_filer",
    "service",
    "aws",
    "aws_tls",
)
WRONG = f"canary-that-opens-nothing-{secrets.token_hex(8)}"
STORE = {"endpoint": "http://127.0.0.1:1", "region": "us-east-1", "access_key": "minioadmin"}
PHASES = ("provision", "database", "storage", "container", "deploy")

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1800)]


def recap(output: str) -> dict[str, int]:
    """Return the counts of the play recap's line."""
    line = re.findall(r"^localhost\s+:(.*)$", output, re.MULTILINE)[-1]
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}


@pytest.fixture(scope="module")
def clone(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    folder = tmp_path_factory.mktemp("journey") / "bmii-migrate"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    kept = ("PIP_", "UV_", "SSL_", "REQUESTS_", "http", "HTTP", "LANG", "LC_")
    environment = {
        name: value for name, value in os.environ.items() if name == "PYTHON" or name.startswith(kept)
    }
    home = tmp_path_factory.mktemp("home")
    path = [each for each in os.environ["PATH"].split(os.pathsep) if not each.startswith(str(ROOT))]
    vault = tmp_path_factory.mktemp("vault") / "password"
    vault.write_text(VAULT_PASSWORD, encoding="utf-8")
    environment |= {"HOME": str(home), "PATH": os.pathsep.join(path)}
    # What this checkout's `make setup` has unpacked need not be fetched again.
    environment.setdefault("UV_CACHE_DIR", str(Path.home() / ".cache/uv"))
    environment |= {"TMPDIR": str(tmp_path_factory.mktemp("tmp")), "ANSIBLE_VAULT_PASSWORD_FILE": str(vault)}
    # What somebody who works with AWS has exported must not reach the rehearsal.
    environment |= {"AWS_PROFILE": "of-the-user", "AWS_SESSION_TOKEN": "of-the-user"}
    environment |= {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    ports = dict(zip(PROGRAMS, free_ports(len(PROGRAMS)), strict=True))
    # Every run is held to the policy that the documentation gives the operator.
    policy = str(folder / "docs/reference/operator-policy.json")
    variables = {"local_stack_ports": ports, "local_stack_operator_policy": policy}
    (folder / ".ports.json").write_text(json.dumps(variables), encoding="utf-8")
    vaulted = VaultLib([("default", VaultSecret(VAULT_PASSWORD.encode()))])
    encrypted = vaulted.encrypt(json.dumps({"local_stack_passwords": PASSWORDS}))
    (folder / ".passwords.yml").write_bytes(encrypted)
    clone = Clone(folder, environment, ports)
    yield clone
    if (folder / ".rehearsal").exists():
        clone.make("stack-down")


@dataclass(frozen=True)
class Planned:
    """What a plan of the empty account printed and kept, and the writes that it made."""

    output: str
    summary: dict[str, Any]
    watch: Watch
    transactions: tuple[tuple[int, ...], tuple[int, ...]]


@pytest.fixture(scope="module")
def planned(clone: Clone) -> Iterator[Planned]:
    clone.make("stack-up")
    # What the installation has downloaded: some ten thousand files, which nobody needs to search for secrets.
    shutil.rmtree(clone.home / ".cache", ignore_errors=True)
    kept = clone.folder / ".plan.json"
    with watched(clone.ports, PASSWORDS, clone.folder / ".manifests") as watch:
        before = watch.transactions()
        output = clone.playbook("migrate", "--check", "--diff", f"-eplan_json={kept}", *watch.options)
        summary = json.loads(kept.read_text(encoding="utf-8"))
        yield Planned(output, summary, watch, (before, watch.transactions()))


@pytest.fixture(scope="module")
def overlooked(clone: Clone, planned: Planned) -> tuple[str, Lookout]:
    """Return what the first run printed, at its most talkative, and who could see what meanwhile."""
    with Lookout(clone.temporary, clone.home) as lookout:
        output = clone.make("migrate", "-vvvv")
    return output, lookout


@pytest.fixture(scope="module")
def first_run(overlooked: tuple[str, Lookout]) -> str:
    return overlooked[0]


def besides_relays(calls: list[Call]) -> list[Call]:
    """Leave out the relays' beginnings and ends: what reaches the database starts one, and no plan does."""
    assert {"ecs:RunTask", "ecs:StopTask"} <= {call.action for call in calls}
    return [call for call in calls if call.action not in {"ecs:RunTask", "ecs:StopTask"}]


def test_a_plan_of_an_empty_account_writes_nothing(planned: Planned) -> None:
    assert recap(planned.output)["failed"] == 0
    assert len(planned.watch.aws.calls) > 10
    assert len(planned.watch.store.calls) >= 4
    assert planned.watch.aws.writes == []
    assert planned.watch.store.writes == []
    assert planned.transactions[0] == planned.transactions[1]


def test_a_plan_of_an_empty_account_is_whole(planned: Planned) -> None:
    for part in ("INFRASTRUCTURE", "SECRETS", "DATABASE", "BUCKETS", "IMAGE", "SERVICE", "IRREVERSIBLE"):
        assert re.search(rf"^ *{part}\b", planned.output, re.MULTILINE), part
    for part in ("COST", "TRANSFER", "KNOWN AFTER APPLY"):
        assert re.search(rf"^ *{part}\b", planned.output, re.MULTILINE), part
    assert planned.output.count("A run in local (account 000000000000, us-east-1) would bring:") == 1


def test_a_fresh_clone_migrates(first_run: str) -> None:
    assert recap(first_run)["failed"] == 0
    assert recap(first_run)["changed"] > 0


def test_what_was_planned_was_done(clone: Clone, planned: Planned, first_run: str) -> None:
    """The plan of the empty account against what the run has built, asked by other means."""
    plan, done = planned.summary, clone.built()
    stack = plan["infrastructure"]
    assert {one["logical_id"] for one in stack["changes"]} == set(stack["resources"]) == done.resources
    assert {one["action"] for one in stack["changes"]} == {"add"}
    assert set(plan["secrets"]["create"]) == done.parameters
    assert plan["database"]["counted"]
    copied = {one["name"]: one["rows"] for one in plan["database"]["tables"]}
    assert {name: done.rows[name] for name in copied} == copied
    assert sum(copied.values()) == plan["database"]["rows"] > 0
    assert plan["database"]["revision"] == done.revision
    buckets = {one["bucket"]: (one["objects"], one["bytes"]) for one in plan["storage"]["buckets"]}
    assert buckets == done.objects
    [image] = done.images
    assert any(tag.removeprefix("source-") in plan["image"]["source_digest"] for tag in image)
    assert plan["service"]["actions"] == ["register a revision of bmii", "create service bmii"]
    service = plan["service"]
    assert done.service == (1, str(service["cpu"]), str(service["memory"]), service["tasks"])


def test_the_target_answers_as_the_source(clone: Clone, first_run: str) -> None:
    old_status, old = clone.rank(clone.source_url)
    new_status, new = clone.rank(clone.target_url, clone.api_key())
    assert (old_status, new_status) == (200, 200)
    assert new == old


def test_the_runs_were_held_to_the_operators_policy(clone: Clone, first_run: str) -> None:
    """They came as a user who may not do what no run does, such as delete the evidence of the runs."""
    shown = ("--module-name=ansible.builtin.debug", "--args=var=platform_aws_environment.AWS_CONFIG_FILE")
    reported = clone.run(".venv/bin/ansible", "localhost", *shown, *clone.variables)
    assert str(clone.folder / ".rehearsal/operator.cfg") in reported
    operator = clone.client("s3", clone.operator_keys())
    assert operator.list_objects_v2(Bucket="bmii-state")["KeyCount"] > 0
    for refused, about in (
        (operator.delete_object, {"Bucket": "bmii-state", "Key": "state.json"}),
        (operator.put_bucket_policy, {"Bucket": "bmii-raw", "Policy": "{}"}),
        (operator.create_bucket, {"Bucket": "of-another-name"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused(**about)


def test_the_database_is_reached_through_a_relay_alone(clone: Clone, first_run: str) -> None:
    if "answers (relay)" not in first_run:
        pytest.skip("this machine's PostgreSQL speaks no TLS")
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf"):
        clone.rankings("target_postgres", "bmii_admin")
    tasks = clone.client("ecs").list_tasks(cluster="bmii", startedBy="relay-bmii")["taskArns"]
    assert tasks == [], "a relay was left behind"


def test_users_are_served_by_a_domain_that_no_dns_knows(clone: Clone, first_run: str) -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(tls.DOMAIN, 443)
    assert clone.rank(clone.target_url, clone.api_key())[0] == 200
    [record] = [one for one in clone.records() if one["Type"] == "A"]
    [balancer] = clone.client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert record["AliasTarget"]["DNSName"] == f"{balancer['DNSName']}."


def test_without_the_key_it_does_not_answer(clone: Clone, first_run: str) -> None:
    assert clone.rank(clone.target_url)[0] == 401
    assert clone.rank(clone.target_url, "not-the-key")[0] in {401, 403}


def test_what_users_write_after_going_live_is_left_alone(clone: Clone, first_run: str) -> None:
    assert clone.rankings("source_postgres", "postgres") == 0, "the checks have written to the source"
    for _ in range(2):
        assert clone.rank(clone.target_url, clone.api_key(), record=True)[0] == 200
    assert clone.rank(clone.source_url, record=True)[0] >= 500, "the source was not closed for writing"
    before = clone.target_data()
    output = clone.make("migrate")
    assert (recap(output)["changed"], recap(output)["failed"]) == (0, 0)
    assert "The target database serves users, so its rows are not changed." in output
    assert "so nothing is copied: the objects of users must not be overwritten." in " ".join(output.split())
    assert clone.target_data() == before
    assert clone.rankings("target_postgres", "postgres") == 2
    assert clone.rankings("source_postgres", "postgres") == 0


def test_a_second_run_changes_nothing(clone: Clone, planned: Planned, first_run: str) -> None:
    """Nor does it write anything but what the ledger notes of it, and the relay that it starts and ends."""
    planned.watch.aws.forget()
    planned.watch.store.forget()
    before = planned.watch.transactions()
    again = recap(clone.playbook("migrate", *planned.watch.options))
    assert (again["changed"], again["failed"], again["unreachable"]) == (0, 0, 0)
    ledger = "arn:aws:s3:::bmii-state/"
    writes = besides_relays(planned.watch.aws.writes)
    assert writes, "the ledger has noted nothing"
    assert [call for call in writes if not call.resource.startswith(ledger)] == []
    assert planned.watch.store.writes == []
    assert planned.watch.transactions() == before


@pytest.mark.parametrize("phase", PHASES)
def test_each_phase_runs_alone(clone: Clone, first_run: str, phase: str) -> None:
    """By its tag; by its own playbook it runs in Molecule, twice."""
    by_tag = recap(clone.playbook("migrate", "--tags", phase))
    assert (by_tag["changed"], by_tag["failed"]) == (0, 0)
    assert by_tag["ok"] > 3, "the tag selected nothing"


def test_a_plan_of_a_finished_migration_is_empty(clone: Clone, planned: Planned, first_run: str) -> None:
    planned.watch.aws.forget()
    output = clone.playbook("migrate", "--check", "--diff", *planned.watch.options)
    assert (recap(output)["changed"], recap(output)["failed"]) == (0, 0)
    assert "A run would change nothing in local" in output
    assert planned.watch.aws.writes == []


def test_outputs_status_and_verify(clone: Clone, first_run: str) -> None:
    outputs = clone.playbook("outputs")
    assert clone.target_url in outputs
    assert re.search(r"verdict: live; bmii\.test leads to the load balancer", outputs)
    assert re.search(r"^\s*deploy +succeeded ", clone.playbook("status"), re.MULTILINE)
    assert recap(clone.playbook("verify"))["failed"] == 0


def test_no_secret_leaves_its_place(clone: Clone, overlooked: tuple[str, Lookout]) -> None:
    """Not in what is printed, in a process list, in a file that is left or was there, or in the account."""
    output, lookout = overlooked
    assert [name for name, value in clone.secrets().items() if value in output] == []
    assert lookout.seen(clone.secrets(), f"{MARK}={clone.folder}") == []
    assert clone.left_behind() == []
    shown = [*reported_by(clone.client, "bmii", ["bmii-state"])]
    assert len(shown) > 8
    assert [
        (where, name) for where, text in shown for name, value in clone.secrets().items() if value in text
    ] == []


@pytest.mark.parametrize(
    ("phase", "fault"),
    [
        (
            "provision",
            {"provision_secrets": [{"name": "API_KEY", "value": WRONG, "generate": {"length": 40}}]},
        ),
        ("provision", {"provision_database": {"name": "{{ platform_source_database.no }}"}}),
        (
            "database",
            {"platform_source_database": f"postgresql://postgres:{WRONG}@127.0.0.1:1/bio_bind_rank"},
        ),
        ("database", {"database_alembic_config": "/nowhere/alembic.ini"}),
        ("storage", {"platform_source_store": {**STORE, "secret_key": WRONG}}),
        ("deploy", {"deploy_target_group_arn": "none"}),
    ],
)
def test_a_run_that_fails_shows_no_secret(clone: Clone, first_run: str, phase: str, fault: Any) -> None:
    faults = clone.folder / ".fault.json"
    faults.write_text(json.dumps(fault), encoding="utf-8")
    with Lookout(clone.temporary, clone.home) as lookout:
        output = clone.failing(phase, f"--extra-vars=@{faults}", "-vvvv")
    faults.unlink()
    hidden = {**clone.secrets(), "the wrong one": WRONG}
    assert [name for name, value in hidden.items() if value in output] == []
    assert lookout.seen(hidden, f"{MARK}={clone.folder}") == []
    assert "Traceback" not in output
    assert clone.left_behind() == []


def test_what_somebody_changes_by_hand_is_reported(clone: Clone, planned: Planned, first_run: str) -> None:
    """A setting and the service: a run would bring the service back, and drift tells of the setting."""
    planned.watch.aws.forget()
    clone.tamper()
    reported = clone.playbook("drift", *planned.watch.options)
    assert re.search(r"LogGroup: modified\n +/RetentionInDays: 30 -> 7$", reported, re.MULTILINE)
    assert re.search(r"^ *SCHEMA  at revision \S+, as this checkout has it$", reported, re.MULTILINE), (
        reported[-4000:]
    )
    assert re.search(r"^ *DATA  \d+ of \d+ tables are equal", reported, re.MULTILINE)
    assert re.search(r"^ *BUCKETS  ", reported, re.MULTILINE)
    assert besides_relays(planned.watch.aws.writes) == []
    planned.watch.aws.forget()
    output = clone.playbook("migrate", "--check", "--diff", *planned.watch.options)
    assert "+ create service bmii" in output
    assert recap(output)["failed"] == 0
    assert planned.watch.aws.writes == []


def test_users_who_are_moved_back_are_not_moved_again_and_lose_nothing(
    clone: Clone, first_run: str, tmp_path: Path
) -> None:
    """Once the source is open both go on, rows and objects come into either, and no run touches them."""
    header, *rows = (clone.folder / "service/bmii/reference/interactions.csv").read_text("utf-8").splitlines()
    clone.playbook("unfence", "-emigrate_unfence_consent=local")
    for number, ingest in enumerate((clone.ingest_target, clone.ingest_source)):
        file = tmp_path / f"written-{number}.csv"
        file.write_text("\n".join([header, *rows[number : 20 + number]]) + "\n", encoding="utf-8")
        ingest(file)
    before = clone.target_data()
    assert sum(len(part) for part in before) > 10
    output = " ".join(clone.failing("migrate", "-v").split())
    assert "would serve users from a target that lacks what they wrote since" in output
    assert clone.target_data() == before


def test_a_killed_run_is_finished_by_the_same_command(clone: Clone, first_run: str) -> None:
    """Kill the run wherever a phase has just begun its work, and once at a moment of no meaning."""
    clone.make("stack-down")
    for task in (
        "Apply the stack",
        "Copy missing tables to the target",
        "Copy missing objects to the target",
        None,
    ):
        clone.kill_during(task)
    unfinished = clone.playbook("migrate", "--check", "--diff")
    assert "A run in local (account 000000000000, us-east-1) would bring:" in unfinished
    clone.kill_during("Deploy the image and wait")
    finished = recap(clone.make("migrate"))
    assert finished["failed"] == 0
    assert clone.rank(clone.target_url, clone.api_key()) == clone.rank(clone.source_url)
    again = recap(clone.make("migrate"))
    assert (again["changed"], again["failed"]) == (0, 0)
    assert clone.left_behind() == [], "a run that was killed has left a secret"


def test_the_operator_may_take_the_platform_down(clone: Clone, first_run: str) -> None:
    assert recap(clone.playbook("teardown", "-eteardown_consent=local"))["failed"] == 0
    assert recap(clone.playbook("teardown", "-eteardown_consent=local"))["changed"] == 0


def test_the_way_out_leaves_nothing(clone: Clone, first_run: str) -> None:
    clone.make("stack-down")
    assert not (clone.folder / ".rehearsal").exists()
    assert processes_of(clone.folder) == []

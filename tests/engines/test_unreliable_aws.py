"""AWS answers badly for a moment: each call ends as it would have, and nothing is done twice.

The answers are lost, late or refused on the way from the emulated account, by a proxy.
"""

from __future__ import annotations

import json
import os
import uuid
from types import SimpleNamespace

import botocore.endpoint
import pytest

from engines.aws import client
from engines.ecs import registration, task_definition
from engines.ecs.inspection import Clients
from engines.ecs.model import Release, WantedService
from engines.ecs.rollout import trial
from engines.images.ecr import authorization
from engines.images.model import Descriptor, digest_of
from engines.images.registry import Registry
from engines.ledger import apply, lock
from engines.ledger.apply import Opening
from engines.ledger.errors import LockedError
from engines.ledger.store import Store
from engines.runs.owner import Owner
from engines.secrets.apply import ensure, wanted_from
from engines.teardown.executor import Executor
from engines.teardown.model import Action
from rehearsal.recording import FAILED, LOST, THROTTLED, recording

US = Owner.of_this_run()
ELSEWHERE = Owner("ada", "another-host", 4711, 1, "boot", "pid:[1]", "ansible-playbook migrate.yml")


@pytest.fixture
def faults(aws, monkeypatch):
    """The faults to come in the answers of the emulated account; all have to be met."""
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    with recording(aws.endpoint) as recorder:
        monkeypatch.setenv("AWS_ENDPOINT_URL", recorder.endpoint)
        yield recorder.faults
    assert recorder.faults.left == []


@pytest.fixture
def name():
    return f"unreliable-{uuid.uuid4().hex[:8]}"


def _release(name):
    return Release(
        family=name,
        image=f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}@sha256:{'0' * 64}",
        container_port=8000,
        cpu=256,
        memory=512,
        execution_role_arn="arn:aws:iam::000000000000:role/execution",
        task_role_arn="",
        log_group=f"/{name}",
        region="us-east-1",
    )


@pytest.mark.parametrize("fault", [LOST, THROTTLED, FAILED])
def test_a_secret_whose_answer_was_lost_is_our_own(faults, name, fault):
    faults.add("ssm:PutParameter", fault)

    wanted = [{"name": "password", "generate": {"length": 20}}]
    result = ensure(wanted_from(wanted, f"/{name}"), path=f"/{name}")

    [one] = result["parameters"]
    assert (one["action"], one["version"]) == ("created", 1)


def test_a_bucket_whose_answer_was_lost_is_our_own(faults, name):
    faults.add("s3:CreateBucket", LOST)

    store = Store(name)
    store.create("eu-south-1")  # in us-east-1 AWS answers the second time as it did the first

    assert store.exists()


def test_a_ledger_write_whose_answer_was_lost_is_our_own(faults, store):
    faults.add("s3:PutObject", LOST)
    written = Store(store.bucket).write("one.json", {"a": [1]}, replacing=store.read("one.json"))

    assert written is not None
    assert (written.body, written.etag) == ({"a": [1]}, store.read("one.json").etag)


def test_a_write_of_somebody_else_is_not_ours(store):
    nothing = store.read("one.json")
    store.write("one.json", {"a": 2}, replacing=nothing)

    assert store.write("one.json", {"a": 1}, replacing=nothing) is None


def test_an_opening_that_fails_after_the_lock_was_taken_gives_it_back(faults, store):
    ledger = Store(store.bucket)
    writes = []
    put = ledger.write

    def write(key, body, *, replacing):
        writes.append(key)
        if key == apply.STATE_KEY:
            faults.add("s3:PutObject", FAILED, 7)
        return put(key, body, replacing=replacing)

    ledger.write = write
    with pytest.raises(Exception, match="PutObject failed"):
        apply.open_phase(ledger, Opening("provision", "run-1", US))

    assert writes[0] == lock.LOCK_KEY
    apply.open_phase(store, Opening("provision", "run-2", ELSEWHERE))
    with pytest.raises(LockedError):
        apply.open_phase(store, Opening("provision", "run-3", US))


def test_a_revision_is_registered_once(faults, name):
    faults.add("ecs:RegisterTaskDefinition", LOST)
    request = task_definition.request(_release(name))

    arn = registration.register(Clients(), request, "")

    found = client("ecs").list_task_definitions(familyPrefix=name)["taskDefinitionArns"]
    assert found == [arn]


@pytest.mark.parametrize("fault", [THROTTLED, FAILED])
def test_a_revision_that_was_refused_for_a_moment_is_registered(faults, name, fault):
    faults.add("ecs:RegisterTaskDefinition", fault)
    request = task_definition.request(_release(name))

    assert registration.register(Clients(), request, "").endswith(f"{name}:1")


def test_a_trial_task_is_started_once(faults, name):
    ecs = client("ecs")
    ecs.create_cluster(clusterName=name)
    release = _release(name)
    arn = registration.register(Clients(), task_definition.request(release), "")
    faults.add("ecs:RunTask", LOST)

    trial._start(Clients(), release, WantedService(name, name, ["subnet-1"], []), arn)

    found = [
        one
        for status in ("RUNNING", "STOPPED")
        for one in ecs.list_tasks(cluster=name, desiredStatus=status)["taskArns"]
    ]
    assert len(set(found)) == 1


def test_what_is_gone_already_counts_as_deleted(faults, name):
    s3, rds, logs = client("s3"), client("rds"), client("logs")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="a", Body=b"a")
    logs.create_log_group(logGroupName=f"/{name}")
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        MasterUsername="ada",
        MasterUserPassword="lovelace1",
        AllocatedStorage=20,
    )
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-one")
    for action in ("s3:DeleteBucket", "logs:DeleteLogGroup", "rds:DeleteDBSnapshot", "rds:DeleteDBInstance"):
        faults.add(action, LOST)

    executor = Executor(cluster=name, timeout=30)
    executor.act(Action("bucket", name, ""))
    executor.act(Action("log group", f"/{name}", ""))
    executor.act(Action("snapshots", name, ""))
    executor.act(Action("rollback instance", name, ""))

    assert name not in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    assert name not in [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]


def test_a_final_snapshot_has_a_name_of_its_own(aws, name):
    rds = client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        MasterUsername="ada",
        MasterUserPassword="lovelace1",
        AllocatedStorage=20,
    )
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-final")

    Executor(cluster=name, timeout=30).act(Action("rollback instance", name, ""))

    snapshots = rds.describe_db_snapshots(DBInstanceIdentifier=name)["DBSnapshots"]
    assert {f"{name}-final", f"{name}-final-2"} == {one["DBSnapshotIdentifier"] for one in snapshots}


@pytest.mark.parametrize(
    ("action", "fault"),
    [
        ("ecr:InitiateLayerUpload", THROTTLED),
        ("ecr:CompleteLayerUpload", THROTTLED),
        ("ecr:CompleteLayerUpload", LOST),
        ("ecr:PutImage", LOST),
    ],
)
def test_an_image_arrives_at_a_registry_that_answers_badly(faults, name, tmp_path, action, fault):
    client("ecr").create_repository(repositoryName=name)
    registry = Registry(os.environ["AWS_ENDPOINT_URL"], name, authorization)
    content = uuid.uuid4().bytes
    blob = Descriptor("application/octet-stream", digest_of(content), len(content))
    (tmp_path / "blob").write_bytes(content)
    faults.add(action, fault)

    registry.upload(blob, tmp_path / "blob")
    manifest = json.dumps({"schemaVersion": 2, "config": blob.document(), "layers": []}).encode()
    registry.put_manifest("one", manifest)

    assert registry.resolve("one") == digest_of(manifest)

"""Carrying out a plan. Each step can be interrupted at any time, and repeated.

What is gone already when it is to be deleted is as it should be: an answer may have been lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from engines import domain
from engines.aws import AwsError, client, translated
from engines.events import emit
from engines.stack import lifecycle
from engines.teardown import inspection
from engines.teardown.errors import TeardownError
from engines.teardown.model import Action
from engines.waiting import wait


@dataclass(frozen=True)
class Executor:
    """Does one thing at a time to the services of ``cluster``, and to what else an action names.

    A wait ends with ``TeardownError`` or ``StackError`` when nothing has moved for ``timeout`` seconds.
    ``hosted_zone`` holds the records of ``domain``.
    """

    cluster: str
    timeout: float
    domain: str = ""
    hosted_zone: str = ""

    def act(self, action: Action) -> None:
        """Do it, and wait until it is done. Raises ``AwsError`` too, when AWS refuses."""
        emit("teardown.step", step=action.step, subject=action.subject)
        steps: Mapping[str, Callable[[str], None]] = {
            "service": self._service,
            "tasks": self._tasks,
            "definitions": _forget_definitions,
            "images": _delete_images,
            "rollback instance": self._rollback_instance,
            "database protection": _unprotect_database,
            "stack protection": _unprotect_stack,
            "stack": self._stack,
            "log group": _delete_log_group,
            "parameters": _delete_parameters,
            "bucket": _delete_bucket,
            "snapshots": _delete_snapshots,
            "domain record": self._record,
            "certificate": self._certificate,
        }
        steps[action.step](action.subject)

    def _service(self, name: str) -> None:
        ecs, subject = client("ecs"), f"service {name}"

        def living() -> list[Mapping[str, Any]]:
            with translated(subject):
                found = ecs.describe_services(cluster=self.cluster, services=[name])["services"]
            return [one for one in found if one["status"] != "INACTIVE"]

        def tasks() -> int:
            return sum(one["runningCount"] + one["pendingCount"] for one in living())

        active = any(one["status"] == "ACTIVE" for one in living())
        if active:
            update = partial(ecs.update_service, cluster=self.cluster, service=name, desiredCount=0)
            inspection.present(subject, update)
        self._until_none(tasks, subject, "tasks of it run")
        if active:
            delete = partial(ecs.delete_service, cluster=self.cluster, service=name, force=True)
            inspection.present(subject, delete)
        self._until_none(lambda: len(living()), subject, "it drains")

    def _tasks(self, cluster: str) -> None:
        for arn in inspection.tasks(cluster):
            with translated(f"task {arn}"):
                client("ecs").stop_task(cluster=cluster, task=arn, reason="The platform is taken down")
        self._until_none(lambda: len(inspection.tasks(cluster)), f"cluster {cluster}", "tasks run in it")

    def _rollback_instance(self, name: str) -> None:
        rds, subject = client("rds"), f"database {name}"

        def state() -> str:
            answer = inspection.present(subject, lambda: rds.describe_db_instances(DBInstanceIdentifier=name))
            return str(answer["DBInstances"][0]["DBInstanceStatus"]) if answer else ""

        if state() not in {"", "deleting"}:
            _unprotect_database(name)
            final = _final_snapshot(name)
            try:
                with translated(subject):
                    rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=final)
            except AwsError:
                # Repeated after an answer that was lost, it is refused: it is being deleted.
                if state() not in {"", "deleting"}:
                    raise
        self._until_none(state, subject, "it is being deleted")

    def _stack(self, name: str) -> None:
        stack = lifecycle.find(name)
        if stack and lifecycle.settle(stack, self.timeout).status != lifecycle.GONE:
            lifecycle.delete(stack, self.timeout)

    def _record(self, name: str) -> None:
        domain.remove_record(name, self.hosted_zone, self.cluster)

    def _certificate(self, arn: str) -> None:
        domain.remove_certificate(arn, self.domain, self.hosted_zone, self.timeout)

    def _until_none(self, look: Callable[[], int | str], subject: str, what: str) -> None:
        """Wait until what is seen is zero or nothing; as long as it changes there is time."""

        def stuck(now: int | str) -> TeardownError:
            return TeardownError(
                f"nothing has moved for {self.timeout:.0f} s: {what} ({now})",
                subject=subject,
                remedy="Look at it in the AWS console; the same command continues from there.",
            )

        wait(look, lambda now: not now, lambda now: now, timeout=self.timeout, stuck=stuck)


def _forget_definitions(family: str) -> None:
    ecs, subject = client("ecs"), f"task definitions {family}"
    for batch in _batches(inspection.definitions(family), 10):
        with translated(subject):
            for arn in batch:
                ecs.deregister_task_definition(taskDefinition=arn)
            answer = ecs.delete_task_definitions(taskDefinitions=batch)
        _refuse_failures(subject, answer.get("failures", []), "reason")


def _delete_images(repository: str) -> None:
    # What a list of images for several platforms refers to is refused, and goes with the repository.
    for batch in _batches(inspection.images(repository), 100):
        digests = [{"imageDigest": digest} for digest in batch]
        delete = partial(client("ecr").batch_delete_image, repositoryName=repository, imageIds=digests)
        inspection.present(f"repository {repository}", delete)


def _final_snapshot(instance: str) -> str:
    """Return a name that no snapshot has: an instance of the same name may have left one before."""
    found = inspection.pages(
        f"snapshots of {instance}",
        "rds",
        "describe_db_snapshots",
        "DBSnapshots",
        DBInstanceIdentifier=instance,
        SnapshotType="manual",
    )
    taken = {one["DBSnapshotIdentifier"] for one in found}
    names = (f"{instance}-final{f'-{number}' if number > 1 else ''}" for number in itertools.count(1))
    return next(name for name in names if name not in taken)


def _unprotect_database(instance: str) -> None:
    unprotected = {"DeletionProtection": False, "ApplyImmediately": True}
    modify = partial(client("rds").modify_db_instance, DBInstanceIdentifier=instance, **unprotected)
    inspection.present(f"database {instance}", modify)


def _unprotect_stack(name: str) -> None:
    with translated(f"stack {name}"):
        client("cloudformation").update_termination_protection(
            StackName=name, EnableTerminationProtection=False
        )


def _delete_log_group(name: str) -> None:
    inspection.present(f"log group {name}", partial(client("logs").delete_log_group, logGroupName=name))


def _delete_parameters(path: str) -> None:
    for batch in _batches(inspection.parameters(path), 10):
        with translated(f"parameters below {path}"):
            client("ssm").delete_parameters(Names=batch)


def _delete_bucket(name: str) -> None:
    inspection.present(f"bucket {name}", partial(_empty_and_delete, name))


def _empty_and_delete(name: str) -> None:
    s3, subject = client("s3"), f"bucket {name}"
    with translated(subject):
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
            for upload in page.get("Uploads", []):
                what = {"Bucket": name, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                inspection.present(subject, partial(s3.abort_multipart_upload, **what))
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            versions = [
                {"Key": one["Key"], "VersionId": one["VersionId"]}
                for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
            if versions:
                answer = s3.delete_objects(Bucket=name, Delete={"Objects": versions, "Quiet": True})
                _refuse_failures(subject, answer.get("Errors", []), "Message")
        s3.delete_bucket(Bucket=name)


def _delete_snapshots(instance: str) -> None:
    for name in inspection.snapshots(instance):
        delete = partial(client("rds").delete_db_snapshot, DBSnapshotIdentifier=name)
        inspection.present(f"snapshot {name}", delete)


def _batches(things: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(things), size):
        yield list(things[start : start + size])


def _refuse_failures(subject: str, failures: Sequence[Mapping[str, Any]], why: str) -> None:
    if failures:
        raise TeardownError(
            f"AWS refused {len(failures)} of them: {failures[0].get(why, 'no reason given')}",
            subject=subject,
            remedy="Remove what is in the way, and run the same command again.",
        )

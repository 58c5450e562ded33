"""Two environments in one account, each moved by a whole migration, and torn down alone.

Each has a source and a target database of its own name on the servers of one rehearsal, as two environments
have instances of their own. It takes some minutes: ``make stress`` alone runs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from psycopg import sql

from tests.sweeps.migration_sandbox import Run, Sandbox

pytestmark = pytest.mark.timeout(2400)
DATABASE = "bio_bind_rank"
BUCKETS = ("raw", "processed", "artifacts", "features", "state")


@dataclass
class Environment:
    """What a rehearsal's account and servers hold of one environment."""

    sandbox: Sandbox
    environment: str
    name: str
    database: str
    variables: dict[str, Any] = field(default_factory=dict)

    def play(self, playbook: str, **variables: Any) -> Run:
        """Run a playbook to its end."""
        run = self.sandbox.playbook(playbook, **{**self.variables, **variables})
        assert run.code == 0, "".join(line for _, line in run.lines)[-8000:]
        return run

    @property
    def kept(self) -> set[str]:
        """Return what a teardown leaves: the ledger, and what the rehearsal's server had for the instance."""
        return {f"{self.name}-state", "rows"}

    def tear_down(self) -> None:
        """Delete all of it, data too."""
        consents = ("teardown_consent", "teardown_data_consent")
        self.play("teardown", teardown_data="delete", **dict.fromkeys(consents, self.environment))

    def holds(self) -> dict[str, str]:
        """Return all that there is of it, as text, apart from what time alone changes."""
        found = {**self._platform(), **self._data(), "rows": self._rows()}
        return {kind: json.dumps(one, sort_keys=True, default=str) for kind, one in found.items() if one}

    def _platform(self) -> dict[str, Any]:
        formation, ecs = self.sandbox.client("cloudformation"), self.sandbox.client("ecs")
        named = {"StackName": self.name}
        definitions = ecs.list_task_definitions(familyPrefix=self.name)["taskDefinitionArns"]
        groups = self.sandbox.client("logs").describe_log_groups(logGroupNamePrefix=f"/ecs/{self.name}")
        stack = _maybe(lambda: formation.describe_stacks(**named)["Stacks"])
        return {
            "stack": stack,
            "template": stack and formation.get_template(**named)["TemplateBody"],
            "resources": stack and formation.list_stack_resources(**named)["StackResourceSummaries"],
            "service": _maybe(lambda: self._service(ecs)),
            "definitions": [one for one in definitions if f"/{self.name}:" in one],
            "images": _maybe(
                lambda: self.sandbox.client("ecr").describe_images(repositoryName=self.name)["imageDetails"]
            ),
            "logs": [
                one["logGroupName"]
                for one in groups["logGroups"]
                if one["logGroupName"] == f"/ecs/{self.name}"
            ],
        }

    def _service(self, ecs: Any) -> list[Any]:
        found = ecs.describe_services(cluster=self.name, services=[self.name])["services"]
        keys = ("serviceArn", "status", "taskDefinition", "desiredCount", "runningCount")
        tasks = ecs.list_tasks(cluster=self.name)["taskArns"]
        return [[one[key] for key in keys] for one in found if one["status"] == "ACTIVE"] + tasks

    def _data(self) -> dict[str, Any]:
        ssm, s3 = self.sandbox.client("ssm"), self.sandbox.client("s3")
        path = f"/{self.name}/{self.environment}"
        found: dict[str, Any] = {
            "parameters": ssm.get_parameters_by_path(Path=path, Recursive=True, WithDecryption=True)[
                "Parameters"
            ],
            "database": _maybe(self._instance),
        }
        for bucket in (f"{self.name}-{one}" for one in BUCKETS):
            tags = _maybe(lambda bucket=bucket: s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
            objects = _maybe(lambda bucket=bucket: s3.list_object_versions(Bucket=bucket).get("Versions", []))
            found[bucket] = [
                tags,
                [[one[key] for key in ("Key", "VersionId", "ETag")] for one in objects or []],
            ]
            found[bucket] = found[bucket] if tags else None
        return found

    def _instance(self) -> dict[str, Any]:
        name = f"{self.name}-postgres"
        [found] = self.sandbox.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return {key: value for key, value in found.items() if key != "LatestRestorableTime"}

    def _rows(self) -> list[Any]:
        """Return each table of the target with a digest of its rows."""
        with psycopg.connect(self.sandbox.address("target_postgres", "postgres", self.database)) as session:
            tables = session.execute(
                "SELECT schemaname, tablename FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
            ).fetchall()
            digest = "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"
            return [
                [*table, session.execute(sql.SQL(digest).format(sql.Identifier(*table))).fetchone()]
                for table in tables
            ]

    def make_database(self, server: str, rest: str) -> None:
        """Make its database on a server anew; ``rest`` says whose or as which it is."""
        address = self.sandbox.address(server, "postgres", "postgres")
        with psycopg.connect(address, autocommit=True) as session:
            name = sql.Identifier(self.database).as_string(session)
            session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            # One with sessions cannot be copied, and the source's service opens one when it is asked.
            session.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [DATABASE]
            )
            session.execute(f"CREATE DATABASE {name} {rest}")


def _maybe(ask: Any) -> Any:
    try:
        return ask()
    except ClientError as error:
        if "NotFound" in str(error) or "NoSuch" in str(error) or "does not exist" in str(error):
            return None
        raise


@pytest.fixture
def pair(servers: None, tmp_path: Path) -> Iterator[tuple[Environment, Environment]]:
    """Yield two environments of one rehearsal, of which nothing is in its account."""
    sandbox = Sandbox(tmp_path)
    first = Environment(sandbox, "local", "bmii", DATABASE)
    first.play("stack_up")
    name = "bio_bind_rank_staging"
    login = "postgresql://postgres:postgres@127.0.0.1"
    second = Environment(
        sandbox,
        "staging",
        "bmii-staging",
        name,
        {
            "platform_environment": "staging",
            "platform_work_dir": str(tmp_path / "work-staging"),
            # The zone that the account has is the first one's.
            "platform_domain": "",
            "platform_database_name": name,
            "platform_database_application": "bmii_staging_app",
            "platform_source_database": f"{login}:{sandbox.ports['source_postgres']}/{name}",
            # Those of the stack, which is one for both.
            "local_stack_database": {"name": DATABASE, "target_user": "bmii_admin"},
            "local_stack_domain": "bmii.test",
        },
    )
    second.make_database("source_postgres", f"TEMPLATE {DATABASE}")
    second.make_database("target_postgres", "OWNER bmii_admin")
    yield first, second
    first.play("stack_down")


def test_both_go_live_and_each_is_torn_down_alone(pair: tuple[Environment, Environment]) -> None:
    first, second = pair
    first.play("migrate")
    before = first.holds()
    second.play("migrate")
    assert _changes(before, first.holds()) == {}
    second.tear_down()
    assert set(second.holds()) == second.kept
    assert _changes(before, first.holds()) == {}
    assert "changed=0" in first.play("migrate").text
    second.make_database("target_postgres", "OWNER bmii_admin")
    second.play("migrate")
    before = second.holds()
    assert {"stack", "service", "images", "parameters", "database"} < set(before)
    first.tear_down()
    assert set(first.holds()) == first.kept
    assert _changes(before, second.holds()) == {}
    assert "changed=0" in second.play("migrate").text
    second.tear_down()


def _changes(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    kinds = {*before, *after}
    found = {kind: (before.get(kind, ""), after.get(kind, "")) for kind in sorted(kinds)}
    return {kind: pair for kind, pair in found.items() if pair[0] != pair[1]}

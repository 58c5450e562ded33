"""A database instance in the emulated account, and the real server that stands in for it, of one stack."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import boto3
import psycopg

from engines.runs import processes
from rehearsal.process import Supervisor, marked, wait_until_ready
from rehearsal.servers import postgres
from rehearsal.stack import MARK, TARGET, Ports, StackConfig, free_stack_ports
from tests.library import modules

ROOT = Path(__file__).parents[2]
NAME = "way-postgres"
OWNER, APPLICATION = "way_admin", "way_app"


class Sandbox:
    """The instance ``NAME``, its users and a table of notes. ``end`` ends every process of it."""

    def __init__(self, folder):
        free = free_stack_ports()
        ports = Ports(target_postgres=free.target_postgres, aws=free.aws, aws_tls=free.aws_tls)
        self.config = StackConfig(folder / "stack", ports, database="way", target_user=OWNER)
        mark = (MARK, str(self.config.folder))
        self.supervisor = Supervisor(self.config.folder, self.config.runtime, mark)
        self.environment = os.environ | self.config.aws.credentials()
        for variable in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
            self.environment.pop(variable, None)

    def begin(self):
        config = self.config
        config.logs.mkdir(parents=True)
        config.runtime.mkdir(mode=0o700)
        programs = {name: one for name, one in config.programs().items() if name in {"aws", TARGET}}
        self.supervisor.start(programs.values())
        config.aws.initialise()
        postgres.initialise(config.target.folder, restorable=True)
        for name, program in programs.items():
            self.supervisor.run(name)
            log = config.logs / f"{name}.log"
            wait_until_ready(program, lambda name=name: self.supervisor.keeps(name), log)
        for user in (OWNER, APPLICATION):
            config.target.create_role(user, user)
        config.target.create_database("way", owner=OWNER)
        with self.session() as session:
            session.execute("CREATE TABLE alembic_version (version_num text)")
            session.execute("CREATE TABLE notes (id int PRIMARY KEY, text text)")
            session.execute("CREATE TABLE still (id int)")
        self.revision("head")
        self.make()

    def make(self):
        self.rds.create_db_instance(
            DBInstanceIdentifier=NAME,
            DBInstanceClass="db.t4g.medium",
            Engine="postgres",
            EngineVersion="15.17",
            AllocatedStorage=20,
            MaxAllocatedStorage=40,
            StorageType="gp3",
            MasterUsername=OWNER,
            MasterUserPassword="not-that-of-the-server",
            BackupRetentionPeriod=7,
            DeletionProtection=True,
            CopyTagsToSnapshot=True,
            EnablePerformanceInsights=True,
            VpcSecurityGroupIds=["sg-1"],
            Tags=[{"Key": "Project", "Value": "way"}],
        )

    def end(self):
        self.supervisor.end()
        (self.config.runtime / "lock").unlink(missing_ok=True)
        self.config.runtime.rmdir()
        shutil.rmtree(self.config.folder, ignore_errors=True)

    @property
    def rds(self):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        return boto3.client("rds", endpoint_url=self.config.aws.endpoint, **keys)

    def superuser(self):
        return psycopg.connect(self.config.target.url("way"), autocommit=True)

    def session(self):
        return psycopg.connect(self.config.target.url("way", OWNER, OWNER), autocommit=True)

    def revision(self, wanted):
        if wanted == "head":
            from engines.schema import revisions  # noqa: PLC0415

            _, scripts = revisions.load(ROOT / "migrations/alembic.ini")
            (wanted,) = revisions.resolve_targets(scripts, "head")
        with self.session() as session:
            session.execute("DELETE FROM alembic_version")
            session.execute("INSERT INTO alembic_version VALUES (%s)", [wanted])

    def write(self, number, text):
        with self.session() as session:
            session.execute(
                "INSERT INTO notes VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET text = excluded.text",
                [number, text],
            )

    def notes(self):
        """Return what the address that users know answers."""
        with self.session() as session:
            return dict(session.execute("SELECT id, text FROM notes ORDER BY id").fetchall())

    def instances(self):
        return {one["DBInstanceIdentifier"]: one for one in self.rds.describe_db_instances()["DBInstances"]}

    def options(self, to, **more):
        return {
            "instance": NAME,
            "to": to,
            "address": self.config.target.url("way", OWNER, OWNER),
            "application_address": self.config.target.url("way", APPLICATION, APPLICATION),
            "config": str(ROOT / "migrations/alembic.ini"),
            "timeout": 60,
            **more,
        }

    def saved(self):
        """Return what the account has on disk of its databases, a moment after each change."""
        return (self.config.aws.folder / "state/rds.json").read_text(encoding="utf-8")

    def kill_account(self):
        """End the emulator and the servers that it keeps by force. The supervisor starts it again."""
        target = int((self.config.target.folder / "postmaster.pid").read_text().split()[0])
        killed = []
        for pid in marked((MARK, str(self.config.folder))):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"rehearsal.emulator" in command or (b"postgres\0-D" in command and pid != target):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        # Until they have ended, their ports answer.
        eventually(lambda: not any(map(processes.start_time, killed)))

    def command(self):
        return [sys.executable, str(ROOT / "library/rds_rollback.py")]

    def call(self, to, *, check=False, endpoint="", **more):
        """Run the module as Ansible does, and return its answer."""
        environment = self.environment | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
        options = self.options(to, **more)
        return modules.call("rds_rollback", options, check=check, environment=environment)[0]


@contextlib.contextmanager
def begun(folder):
    """Have a sandbox for the length of a ``with`` block."""
    sandbox = Sandbox(folder)
    try:
        sandbox.begin()
        yield sandbox
    finally:
        sandbox.end()


def a_moment():
    """Return a second in which nothing is written: what was before it is in it, what follows is not."""
    time.sleep(1.1)
    moment = datetime.now(UTC).replace(microsecond=0)
    time.sleep(1.1)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def eventually(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)

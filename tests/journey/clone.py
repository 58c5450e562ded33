"""A checkout as a newcomer has it: what can be typed in it, and asked of its source and target."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import psycopg

from tests import local_clients
from tests.journey import tls
from tests.journey.secrecy import left_in

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
# What opens the parts of both sides. Given in an encrypted file, as the passwords of production are. Made up
# anew each time, since the checkout that is searched for them holds this file.
PASSWORDS = {
    name: f"canary-of-{name}-{secrets.token_hex(8)}"
    for name in ("source_database", "target_database", "object_store")
}
VAULT_PASSWORD = f"canary-of-the-vault-{secrets.token_hex(8)}"


@dataclass(frozen=True)
class Built:
    """What stands in the target.

    ``objects`` are number and bytes by bucket, ``service`` is revision, CPU, memory and number of tasks.
    """

    resources: set[str]
    parameters: set[str]
    rows: dict[str, int]
    revision: str
    objects: dict[str, tuple[int, int]]
    images: list[tuple[str, ...]]
    service: tuple[int, str, str, int]


@dataclass(frozen=True)
class Clone:
    """A checkout as a newcomer has it, with ports of its own."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, int]

    def run(self, *command: str) -> str:
        """Run a command and return what it printed; fail the test with that if the command failed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-8000:]}"
        )
        return done.stdout

    @property
    def variables(self) -> list[str]:
        """The options by which a run gets its ports, and its passwords from an encrypted file."""
        return [f"--extra-vars=@{self.folder}/{name}" for name in (".ports.json", ".passwords.yml")]

    @property
    def temporary(self) -> Path:
        return Path(self.environment["TMPDIR"])

    @property
    def home(self) -> Path:
        return Path(self.environment["HOME"])

    def make(self, target: str, options: str = "") -> str:
        return self.run("make", target, f"ANSIBLE={' '.join(self.variables)} {options}")

    def playbook(self, name: str, *options: str) -> str:
        return self.run(".venv/bin/ansible-playbook", f"playbooks/{name}.yml", *self.variables, *options)

    def failing(self, name: str, *options: str) -> str:
        """Run a playbook that has to fail, and return everything it printed."""
        command = [".venv/bin/ansible-playbook", f"playbooks/{name}.yml", *self.variables, *options]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0, done.stdout[-4000:]
        return done.stdout + done.stderr

    def left_behind(self) -> list[str]:
        """Return the secrets that a file holds which is not one of the rehearsal's own."""
        state = self.folder / ".rehearsal"
        # The source's settings, its store's keys, the emulated account with its Parameter Store, and the
        # operator's keys to it.
        own = [state / name for name in ("supervisor.conf", ".env", "object_store", "aws", "operator.cfg")]
        folders = (self.folder, self.temporary, self.home, Path(f"/dev/shm/bmii-migrate-{os.geteuid()}"))
        besides = (*own, self.folder / ".venv", self.folder / ".git")
        return [one for folder in folders for one in left_in(folder, self.secrets(), *besides)]

    def secrets(self) -> dict[str, str]:
        """Return everything that must not be seen: what was given, and what the migration made up."""
        made = {name: self.secret(name) for name in ("API_KEY", "app_db_password")}
        return {**PASSWORDS, **made, "vault": VAULT_PASSWORD, "operator": self.operator_keys()[1]}

    def operator_keys(self) -> tuple[str, str]:
        """Return the access key and the secret key of the user that the runs are in the account."""
        text = (self.folder / ".rehearsal/operator.cfg").read_text(encoding="utf-8")
        found = dict(re.findall(r"^(\w+) = (\S+)$", text, re.MULTILINE))
        return found["aws_access_key_id"], found["aws_secret_access_key"]

    def kill_during(self, task: str | None) -> None:
        """Start a migration and kill it with all its workers: when ``task`` has begun, or after 12 s."""
        # With -v, or its tasks would not be named.
        command = [".venv/bin/ansible-playbook", "playbooks/migrate.yml", "-v"]
        command += self.variables
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as run:
            assert run.stdout is not None
            killer = Timer(12 if task is None else 600, kill_all, [run.pid])
            killer.start()
            for line in run.stdout:
                if task is not None and line.startswith("TASK") and task in line:
                    time.sleep(0.9)  # the module has begun its work by then
                    kill_all(run.pid)
                    break
            killer.cancel()
        assert run.returncode == -signal.SIGKILL, f"the run ended before {task!r} began"

    def rank(self, url: str, key: str | None = None, *, record: bool = False) -> tuple[int, object]:
        """Ask the platform at ``url`` for a ranking; return the status and the answer."""
        body = json.dumps({"smiles": ASPIRIN, "top_k": 10, "record": record}).encode()
        headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
        request = urllib.request.Request(f"{url}/rank", data=body, headers=headers, method="POST")
        try:
            with self._opener(url).open(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def rankings(self, server: str, user: str) -> int:
        """Return how many rankings the database of ``server`` keeps."""
        with psycopg.connect(self._address(server, user)) as session:
            row = session.execute("SELECT count(*) FROM rankings").fetchone()
        assert row is not None
        return int(row[0])

    def ingest(self, file: Path, **environment: str) -> None:
        """Let the source or the target ingest a file: rows in its database, objects in its store."""
        ours = {
            name: value for name, value in self.environment.items() if not name.startswith("AWS_")
        } | environment
        subprocess.run([".venv/bin/bmii", "ingest", file], cwd=self.folder, env=ours, check=True)

    def ingest_target(self, file: Path) -> None:
        self.ingest(
            file,
            DATABASE_URL=self._address("target_postgres", "postgres", "postgresql+psycopg2"),
            OBJECT_STORE_BUCKET_PREFIX="bmii-",
            **self._aws,
        )

    def ingest_source(self, file: Path) -> None:
        self.ingest(
            file,
            DATABASE_URL=self._address("source_postgres", "postgres", "postgresql+psycopg2"),
            OBJECT_STORE_ENDPOINT=f"127.0.0.1:{self.ports['object_store']}",
            OBJECT_STORE_ACCESS_KEY="minioadmin",
            OBJECT_STORE_SECRET_KEY=PASSWORDS["object_store"],
            OBJECT_STORE_USE_SSL="false",
        )

    def target_data(self) -> tuple[dict[str, str], dict[str, tuple[object, ...]]]:
        """Return a digest of each table's rows, and of each object what it holds and when it was written."""
        tables, objects = {}, {}
        with psycopg.connect(self._address("target_postgres", "postgres")) as session:
            names = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (name,) in names:
                rows = session.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1').fetchall()  # noqa: S608 - names out of the catalogue
                tables[name] = f"{len(rows)} {hashlib.sha256(repr(rows).encode()).hexdigest()}"
        s3 = self.client("s3")
        for bucket in ("bmii-raw", "bmii-processed", "bmii-artifacts", "bmii-features"):
            for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                held = s3.get_object(Bucket=bucket, Key=entry["Key"])
                digest = hashlib.sha256(held["Body"].read()).hexdigest()
                written = (digest, held["LastModified"], held["ContentType"], held["Metadata"])
                objects[f"{bucket}/{entry['Key']}"] = written
        return tables, objects

    @property
    def _aws(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['aws']}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def _address(self, server: str, user: str, scheme: str = "postgresql") -> str:
        # The rehearsal's own user of the target; the owner is let in through a relay alone.
        known = PASSWORDS[f"{server.removesuffix('_postgres')}_database"]
        password = "postgres" if (server, user) == ("target_postgres", "postgres") else known
        return f"{scheme}://{user}:{password}@127.0.0.1:{self.ports[server]}/bio_bind_rank"

    def client(self, service: str, keys: tuple[str, str] = ("test", "test")) -> Any:
        return local_clients.client(self._aws["AWS_ENDPOINT_URL"], keys, service=service)

    def records(self) -> list[dict[str, Any]]:
        """Return the record sets of the domain's zone."""
        route53 = self.client("route53")
        [zone] = route53.list_hosted_zones()["HostedZones"]
        return list(route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"])

    def built(self) -> Built:
        """Return what stands in the target."""
        resources = self.client("cloudformation").describe_stack_resources(StackName="bmii")
        parameters = self.client("ssm").get_parameters_by_path(Path="/bmii/local")
        ecs = self.client("ecs")
        [service] = ecs.describe_services(cluster="bmii", services=["bmii"])["services"]
        definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        shape = (definition["revision"], definition["cpu"], definition["memory"], service["desiredCount"])
        images = self.client("ecr").describe_images(repositoryName="bmii")["imageDetails"]
        rows, revision = self._rows()
        return Built(
            resources={one["LogicalResourceId"] for one in resources["StackResources"]},
            parameters={one["Name"] for one in parameters["Parameters"]},
            rows=rows,
            revision=revision,
            objects=self._objects(),
            images=[tuple(one["imageTags"]) for one in images],
            service=shape,
        )

    def tamper(self) -> None:
        """Change what nobody should change by hand."""
        self.client("logs").put_retention_policy(logGroupName="/ecs/bmii", retentionInDays=7)
        self.client("ecs").delete_service(cluster="bmii", service="bmii", force=True)

    def _rows(self) -> tuple[dict[str, int], str]:
        """Return how many rows each table of the target database has, and the schema's revision."""
        rows = {}
        with psycopg.connect(self._address("target_postgres", "postgres")) as session:
            names = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (name,) in names:
                [(count,)] = session.execute(f'SELECT count(*) FROM "{name}"').fetchall()  # noqa: S608 - names out of the catalogue
                rows[f"public.{name}"] = count
            [(revision,)] = session.execute("SELECT version_num FROM alembic_version").fetchall()
        return rows, revision

    def _objects(self) -> dict[str, tuple[int, int]]:
        """Return how many objects, and of how many bytes, each target bucket holds."""
        found = {}
        for bucket in ("bmii-raw", "bmii-processed", "bmii-artifacts", "bmii-features"):
            entries = self.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
            found[bucket] = (len(entries), sum(entry["Size"] for entry in entries))
        return found

    @property
    def source_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['service']}"

    @property
    def target_url(self) -> str:
        return tls.URL

    def _opener(self, url: str) -> urllib.request.OpenerDirector:
        if url != tls.URL:
            return urllib.request.build_opener()
        return tls.opener(self.ports["aws_tls"], self.folder / ".rehearsal/aws/tls/ca.pem")

    def api_key(self) -> str:
        return self.secret("API_KEY")

    def secret(self, name: str) -> str:
        parameter = self.client("ssm").get_parameter(Name=f"/bmii/local/{name}", WithDecryption=True)
        return str(parameter["Parameter"]["Value"])


def kill_all(pid: int) -> None:
    """Kill a process and what it has started, each in a session of its own, as Ansible's workers are."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(
                path.read_text(encoding="utf-8").rpartition(")")[2].split()[1]
            )
        except OSError:
            continue
    doomed = [pid]
    for each in doomed:
        doomed += [child for child, parent in parents.items() if parent == each]
    for each in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of running programs that name ``folder``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found

"""The README's commands, typed in a fresh clone with an empty home: the whole journey and the way out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import boto3
import psycopg
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from botocore.exceptions import ClientError

from rehearsal.stack_config import MARK
from tests.journey.secrecy import Lookout, left_in, told_by
from tests.journey.watch import Watch, watched

ROOT = Path(__file__).parents[2]
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
PROGRAMS = (
    "source_postgres",
    "target_postgres",
    "object_store",
    "object_store_master",
    "object_store_volume",
    "object_store_filer",
    "service",
    "aws",
)
# What opens the parts of both worlds. Given in an encrypted file, as the passwords of production are. Made up
# anew each time, since the checkout that is searched for them holds this file.
PASSWORDS = {
    name: f"canary-of-{name}-{secrets.token_hex(8)}"
    for name in ("source_database", "target_database", "object_store")
}
WRONG = f"canary-that-opens-nothing-{secrets.token_hex(8)}"
STORE = {"endpoint": "http://127.0.0.1:1", "region": "us-east-1", "access_key": "minioadmin"}
VAULT_PASSWORD = f"canary-of-the-vault-{secrets.token_hex(8)}"
PHASES = ("provision", "database", "storage", "container", "deploy")

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Built:
    """What stands in the new world.

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
        """Return the secrets that a file holds which is not one of the worlds' own."""
        worlds = self.folder / ".rehearsal"
        # The old service's settings, its store's keys, the emulated account with its Parameter Store, and the
        # operator's keys to it.
        own = [worlds / name for name in ("supervisor.conf", ".env", "object_store", "aws", "operator.cfg")]
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
        command = [".venv/bin/ansible-playbook", "playbooks/migrate.yml"]
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
            with urllib.request.urlopen(request, timeout=30) as answer:
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
        """Let the platform of one world take in a file: rows in its database, objects in its store."""
        ours = {
            name: value for name, value in self.environment.items() if not name.startswith("AWS_")
        } | environment
        subprocess.run([".venv/bin/bmii", "ingest", file], cwd=self.folder, env=ours, check=True)

    def ingest_new(self, file: Path) -> None:
        self.ingest(
            file,
            DATABASE_URL=self._address("target_postgres", "bmii_admin", "postgresql+psycopg2"),
            OBJECT_STORE_BUCKET_PREFIX="bmii-",
            **self._aws,
        )

    def ingest_old(self, file: Path) -> None:
        self.ingest(
            file,
            DATABASE_URL=self._address("source_postgres", "postgres", "postgresql+psycopg2"),
            OBJECT_STORE_ENDPOINT=f"127.0.0.1:{self.ports['object_store']}",
            OBJECT_STORE_ACCESS_KEY="minioadmin",
            OBJECT_STORE_SECRET_KEY=PASSWORDS["object_store"],
            OBJECT_STORE_USE_SSL="false",
        )

    def new_world(self) -> tuple[dict[str, str], dict[str, tuple[object, ...]]]:
        """Return a digest of each table's rows, and of each object what it holds and when it was written."""
        tables, objects = {}, {}
        with psycopg.connect(self._address("target_postgres", "bmii_admin")) as session:
            names = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (name,) in names:
                rows = session.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1').fetchall()  # noqa: S608 - names out of the catalogue
                tables[name] = f"{len(rows)} {hashlib.sha256(repr(rows).encode()).hexdigest()}"
        s3 = self._client("s3")
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
        password = PASSWORDS[f"{server.removesuffix('_postgres')}_database"]
        return f"{scheme}://{user}:{password}@127.0.0.1:{self.ports[server]}/bio_bind_rank"

    def _client(self, service: str, keys: tuple[str, str] = ("test", "test")) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._aws["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
        )

    def built(self) -> Built:
        """Return what stands in the new world."""
        resources = self._client("cloudformation").describe_stack_resources(StackName="bmii")
        parameters = self._client("ssm").get_parameters_by_path(Path="/bmii/local")
        ecs = self._client("ecs")
        [service] = ecs.describe_services(cluster="bmii", services=["bmii"])["services"]
        definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        shape = (definition["revision"], definition["cpu"], definition["memory"], service["desiredCount"])
        images = self._client("ecr").describe_images(repositoryName="bmii")["imageDetails"]
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
        self._client("logs").put_retention_policy(logGroupName="/ecs/bmii", retentionInDays=7)
        self._client("ecs").delete_service(cluster="bmii", service="bmii", force=True)

    def _rows(self) -> tuple[dict[str, int], str]:
        """Return how many rows each table of the new database has, and the schema's revision."""
        rows = {}
        with psycopg.connect(self._address("target_postgres", "bmii_admin")) as session:
            names = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (name,) in names:
                [(count,)] = session.execute(f'SELECT count(*) FROM "{name}"').fetchall()  # noqa: S608 - names out of the catalogue
                rows[f"public.{name}"] = count
            [(revision,)] = session.execute("SELECT version_num FROM alembic_version").fetchall()
        return rows, revision

    def _objects(self) -> dict[str, tuple[int, int]]:
        """Return how many objects, and of how many bytes, each new bucket holds."""
        found = {}
        for bucket in ("bmii-raw", "bmii-processed", "bmii-artifacts", "bmii-features"):
            entries = self._client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
            found[bucket] = (len(entries), sum(entry["Size"] for entry in entries))
        return found

    @property
    def old_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['service']}"

    @property
    def new_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['aws']}/_alb/bmii"

    def api_key(self) -> str:
        return self.secret("API_KEY")

    def secret(self, name: str) -> str:
        parameter = self._client("ssm").get_parameter(Name=f"/bmii/local/{name}", WithDecryption=True)
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


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


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


def recap(output: str) -> dict[str, int]:
    """Return the counts of the play recap's line."""
    line = re.findall(r"^localhost\s+:(.*)$", output, re.MULTILINE)[-1]
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
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
    environment |= {"TMPDIR": str(tmp_path_factory.mktemp("tmp")), "ANSIBLE_VAULT_PASSWORD_FILE": str(vault)}
    # What somebody who works with AWS has exported must not reach the rehearsal.
    environment |= {"AWS_PROFILE": "of-the-user", "AWS_SESSION_TOKEN": "of-the-user"}
    environment |= {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    ports = dict(zip(PROGRAMS, free_ports(len(PROGRAMS)), strict=True))
    # Every run is held to the policy that the documentation gives the operator.
    policy = str(folder / "docs/operator-policy.json")
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
    """The plan of the empty account against the world that the run has made, asked by other means."""
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


def test_the_new_world_answers_as_the_old_one(clone: Clone, first_run: str) -> None:
    old_status, old = clone.rank(clone.old_url)
    new_status, new = clone.rank(clone.new_url, clone.api_key())
    assert (old_status, new_status) == (200, 200)
    assert new == old


def test_the_runs_were_held_to_the_operators_policy(clone: Clone, first_run: str) -> None:
    """They came as a user who may not do what no run does, such as delete the evidence of the runs."""
    shown = ("--module-name=ansible.builtin.debug", "--args=var=platform_aws_environment.AWS_CONFIG_FILE")
    told = clone.run(".venv/bin/ansible", "localhost", *shown, *clone.variables)
    assert str(clone.folder / ".rehearsal/operator.cfg") in told
    operator = clone._client("s3", clone.operator_keys())
    assert operator.list_objects_v2(Bucket="bmii-state")["KeyCount"] > 0
    for refused, about in (
        (operator.delete_object, {"Bucket": "bmii-state", "Key": "state.json"}),
        (operator.put_bucket_policy, {"Bucket": "bmii-raw", "Policy": "{}"}),
        (operator.create_bucket, {"Bucket": "of-another-name"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused(**about)


def test_without_the_key_it_does_not_answer(clone: Clone, first_run: str) -> None:
    assert clone.rank(clone.new_url)[0] == 401
    assert clone.rank(clone.new_url, "not-the-key")[0] in {401, 403}


def test_what_users_write_after_going_live_is_left_alone(clone: Clone, first_run: str) -> None:
    assert clone.rankings("source_postgres", "postgres") == 0, "the checks have written to the old world"
    for _ in range(2):
        assert clone.rank(clone.new_url, clone.api_key(), record=True)[0] == 200
    assert clone.rank(clone.old_url, record=True)[0] == 200
    output = clone.make("migrate")
    assert (recap(output)["changed"], recap(output)["failed"]) == (0, 0)
    assert "The new database serves users, so its rows are left as they are." in output
    assert clone.rankings("target_postgres", "bmii_admin") == 2
    assert clone.rankings("source_postgres", "postgres") == 1


def test_after_going_live_the_new_world_stays_byte_for_byte(
    clone: Clone, first_run: str, tmp_path: Path
) -> None:
    """Both platforms go on: rows and objects come into either, and a re-run touches none of them."""
    header, *rows = (clone.folder / "service/bmii/reference/interactions.csv").read_text("utf-8").splitlines()
    for number, ingest in enumerate((clone.ingest_new, clone.ingest_old)):
        file = tmp_path / f"written-{number}.csv"
        file.write_text("\n".join([header, *rows[number : 20 + number]]) + "\n", encoding="utf-8")
        ingest(file)
    before = clone.new_world()
    assert sum(len(part) for part in before) > 10
    output = clone.make("migrate")
    assert (recap(output)["changed"], recap(output)["failed"]) == (0, 0)
    assert "The new database serves users, so its rows are left as they are." in output
    assert "old objects must not be put over new ones, so nothing is copied." in " ".join(output.split())
    assert clone.new_world() == before


def test_a_second_run_changes_nothing(clone: Clone, planned: Planned, first_run: str) -> None:
    """Nor does it write anything but what the ledger notes of it, in the state bucket."""
    planned.watch.aws.forget()
    planned.watch.store.forget()
    before = planned.watch.transactions()
    again = recap(clone.playbook("migrate", *planned.watch.options))
    assert (again["changed"], again["failed"], again["unreachable"]) == (0, 0, 0)
    ledger = "arn:aws:s3:::bmii-state/"
    assert [call for call in planned.watch.aws.writes if not call.resource.startswith(ledger)] == []
    assert planned.watch.aws.writes, "the ledger has noted nothing"
    assert planned.watch.store.writes == []
    assert planned.watch.transactions() == before


@pytest.mark.parametrize("phase", PHASES)
def test_each_phase_runs_alone(clone: Clone, first_run: str, phase: str) -> None:
    by_tag = recap(clone.playbook("migrate", "--tags", phase))
    assert (by_tag["changed"], by_tag["failed"]) == (0, 0)
    assert by_tag["ok"] > 3, "the tag selected nothing"
    by_playbook = recap(clone.playbook(phase))
    assert (by_playbook["changed"], by_playbook["failed"]) == (0, 0)


def test_a_plan_of_a_finished_migration_is_empty(clone: Clone, planned: Planned, first_run: str) -> None:
    planned.watch.aws.forget()
    output = clone.playbook("migrate", "--check", "--diff", *planned.watch.options)
    assert (recap(output)["changed"], recap(output)["failed"]) == (0, 0)
    assert "A run would change nothing in local" in output
    assert planned.watch.aws.writes == []


def test_outputs_status_and_verify(clone: Clone, first_run: str) -> None:
    assert clone.new_url in clone.playbook("outputs")
    assert re.search(r"^\s*deploy +succeeded ", clone.playbook("status"), re.MULTILINE)
    assert recap(clone.playbook("verify"))["failed"] == 0


def test_no_secret_leaves_its_place(clone: Clone, overlooked: tuple[str, Lookout]) -> None:
    """Not in what is printed, in a process list, in a file that is left or was there, or in the account."""
    output, lookout = overlooked
    assert [name for name, value in clone.secrets().items() if value in output] == []
    assert lookout.seen(clone.secrets(), f"{MARK}={clone.folder}") == []
    assert clone.left_behind() == []
    shown = [*told_by(clone._client, "bmii", ["bmii-state"])]
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
def test_no_secret_is_told_by_a_run_that_fails(clone: Clone, first_run: str, phase: str, fault: Any) -> None:
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


def test_what_somebody_changes_by_hand_is_told(clone: Clone, planned: Planned, first_run: str) -> None:
    """A setting and the service: a run would bring the service back, and drift tells of the setting."""
    planned.watch.aws.forget()
    clone.tamper()
    told = clone.playbook("drift", *planned.watch.options)
    assert re.search(r"LogGroup: modified\n +/RetentionInDays: 30 -> 7$", told, re.MULTILINE)
    assert re.search(r"^ *SCHEMA  at revision \S+, as this checkout has it$", told, re.MULTILINE), told[
        -4000:
    ]
    assert re.search(r"^ *DATA  \d+ of \d+ tables are equal", told, re.MULTILINE)
    assert re.search(r"^ *BUCKETS  ", told, re.MULTILINE)
    output = clone.playbook("migrate", "--check", "--diff", *planned.watch.options)
    assert "+ create service bmii" in output
    assert recap(output)["failed"] == 0
    assert planned.watch.aws.writes == []


def test_a_killed_run_is_finished_by_the_same_command(clone: Clone, first_run: str) -> None:
    """Kill the run wherever a phase has just begun its work, and once at a moment of no meaning."""
    clone.make("stack-down")
    for task in (
        "Apply the stack",
        "Copy what the new database lacks",
        "Copy what the new store lacks",
        None,
    ):
        clone.kill_during(task)
    unfinished = clone.playbook("migrate", "--check", "--diff")
    assert "A run in local (account 000000000000, us-east-1) would bring:" in unfinished
    clone.kill_during("Release the image")
    finished = recap(clone.make("migrate"))
    assert finished["failed"] == 0
    assert clone.rank(clone.new_url, clone.api_key()) == clone.rank(clone.old_url)
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

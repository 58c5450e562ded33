"""The stack as a whole: up in any state, down without a trace. One stack serves the tests, in their order."""

import json
import os
import signal
import socket
import subprocess
import threading
import urllib.request
from dataclasses import asdict, replace
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from engines.errors import ConfigurationError
from engines.ledger import lease_keeper
from engines.runs import processes
from rehearsal import stack
from rehearsal.errors import RehearsalError
from rehearsal.process import PROJECT, PYTHON, marked

ASPIRIN = json.dumps({"smiles": "CC(=O)Oc1ccccc1C(=O)O", "top_k": 2, "record": False}).encode()

UP = """
import json, sys
from rehearsal import stack
stack.up(stack.read_config(**json.loads(sys.argv[1]), database={}, buckets=["raw"]))
"""


@pytest.fixture(scope="module")
def config(servers, tmp_path_factory):
    ports = asdict(stack.free_stack_ports())
    folder = tmp_path_factory.mktemp("stack") / "here"
    config = stack.read_config(str(folder), ports, {}, ["raw", "processed", "artifacts", "features"])
    yield config
    stack.down(config)


@pytest.fixture
def up(config):
    return stack.up(config)


def _processes(config):
    return marked((stack.MARK, str(config.folder)))


def _listeners_elsewhere(config):
    """Return the addresses outside loopback on which processes of the stack listen."""
    mine = set()
    for process in _processes(config):
        for entry in Path(f"/proc/{process}/fd").iterdir():
            try:
                mine.add(str(entry.readlink()))
            except OSError:
                continue
    found = []
    for table, loopback in (("tcp", "7F"), ("tcp6", "0" * 24 + "01000000")):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            host = fields[1].split(":")[0]
            at_home = host.endswith(loopback) if table == "tcp" else host == loopback
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in mine and not at_home:
                found.append(fields[1])
    return found


def test_up_brings_the_service_with_its_data_and_the_new_home(up, config):
    assert up.changed
    assert set(up.programs.values()) == {"RUNNING"}
    request = urllib.request.Request(
        f"{up.endpoints['service']}/rank", ASPIRIN, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        symbols = {result["symbol"] for result in json.load(answer)["results"]}
    assert symbols == {"PTGS1", "PTGS2"}
    listed = config.store.client().list_buckets()["Buckets"]
    assert {"raw", "processed", "artifacts", "features"} == {bucket["Name"] for bucket in listed}
    assert config.store.client().list_objects_v2(Bucket="artifacts")["KeyCount"] > 0


def test_the_old_schema_is_one_revision_behind(up, config):
    script = ScriptDirectory.from_config(Config(str(PROJECT / "migrations/alembic.ini")))
    with psycopg.connect(config.source.url(config.database)) as connection:
        [(revision,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert revision == script.get_revision(script.get_current_head()).down_revision


def test_the_new_database_is_owned_by_no_superuser(up, config):
    # As the superuser: the owner is let in from the VPC and over TLS alone.
    with psycopg.connect(config.target.url(config.database)) as connection:
        row = connection.execute(
            "SELECT rolsuper, pg_get_userbyid(datdba) = rolname FROM pg_roles, pg_database "
            "WHERE rolname = %s AND datname = current_database()",
            [config.target_user],
        ).fetchone()
    assert row == (False, True)


def test_everything_is_on_loopback(up, config):
    assert len(_processes(config)) > 5
    assert _listeners_elsewhere(config) == []


def test_a_second_up_changes_nothing(up, config):
    assert not stack.up(config).changed
    assert not stack.plan(config, "up").changed


def test_a_program_that_died_is_brought_back(up, config):
    pid = int((config.target.folder / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    os.kill(pid, signal.SIGKILL)
    stack.up(config)
    assert config.target.is_ready()


def test_a_supervisor_that_died_is_brought_back(up, config):
    filled = (config.logs / "ingest.log").stat().st_mtime_ns
    os.kill(int((config.folder / "supervisor.pid").read_text(encoding="utf-8")), signal.SIGKILL)
    assert stack.plan(config, "up").changed
    assert stack.up(config).changed
    assert (config.logs / "ingest.log").stat().st_mtime_ns == filled, "the source was filled again"


def test_a_taken_port_is_named(up, config):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        blocked = replace(
            config,
            folder=config.folder.with_name("blocked"),
            ports=replace(config.ports, source_postgres=taken),
        )
        for act in (stack.up, lambda one: stack.plan(one, "up")):
            with pytest.raises(
                RehearsalError, match=rf"local_stack_ports\.source_postgres: .*:{taken} is in use"
            ):
                act(blocked)
    assert not blocked.folder.exists()
    assert not blocked.runtime.exists()


def test_an_up_that_was_killed_is_finished_by_the_next(config):
    stack.down(config)
    described = {"folder": str(config.folder), "ports": asdict(config.ports)}
    process = subprocess.Popen([PYTHON, "-c", UP, json.dumps(described)])
    try:
        while not (config.source.folder / "PG_VERSION").exists():
            assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    report = stack.up(config)
    assert report.changed
    assert not stack.up(config).changed


def test_two_ups_wait_for_each_other(config):
    os.kill(int((config.folder / "supervisor.pid").read_text(encoding="utf-8")), signal.SIGKILL)
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(stack.up(config))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.changed for report in reports) == [False, True]


def test_down_leaves_no_process_and_no_file(up, config):
    assert stack.plan(config, "down").changed
    assert stack.down(config).changed
    assert _processes(config) == []
    assert not config.folder.exists()
    assert not config.runtime.exists()
    ours = {str(port) for port in asdict(config.store.ports).values()}
    assert not [one for one in Path("/tmp").glob("seaweedfs-*") if one.stem.rsplit("-", 1)[-1] in ours]
    assert not stack.plan(config, "down").changed
    assert not stack.down(config).changed


def test_a_folder_of_somebody_else_is_refused(tmp_path, config):
    (tmp_path / "thesis").write_text("years of work", encoding="utf-8")
    mistaken = replace(config, folder=tmp_path)
    for act in (stack.up, stack.down, lambda one: stack.plan(one, "down")):
        with pytest.raises(RehearsalError, match="local_stack_dir"):
            act(mistaken)
    assert (tmp_path / "thesis").exists()


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ({"aws": 70000}, r"local_stack_ports\.aws: is not a port"),
        ({"aws": "no"}, r"local_stack_ports\.aws: is not a port"),
        ({"web": 1}, "no port called web"),
        (
            {"aws": 18000},
            r"local_stack_ports\.(service|aws): and local_stack_ports\.(service|aws) need the same",
        ),
        ({"service": 19001}, r"need the same port 19001"),
    ],
)
def test_ports_are_checked(tmp_path, ports, message):
    with pytest.raises(ConfigurationError, match=message):
        stack.read_config(str(tmp_path), ports, {}, [])


def test_passwords_of_ones_own_open_the_service_and_are_shown_by_nothing(tmp_path):
    given = {"source_database": "canary-1", "target_database": "canary-2", "object_store": "canary-3"}
    config = stack.read_config(str(tmp_path), {}, {}, [], given)
    assert "canary-1" in config.source.url()
    assert "canary-1" in config.service_environment()["DATABASE_URL"]
    assert "canary-3" in config.service_environment()["OBJECT_STORE_SECRET_KEY"]
    assert (config.passwords.target_database, config.store.secret_key) == ("canary-2", "canary-3")
    shown = (config, config.source, config.store, config.endpoints())
    assert [one for one in shown if "canary" in repr(one)] == []


def test_a_password_that_settings_could_not_hold_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigurationError, match=r"local_stack_passwords\.object_store") as caught:
        stack.read_config(str(tmp_path), {}, {}, [], {"object_store": "canary 1"})
    assert "canary" not in str(caught.value)


def test_what_would_give_a_lock_back_goes_with_the_account_that_holds_it(tmp_path):
    ports = asdict(stack.free_stack_ports())
    config = stack.read_config(str(tmp_path / "here"), ports, {}, ["raw"])
    # Of a run that goes on: this test.
    run = (str(os.getpid()), str(processes.start_time(os.getpid())), "300")
    keepers = []
    for endpoint in (config.aws.endpoint, "http://127.0.0.1:9"):
        command = [PYTHON, "-P", lease_keeper.__file__, "bucket", endpoint, *run]
        keepers.append(subprocess.Popen(command, env={**os.environ, "AWS_ENDPOINT_URL": endpoint}))
    try:
        stack.down(config)
        assert keepers[0].wait(100) == -signal.SIGKILL
        assert keepers[1].poll() is None
    finally:
        for each in keepers:
            each.kill()
            each.wait()

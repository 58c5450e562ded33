"""rds_rollback: rows of a moment come back, later ones are gone, and forward again they are there.

The instances are the emulator's, the servers behind them real. One sandbox serves all tests, in their order.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading

import pytest

from engines.errors import EngineError
from engines.postgres.session import parse
from engines.rds import apply, model
from engines.rds.verification import Users
from rehearsal.process import LOOPBACK, in_use
from rehearsal.recording import recording
from tests.library.rds_sandbox import APPLICATION, NAME, OWNER, ROOT, a_moment, begun, eventually


@pytest.fixture(scope="module")
def sandbox(servers, tmp_path_factory):
    with begun(tmp_path_factory.mktemp("way")) as sandbox:
        sandbox.write(1, "one")
        sandbox.write(2, "two")
        sandbox.moment = a_moment()
        sandbox.write(2, "changed")
        sandbox.write(3, "three")
        yield sandbox


@pytest.fixture(autouse=True)
def _account(sandbox, monkeypatch):
    for name, value in sandbox.config.aws.credentials().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def users(sandbox):
    target = sandbox.config.target
    return Users(
        parse(target.url("way", OWNER, OWNER)),
        parse(target.url("way", APPLICATION, APPLICATION)),
        ROOT / "migrations/alembic.ini",
    )


@pytest.fixture
def switch(users):
    def call(to, *, check=False):
        return apply.switch(model.read(to, NAME), users, timeout=60, check=check)

    return call


@pytest.fixture
def restore(users):
    def call(to, *, check=False):
        return apply.restore(model.read(to, NAME), users, jobs=2, timeout=60, check=check)

    return call


def _states(sandbox):
    return {name: one["DBInstanceStatus"] for name, one in sandbox.instances().items()}


def test_check_mode_says_what_would_be_done_and_makes_no_write(sandbox):
    with recording(sandbox.config.aws.endpoint) as recorder:
        answer = sandbox.call(sandbox.moment, state="switched", check=True, endpoint=recorder.endpoint)
        calls, writes = len(recorder.calls), recorder.writes

    assert answer["changed"]
    assert [line.split(": ", 1)[1].split(" ")[0] for line in answer["actions"]] == [
        "restore",
        "rename",
        "rename",
    ]
    assert (calls > 0, writes) == (True, [])
    assert _states(sandbox) == {NAME: "available"}


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("2020-01-01T00:00:00Z", "can be restored to any second from"),
        ("2120-01-01T00:00:00Z", "can be restored to any second from"),
        (f"{NAME}-before-200101-000000", "does not exist"),
        ("yesterday", "Write it as 2026-11-26T03:55:00Z"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_touched(sandbox, switch, to, says):
    with pytest.raises(EngineError, match=says):
        switch(to)
    assert _states(sandbox) == {NAME: "available"}


def test_the_restored_one_is_beside_and_the_table_says_what_would_change(sandbox, restore):
    answer = restore(sandbox.moment)

    assert answer["changed"]
    assert answer["rollback_instances"] == [answer["instance"]]
    assert [line.split() for line in answer["table"]] == [
        ["TABLE", "ROWS", "NOW", "ROWS", "THEN", "LOST", "BACK", "OTHER", "VALUES"],
        ["public.notes", "3", "2", "1", "0", "1"],
        ["2", "of", "3", "tables", "are", "equal"],
    ]
    assert sandbox.notes() == {1: "one", 2: "changed", 3: "three"}
    again = restore(sandbox.moment)
    assert (again["changed"], again["table"]) == (False, answer["table"])


def test_the_restored_one_is_set_up_like_the_one_in_use(sandbox):
    instances = sandbox.instances()
    [restored] = [one for name, one in instances.items() if name != NAME]
    own = {
        *("DBInstanceIdentifier", "DBInstanceArn", "DbiResourceId", "Endpoint", "TagList"),
        *("InstanceCreateTime", "LatestRestorableTime"),
    }

    assert {key: value for key, value in restored.items() if key not in own} == {
        key: value for key, value in instances[NAME].items() if key not in own
    }
    assert restored["DeletionProtection"]
    assert {"Key": "Project", "Value": "way"} in restored["TagList"]


def test_back_and_forward_and_back_again(sandbox, switch):
    back = switch(sandbox.moment)
    assert sandbox.notes() == {1: "one", 2: "two"}
    assert set(_states(sandbox)) == {NAME, back["kept"]}
    assert not switch(sandbox.moment)["changed"]

    sandbox.write(4, "written since")
    forward = switch(back["kept"])
    assert sandbox.notes() == {1: "one", 2: "changed", 3: "three"}
    assert not switch(back["kept"])["changed"]

    switch(forward["kept"])
    assert sandbox.notes() == {1: "one", 2: "two", 4: "written since"}


def test_what_is_in_use_can_be_gone_back_from_once_more(sandbox, switch):
    moment = a_moment()
    sandbox.write(5, "five")
    switch(moment)

    assert sandbox.notes() == {1: "one", 2: "two", 4: "written since"}


def test_the_servers_are_there_again_when_the_account_is(sandbox):
    """The emulator and the servers of other instances end, as when a machine is switched off."""
    before = sandbox.instances()
    ports = [one["Endpoint"]["Port"] for name, one in before.items() if name != NAME]
    eventually(
        lambda: "-pit-" not in sandbox.saved() and all(f'"{name}"' in sandbox.saved() for name in before)
    )
    sandbox.kill_account()
    eventually(lambda: all(in_use(port) for port in (sandbox.config.ports.aws, *ports)))

    assert len(ports) == 2
    eventually(lambda: set(_states(sandbox).values()) == {"available"})
    assert sandbox.instances().keys() == before.keys()


def test_a_run_that_is_killed_at_any_write_is_finished_by_the_same_command(sandbox):
    sandbox.write(6, "six")
    moment = a_moment()
    sandbox.write(7, "seven")
    names, kills = set(sandbox.instances()), []
    for _ in range(10):
        action = _killed_at_its_first_write(sandbox, moment)
        if not action:
            break
        kills.append(action)
    answer = sandbox.call(moment, state="switched")

    assert kills == ["rds:RestoreDBInstanceToPointInTime", *["rds:ModifyDBInstance"] * 3]
    assert (answer["changed"], answer["done"]) == (False, True)
    assert sandbox.notes() == {1: "one", 2: "two", 4: "written since", 6: "six"}
    assert len(set(sandbox.instances()) - names) == 1


def _killed_at_its_first_write(sandbox, moment):
    """Run the module, and kill it as soon as a write of it is on its way. Return which that was."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": sandbox.options(moment, state="switched")})
    seen = []
    with recording(sandbox.config.aws.endpoint) as recorder:
        written = threading.Event()

        def listen(call):
            if call.mutates and not written.is_set():
                process.send_signal(signal.SIGKILL)
                seen.append(call.action)
                written.set()

        recorder.listener = listen
        with subprocess.Popen(
            sandbox.command(),
            env=sandbox.environment | {"AWS_ENDPOINT_URL": recorder.endpoint},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as process:
            process.communicate(arguments)
    return seen[0] if seen else None


def test_an_instance_whose_database_is_not_the_wanted_one_is_not_switched_to(sandbox, switch, restore):
    before = sandbox.notes()
    sandbox.revision("of_another_program")
    moment = a_moment()
    sandbox.revision("head")
    with pytest.raises(EngineError, match="of_another_program, which this code does not have"):
        restore(moment)
    with pytest.raises(EngineError, match="of_another_program"):
        switch(moment)
    assert sandbox.notes() == before


def test_an_instance_that_does_not_let_the_service_in_is_not_switched_to(sandbox, users, restore):
    moment = a_moment()
    with sandbox.superuser() as session:
        session.execute(f"ALTER ROLE {APPLICATION} PASSWORD 'another'")
    target = sandbox.config.target
    now = Users(users.owner, parse(target.url("way", APPLICATION, "another")), users.alembic)
    with pytest.raises(EngineError, match=rf"{APPLICATION}@{LOOPBACK}:\d+/way cannot log in: wrong user"):
        apply.switch(model.read(moment, NAME), now, timeout=60, check=False)
    assert set(_states(sandbox).values()) == {"available"}

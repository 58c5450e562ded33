"""Ten bad releases and a good one, while users ask 20 times a second through the load balancer.

Every bad one is undone by itself, no request fails, and the message names the cause.
"""

from __future__ import annotations

import json
import threading
import time

import pytest
import urllib3

from tests.library.ecs_sandbox import Sandbox

PAUSE = 1 / 20
# Long enough for a start on a busy machine, so that what is never healthy is killed for that alone.
SHORT = {"health_check_grace": 6}
ENOUGH = 40  # requests: a release that fails within a second is watched for a moment longer
SLOW_EVERY = 7  # the others are answered at once; these take a second, so that some are always in hand


class Users:
    """Ask at a steady pace for the length of a ``with`` block, and count what was not answered with 200."""

    def __init__(self, url):
        self.url, self.asked, self.failed = url, 0, []
        self._http = urllib3.PoolManager(maxsize=50, retries=False, timeout=60)
        self._over = threading.Event()
        self._pacer = threading.Thread(target=self._pace)
        self._requests = []

    def __enter__(self):
        self._pacer.start()
        return self

    def __exit__(self, *_):
        while self._pacer.is_alive() and self.asked < ENOUGH:
            time.sleep(PAUSE)
        self._over.set()
        self._pacer.join()
        for request in self._requests:
            request.join()

    def _pace(self):
        due = time.monotonic()
        while not self._over.wait(max(0, due - time.monotonic())):
            due += PAUSE
            path = "/slow" if self.asked % SLOW_EVERY == 0 else "/"
            self.asked += 1
            self._requests.append(threading.Thread(target=self._ask, args=(path,)))
            self._requests[-1].start()

    def _ask(self, path):
        try:
            answer = self._http.request("GET", self.url + path)
            if answer.status != 200:
                self.failed.append(f"{path} {answer.status} {answer.data[:200]}")
        except urllib3.exceptions.HTTPError as error:
            self.failed.append(f"{path} {error}")


@pytest.fixture(scope="module")
def sandbox(aws):
    """Return a service with three tasks of a good revision, ``sandbox.good``."""
    sandbox = Sandbox(aws)
    sandbox.options.update(desired_count=3, health_check_grace=20, cpu=256, memory=512)
    sandbox.good = sandbox.image("good")
    assert not sandbox.call(image=sandbox.good).get("failed")
    yield sandbox
    sandbox.remove()


def bad(name, causes, kind="good", **more):
    return pytest.param(kind, causes, more, id=name)


@pytest.mark.parametrize(
    ("kind", "causes", "options"),
    [
        bad("crashes at once", ["exit code 3", "cannot go on"], "crash"),
        bad("crashes after healthy", ["exit code 4", "cannot go on"], "fleeting", trial_seconds=60),
        bad("never healthy", ["these codes: [503]"], "sick", **SHORT),
        bad("wrong port", ["nothing answers on port 8000", "listening on 9000"], "elsewhere", **SHORT),
        bad(
            "missing secret",
            ["ResourceInitializationError: unable to pull secrets", "/not/there"],
            secrets={"API_KEY": "/not/there"},
        ),
        bad("missing image", ["CannotPullContainerError", "sha256:" + "0" * 64], digest="sha256:" + "0" * 64),
        bad(
            "wrong platform",
            ["CannotPullContainerError", "matching platform 'linux/amd64'"],
            architecture="arm64",
        ),
        bad("out of memory", ["exit code 137", "OutOfMemoryError"], "hungry"),
        bad("health 500", ["these codes: [500]"], "broken", **SHORT),
        bad(
            "slow start beyond grace",
            ["takes longer to start than", "grace of 6 s", "starting late"],
            "late",
            **SHORT,
        ),
    ],
)
def test_a_bad_release_is_undone_and_nobody_notices(sandbox, kind, causes, options):
    image = sandbox.image(kind, options.pop("architecture", "amd64"))
    if "digest" in options:
        image = f"{sandbox.repository}@{options.pop('digest')}"
    before = sandbox.service()["taskDefinition"]
    with Users(sandbox.url) as users:
        failed = sandbox.call(image=image, **options)
    assert failed.get("failed"), failed
    assert [cause for cause in causes if cause not in failed["msg"]] == [], failed["msg"]
    assert users.failed == []
    assert sandbox.running() == sandbox.good.partition("@")[2]
    assert sandbox.service()["taskDefinition"] == before
    if failed["details"]["reason"] == "trial":
        assert "the service was not touched" in failed["msg"]
    else:
        assert failed["details"]["restored"]["verified"], failed["msg"]


def test_a_good_release_reaches_its_users_without_a_failed_request(sandbox):
    old = sandbox.service()["taskDefinition"].rpartition(":")[2]
    with Users(sandbox.url) as users:
        done = sandbox.call(image=sandbox.image("better"), trial_seconds=1, steady_seconds=2)
    assert done.get("changed"), done
    assert users.failed == []
    assert sandbox.running() == sandbox.image("better").partition("@")[2]
    drained = [line for line in sandbox.lines(old) if line.startswith("asked to stop")]
    assert drained == ["asked to stop with 0 requests in hand"] * 3
    stopped = [task for task in sandbox.tasks("STOPPED") if task["taskDefinitionArn"].endswith(f":{old}")]
    assert [task["containers"][0]["exitCode"] for task in stopped] == [0, 0, 0]
    assert {task["stopCode"] for task in stopped} == {"ServiceSchedulerInitiated"}
    assert {task["stoppedReason"].partition(" (")[0] for task in stopped} == {"Scaling activity initiated by"}


def test_what_crashes_after_it_has_reached_its_users_is_undone_too(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("BMII_EVENTS", str(tmp_path / "events"))
    good = sandbox.service()["taskDefinition"]
    failed = sandbox.crash_once_it_serves(
        tmp_path / "events", image=sandbox.image("crashes when asked to"), steady_seconds=200
    )
    assert "did not stay" in failed.get("msg", ""), json.dumps(failed)
    assert "exit code 4" in failed["msg"]
    assert failed["details"]["restored"]["verified"]
    assert sandbox.service()["taskDefinition"] == good

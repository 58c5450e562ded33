from __future__ import annotations

from dataclasses import replace

import pytest

from engines.aws import AwsError
from engines.ecs import inspection
from engines.ecs.inspection import Clients
from engines.ecs.model import Probe, Wait
from engines.ecs.rollout import watch
from engines.ecs.rollout.watch import Goal, Observer, Seen, StabilityCheck, Verdict, judge, progress, short
from engines.smoke import Answer

NEW = "arn:aws:ecs:us-east-1:000000000000:task-definition/bmii:7"
OLD = "arn:aws:ecs:us-east-1:000000000000:task-definition/bmii:6"
GOAL = Goal("bmii", "bmii", deployment_id="d2", definition_arn=NEW, digest="sha256:aa", url="http://lb")
THERE = Seen(
    deployment_id="d2",
    definition_arn=NEW,
    rollout_state="COMPLETED",
    our_state="COMPLETED",
    our_reason="",
    desired=2,
    running=2,
    healthy=2,
    answers=3,
    answer="/health answers from image sha256:aa",
)


def test_all_four_signs_together_are_success():
    assert judge(GOAL, THERE).state == "done"


def test_without_load_balancer_and_url_ecs_alone_is_asked():
    assert judge(GOAL, replace(THERE, healthy=None, answers=None)).state == "done"


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"rollout_state": "IN_PROGRESS"}, "rollout IN_PROGRESS"),
        ({"running": 1}, "1 of 2 tasks running"),
        ({"healthy": 1}, "1 of 2 targets healthy"),
        ({"other": 1}, "1 of its tasks run another image"),
        ({"answers": 2, "answer": "/health answers 503"}, "/health answers 503"),
    ],
)
def test_no_sign_is_trusted_alone(change, missing):
    verdict = judge(GOAL, replace(THERE, **change))
    assert (verdict.state, verdict.text) == ("waiting", missing)


def test_a_rollout_that_ecs_gave_up_is_failed_even_after_it_went_back():
    back = replace(
        THERE, deployment_id="d1", definition_arn=OLD, our_state="FAILED", our_reason="tasks failed to start"
    )
    verdict = judge(GOAL, back)
    assert verdict.state == "failed"
    assert "tasks failed to start" in verdict.text


@pytest.mark.parametrize("change", [{"definition_arn": OLD}, {"deployment_id": "d3"}])
def test_another_deployment_is_not_ours(change):
    assert judge(GOAL, replace(THERE, **change)).state == "replaced"


def test_a_deleted_service_is_not_waited_for():
    assert judge(GOAL, replace(THERE, is_deleted=True)).text == "the service was deleted"


def test_scaled_to_zero_there_is_nothing_to_answer():
    assert judge(GOAL, replace(THERE, desired=0, running=0, healthy=0, answers=0)).state == "done"


def test_a_crash_loop_makes_no_progress_beyond_its_best():
    starting = replace(THERE, rollout_state="IN_PROGRESS", running=0, healthy=0, answers=0)
    assert (
        progress(starting) < progress(replace(starting, running=1)) < progress(replace(starting, running=2))
    )
    assert progress(replace(starting, running=5)) == progress(replace(starting, running=2))


def test_short_names():
    assert short(NEW) == "bmii:7"
    assert short("") == "(none)"


DONE, WAITING = Verdict("done", "it answers"), Verdict("waiting", "0 of 1 tasks running")


def states(steady, *verdicts):
    """Return what each verdict comes to, one a second."""
    course = StabilityCheck(steady)
    return [course.after(verdict, second).state for second, verdict in enumerate(verdicts)]


def test_without_a_steady_time_the_first_success_counts():
    assert states(0, WAITING, DONE) == ["waiting", "done"]


def test_a_success_has_to_last():
    assert states(2, DONE, DONE, DONE) == ["waiting", "waiting", "done"]


def test_one_bad_look_is_a_moment_and_two_are_a_failure():
    assert states(2, DONE, WAITING, DONE) == ["waiting", "waiting", "done"]
    assert states(9, WAITING, WAITING, DONE, WAITING, WAITING)[2:] == ["waiting", "waiting", "failed"]


def test_what_crashes_and_is_replaced_between_two_looks_did_not_stay():
    course = StabilityCheck(9)
    assert [course.after(DONE, second, lost=2).state for second in range(3)] == ["waiting"] * 3
    verdict = course.after(DONE, 3, lost=3)
    assert verdict.state == "failed"
    assert "did not stay: 1 of its tasks ended" in verdict.text


@pytest.mark.parametrize(
    ("code", "reason", "failed"),
    [
        ("EssentialContainerExited", "Essential container in task exited", True),
        ("TaskFailedToStart", "CannotPullContainerError", True),
        ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)", True),
        ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", False),
        ("UserInitiated", "somebody looked", False),
        ("TerminationNotice", "ECS is performing maintenance", False),
    ],
)
def test_a_task_fails_by_its_own_fault_only(code, reason, failed):
    assert inspection.failed({"stopCode": code, "stoppedReason": reason}) is failed


def watching(monkeypatch, *looks, timeout=60.0):
    """Return an observer for whom things stand like that, look by look."""
    following = iter(looks)

    def look(self, goal):
        found = next(following)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(Observer, "look", look)
    return Observer(Clients(), None, Wait(timeout, first=0.01, longest=0.01), lambda *_, **__: None)


def test_a_moment_without_aws_is_waited_through(monkeypatch):
    lost = AwsError("Could not connect", is_passing=True)
    starting = replace(THERE, rollout_state="IN_PROGRESS")
    assert watching(monkeypatch, starting, lost, lost, THERE).until(GOAL).state == "done"


def test_what_aws_refuses_is_not_waited_for(monkeypatch):
    denied = AwsError("DescribeServices failed (AccessDenied)", code="AccessDenied")
    with pytest.raises(AwsError, match="AccessDenied"):
        watching(monkeypatch, denied, THERE).until(GOAL)


def test_aws_that_stays_away_is_a_timeout(monkeypatch):
    lost = AwsError("Could not connect", is_passing=True)
    verdict = watching(monkeypatch, *[lost] * 1000, timeout=0.05).until(GOAL)
    assert verdict.state == "timeout"
    assert "AWS cannot be asked: Could not connect" in verdict.text


def test_a_long_wait_reports_that_it_is_alive(monkeypatch, clock):
    monkeypatch.setattr(watch, "time", clock)
    reported = []
    observer = Observer(
        Clients(),
        None,
        Wait(60, first=1, longest=1, heartbeat=5),
        lambda kind, **_: reported.append(kind),
    )
    looks = iter([replace(THERE, rollout_state="IN_PROGRESS")] * 20 + [THERE])
    monkeypatch.setattr(Observer, "look", lambda self, goal: next(looks))
    assert observer.until(GOAL).state == "done"
    assert 3 <= len(reported) <= 5
    assert set(reported) == {"ecs.rollout"}


class Answering:
    """Answers every request with ``answer``, and notes the addresses."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def send(self, request):
        self.asked.append(request.url)
        return self.answer


@pytest.mark.parametrize(
    ("probe", "answer", "expected"),
    [
        (Probe(), Answer(500, "", 1), (None, "")),
        (Probe("/up"), Answer(200, "all is well", 1), (3, "/up answers 200")),
        (Probe("/up", status=(204,)), Answer(200, "", 1), (0, "/up answers 200: ")),
        (
            Probe("/h", json="build.image"),
            Answer(200, '{"build": {"image": "sha256:aa"}}', 1),
            (3, "/h answers from image sha256:aa"),
        ),
        (
            Probe("/h", json="image"),
            Answer(200, "ok", 1),
            (0, "/h answers from image (not named), not sha256:aa"),
        ),
        (
            Probe("/h", header="X-Image"),
            Answer(200, "ok", 1, {"x-image": "sha256:aa"}),
            (3, "/h answers from image sha256:aa"),
        ),
        (
            Probe("/h", header="X-Image"),
            Answer(200, "ok", 1, {"x-image": "sha256:bb"}),
            (0, "/h answers from image sha256:bb, not sha256:aa"),
        ),
    ],
)
def test_what_an_answer_says_depends_on_what_the_service_can_say(probe, answer, expected):
    http = Answering(answer)

    assert watch._answers(replace(GOAL, probe=probe), http) == expected
    assert set(http.asked) <= {f"http://lb{probe.path}"}


@pytest.mark.parametrize(
    ("containers", "other"),
    [
        ([{}], False),
        ([{"imageDigest": "sha256:aa"}], False),
        ([{"imageDigest": "sha256:bb"}], True),
        ([{"imageDigest": "sha256:bb"}, {"imageDigest": "sha256:aa"}], False),
    ],
)
def test_a_task_is_known_by_the_image_that_ecs_has_pulled(containers, other):
    assert watch._is_other({"containers": containers}, "sha256:aa") == other
    assert not watch._is_other({"containers": containers}, "")

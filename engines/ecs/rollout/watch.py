"""Watching a rollout: polling it, judging what was seen, and how long to wait.

``services-stable`` and target health alone are not enough: the former holds for a service that the circuit
breaker has returned to its old revision, the latter for its old tasks. Success is that tasks of the wanted
revision run the wanted image, by the digest that ECS has pulled, are healthy targets, and answer requests.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from engines.aws import AwsError
from engines.ecs import inspection, plan
from engines.ecs.inspection import Clients
from engines.ecs.model import NO_PROBE, Probe, Wait
from engines.events import Emit
from engines.smoke import Answer, Http, NoAnswerError, Request, pick

# Successive answers of the new image: behind a load balancer an old task may give the next one.
_ANSWERS = 3
# So many polls in a row without the goal, after it was reached, are a failure: one may be a short lapse.
_LAPSES = 2
_SHOWN = 200


@dataclass(frozen=True)
class Goal:
    """The state to reach; an empty URL, target group or digest is not checked."""

    cluster: str
    service: str
    deployment_id: str
    definition_arn: str
    digest: str
    url: str = ""
    probe: Probe = NO_PROBE
    target_group_arn: str = ""


@dataclass(frozen=True)
class Seen:
    """The result of a poll. ``healthy`` counts targets of the new revision's tasks; ``None`` without a group.

    ``answers`` is the number of answers in a row that came from the wanted image, ``lost`` that of the new
    revision's tasks that have ended of themselves so far, ``other`` that of its running tasks for which
    ECS has pulled another image.
    """

    deployment_id: str
    definition_arn: str
    rollout_state: str
    our_state: str
    our_reason: str
    desired: int
    running: int
    healthy: int | None
    answers: int | None
    answer: str
    lost: int = 0
    other: int = 0
    is_deleted: bool = False


@dataclass(frozen=True)
class Verdict:
    """The state of a rollout; ``text`` says what is missing, or what went wrong.

    ``served``: the new revision was seen to take traffic, however it ended.
    """

    state: Literal["done", "waiting", "failed", "replaced", "timeout"]
    text: str
    served: bool = False


def judge(goal: Goal, seen: Seen) -> Verdict:
    """Return whether the goal is reached, can still be reached, or is lost."""
    if seen.our_state == "FAILED":
        return Verdict("failed", f"ECS gave the rollout up: {seen.our_reason or 'without a reason'}")
    if seen.is_deleted:
        return Verdict("replaced", "the service was deleted")
    if seen.definition_arn != goal.definition_arn or seen.deployment_id != goal.deployment_id:
        return Verdict(
            "replaced", f"the service was moved to another deployment, of {short(seen.definition_arn)}"
        )
    missing = []
    if seen.rollout_state != "COMPLETED":
        missing.append(f"rollout {seen.rollout_state or 'not begun'}")
    if seen.running != seen.desired:
        missing.append(f"{seen.running} of {seen.desired} tasks running")
    if seen.other:
        missing.append(f"{seen.other} of its tasks run another image")
    if seen.healthy is not None and seen.healthy < seen.desired:
        missing.append(f"{seen.healthy} of {seen.desired} targets healthy")
    if seen.answers is not None and seen.answers < _ANSWERS and seen.desired:
        missing.append(seen.answer)
    return Verdict("waiting", "; ".join(missing)) if missing else Verdict("done", seen.answer)


class StabilityCheck:
    """Decides from successive verdicts whether the goal has stayed reached for ``steady`` seconds."""

    def __init__(self, steady: float) -> None:
        self._steady = steady
        self._since: float | None = None
        self._lapses = 0
        self._lost = 0

    def after(self, verdict: Verdict, now: float, lost: int = 0) -> Verdict:
        """Return the verdict so far, at ``now`` seconds of a steady clock.

        ``lost`` is the number of tasks that have ended so far: a task that crashes and is replaced between
        two polls is seen running at both.
        """
        if self._since is not None and lost > self._lost and verdict.state in {"done", "waiting"}:
            ended = f"{lost - self._lost} of its tasks ended"
            return Verdict("failed", f"it had reached its users and did not stay: {ended}; {verdict.text}")
        if verdict.state == "done":
            if self._since is None:
                self._since, self._lost = now, lost
            self._lapses = 0
            if now - self._since >= self._steady:
                return verdict
            return Verdict("waiting", f"{verdict.text}; it has to stay so for {self._steady:g} s")
        if verdict.state != "waiting" or self._since is None:
            return verdict
        self._lapses += 1
        if self._lapses < _LAPSES:
            return verdict
        return Verdict("failed", f"it had reached its users and did not stay: {verdict.text}")


def progress(seen: Seen) -> int:
    """Return a number that grows while a release comes up; a loop of crashes does not get beyond its best."""
    return (
        int(seen.rollout_state == "COMPLETED")
        + min(seen.running, seen.desired)
        + min(seen.healthy or 0, seen.desired)
        + (seen.answers or 0)
    )


def serves(seen: Seen) -> bool:
    """Return whether users could be answered by the new revision at this poll."""
    return bool(seen.answers) or bool(seen.running if seen.healthy is None else seen.healthy)


@dataclass(frozen=True)
class Observer:
    """Polls ECS, the load balancer and the service itself until a goal is reached or lost."""

    clients: Clients
    http: Http
    wait: Wait
    report: Emit

    def until(self, goal: Goal) -> Verdict:
        """Poll until the goal is reached or lost, or ``wait.timeout`` seconds went by without progress.

        Raises ``AwsError`` when AWS refuses to be asked; that it cannot be asked may pass.
        """
        best, moved = 0, time.monotonic()
        pause, reported, reported_at = self.wait.first, "", 0.0
        course = StabilityCheck(self.wait.steady)
        served = False
        while True:
            verdict, reached = self._so_far(goal, course)
            served = served or verdict.served
            now = time.monotonic()
            if verdict.text != reported or now - reported_at > self.wait.heartbeat:
                self.report("ecs.rollout", service=goal.service, state=verdict.state, text=verdict.text)
                reported, reported_at = verdict.text, now
            if verdict.state != "waiting":
                return replace(verdict, served=served)
            if reached > best:
                best, moved = reached, now
            if now - moved > self.wait.timeout:
                return Verdict("timeout", f"no progress in {self.wait.timeout:g} s: {verdict.text}", served)
            time.sleep(pause)
            pause = min(pause * 1.5, self.wait.longest)

    def _so_far(self, goal: Goal, course: StabilityCheck) -> tuple[Verdict, int]:
        """Poll once; return the verdict and the progress so far."""
        try:
            seen = self.look(goal)
        except AwsError as error:
            if not error.is_passing:
                raise
            return Verdict("waiting", f"AWS cannot be asked: {error.what}"), 0
        verdict = course.after(judge(goal, seen), time.monotonic(), seen.lost)
        return replace(verdict, served=serves(seen)), progress(seen)

    def look(self, goal: Goal) -> Seen:
        """Return the current state."""
        now = inspection.describe(self.clients, goal.cluster, goal.service) or {}
        first = plan.primary(now)
        ours = plan.deployment(now, goal.deployment_id)
        running, healthy, other = _tasks(self.clients, goal)
        answers, answer = _answers(goal, self.http)
        return Seen(
            deployment_id=first.get("id", ""),
            definition_arn=now.get("taskDefinition", ""),
            rollout_state=first.get("rolloutState", ""),
            our_state=ours.get("rolloutState", ""),
            our_reason=ours.get("rolloutStateReason", ""),
            desired=now.get("desiredCount", 0),
            running=running,
            healthy=healthy,
            answers=answers,
            answer=answer,
            lost=_lost(self.clients, goal) if self.wait.steady else 0,
            other=other,
            is_deleted=now.get("status") in {"DRAINING", "INACTIVE"},
        )


def short(arn: str) -> str:
    """``shop:7`` of a task definition's ARN."""
    return arn.rpartition("/")[2] or "(none)"


def _tasks(clients: Clients, goal: Goal) -> tuple[int, int | None, int]:
    """Count the revision's running tasks, its healthy targets, and the tasks that run another image."""
    ours: list[Mapping[str, Any]] = [
        task
        for task in inspection.tasks(clients, goal.cluster, goal.service, "RUNNING")
        if task["taskDefinitionArn"] == goal.definition_arn and task["lastStatus"] == "RUNNING"
    ]
    other = sum(_is_other(task, goal.digest) for task in ours)
    if not goal.target_group_arn:
        return len(ours), None, other
    at = inspection.addresses(ours)
    healthy = {
        target.address
        for target in inspection.targets(clients, goal.target_group_arn)
        if target.state == "healthy"
    }
    return len(ours), len(healthy & at), other


def _lost(clients: Clients, goal: Goal) -> int:
    """Count the tasks of the wanted revision that ended although nobody had asked them to."""
    return sum(
        task["taskDefinitionArn"] == goal.definition_arn and inspection.failed(task)
        for task in inspection.tasks(clients, goal.cluster, goal.service, "STOPPED")
    )


def _answers(goal: Goal, http: Http) -> tuple[int | None, str]:
    """Count how many answers in a row are as they should be, and say what the last one was."""
    probe = goal.probe
    if not goal.url or not probe.path:
        return None, ""
    url, found = goal.url.rstrip("/") + probe.path, ""
    for count in range(_ANSWERS):
        try:
            answer = http.send(Request("GET", url))
        except NoAnswerError as error:
            return count, f"{probe.path} does not answer: {error}"
        if answer.status not in probe.status:
            return count, f"{probe.path} answers {answer.status}: {answer.text[:_SHOWN]}"
        found = f"{probe.path} answers {answer.status}"
        if probe.json or probe.header:
            image = _image(probe, answer)
            found = f"{probe.path} answers from image {goal.digest or '(not compared)'}"
            if goal.digest and image != goal.digest:
                return count, f"{probe.path} answers from image {image or '(not named)'}, not {goal.digest}"
    return _ANSWERS, found


def _image(probe: Probe, answer: Answer) -> str:
    """Return the image that an answer names, or an empty text."""
    if probe.header:
        return answer.headers.get(probe.header.lower(), "")
    try:
        found = pick(answer.json(), probe.json)
    except ValueError:
        return ""
    return found if isinstance(found, str) else ""


def _is_other(task: Mapping[str, Any], digest: str) -> bool:
    """Whether ECS says that a task runs another image. Before it was pulled, ECS names none."""
    named = {one["imageDigest"] for one in task.get("containers", []) if one.get("imageDigest")}
    return bool(digest and named) and digest not in named

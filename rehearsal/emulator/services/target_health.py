"""Health of load balancer targets: what the emulator says is always ``healthy`` is measured here.

Each target is asked over HTTP as its target group says (path, port, matcher, thresholds), only more often
than on AWS, so that a rehearsal does not wait for minutes.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

LONGEST_INTERVAL = 1.0
_LONGEST_TIMEOUT = 2.0
_TICK = 0.2
_DRAINING_SHOWN = 2.0  # seconds; on AWS as long as deregistration_delay.timeout_seconds

Key = tuple[str, str, int]  # target group ARN, address, port


@dataclass(frozen=True)
class Health:
    """What is known of one target. ``passed`` and ``failed`` count checks in a row."""

    state: str = "initial"
    reason: str = "Elb.RegistrationInProgress"
    description: str = "Target registration is in progress"
    passed: int = 0
    failed: int = 0
    since: float = 0.0


def after(health: Health, problem: str, *, healthy_at: int, unhealthy_at: int) -> Health:
    """Return the health after one more check, which passed when ``problem`` is empty.

    As on AWS, a target that was just registered needs one success; later changes need their thresholds.
    """
    if not problem:
        passed = health.passed + 1
        if health.state in {"healthy", "initial"} or passed >= healthy_at:
            return Health("healthy", "", "", passed, 0, health.since)
        return replace(health, passed=passed, failed=0)
    failed = health.failed + 1
    if failed >= unhealthy_at or health.state == "unhealthy":
        reason = "Target.Timeout" if problem == "Request timed out" else "Target.FailedHealthChecks"
        if problem.startswith("Health checks failed with these codes"):
            reason = "Target.ResponseCodeMismatch"
        return Health("unhealthy", reason, problem, 0, failed, health.since)
    if health.state == "initial":
        return Health(
            "initial",
            "Elb.InitialHealthChecking",
            "Initial health checks in progress",
            0,
            failed,
            health.since,
        )
    return replace(health, passed=0, failed=failed)


def matches(status: int, matcher: str) -> bool:
    """Return whether ``status`` is one of ``matcher``'s codes (``200``, ``200,204``, ``200-299``)."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def probe(group: Mapping[str, Any], address: str, port: int) -> str:
    """Ask a target once. Return what is wrong, in AWS's words, or nothing."""
    configured = str(group.get("HealthCheckPort") or "traffic-port")
    checked = port if configured == "traffic-port" else int(configured)
    timeout = min(float(group.get("HealthCheckTimeoutSeconds") or 5), _LONGEST_TIMEOUT)
    connection = http.client.HTTPConnection(address, checked, timeout=timeout)
    try:
        connection.request(
            "GET", str(group.get("HealthCheckPath") or "/"), headers={"User-Agent": "ELB-HealthChecker/2.0"}
        )
        status = connection.getresponse().status
    except TimeoutError:
        return "Request timed out"
    except (OSError, http.client.HTTPException):
        return "Health checks failed"
    finally:
        connection.close()
    fine = matches(status, str((group.get("Matcher") or {}).get("HttpCode") or "200"))
    return "" if fine else f"Health checks failed with these codes: [{status}]"


class Prober:
    """Asks all targets, in the background.

    ``targets`` returns, at each tick, every registered target with its target group.
    """

    def __init__(self, targets: Callable[[], Mapping[Key, Mapping[str, Any]]]) -> None:
        self._targets = targets
        self._health: dict[Key, Health] = {}
        self._due: dict[Key, float] = {}
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="target-health")

    def start(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._run, name="target-health", daemon=True).start()

    def of(self, key: Key) -> Health:
        """Return what is known of a target; one never seen is ``initial``."""
        return self._health.get(key, Health())

    def draining(self, group: str) -> list[Key]:
        """Return the targets of a group that were deregistered a moment ago."""
        return [
            key
            for key, health in list(self._health.items())
            if key[0] == group and health.state == "draining"
        ]

    def tick(self) -> None:
        """Begin the checks that are due, and forget targets that left a while ago."""
        now = time.monotonic()
        current = self._targets()
        for key in [key for key in self._health if key not in current]:
            health = self._health[key]
            if health.state != "draining":
                text = "Target deregistration is in progress"
                self._health[key] = Health("draining", "Target.DeregistrationInProgress", text, since=now)
            elif now - health.since > _DRAINING_SHOWN:
                del self._health[key]
                self._due.pop(key, None)
        for key, group in current.items():
            if self._health.get(key, Health("draining")).state == "draining":
                self._health[key] = Health(since=now)
                self._due.pop(key, None)
            if now >= self._due.get(key, 0):
                interval = float(group.get("HealthCheckIntervalSeconds") or 30)
                self._due[key] = now + min(interval, LONGEST_INTERVAL)
                self._pool.submit(self._check, key, dict(group))

    def _run(self) -> None:
        while True:
            self.tick()
            time.sleep(_TICK)

    def _check(self, key: Key, group: Mapping[str, Any]) -> None:
        problem = probe(group, key[1], key[2])
        health = self._health.get(key)
        if health is None or health.state == "draining":
            return
        self._health[key] = after(
            health,
            problem,
            healthy_at=int(group.get("HealthyThresholdCount") or 5),
            unhealthy_at=int(group.get("UnhealthyThresholdCount") or 2),
        )

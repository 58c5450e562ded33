"""Drift of a stack, by CloudFormation's own detection. Nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from engines import aws
from engines.aws import translated
from engines.stack.errors import DriftError
from engines.stack.model import SETTLED, Drift, Drifted

_POLL = 2.0
_DRIFTED = ("MODIFIED", "DELETED")
_SHORT = 60
_SECRET = ("Password", "Secret", "Token")


def detect(name: str, region: str = "", timeout: float = 600) -> Drift:
    """Let AWS compare the stack's resources with their template. Raises ``DriftError`` and ``AwsError``.

    ``timeout`` is in seconds. A stack that is not there has no drift.
    """
    cloudformation = aws.client("cloudformation", **({"region_name": region} if region else {}))
    try:
        with translated(f"stack {name}"):
            status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except aws.AwsError as error:
        if error.code == "ValidationError" and "does not exist" in error.what:
            return Drift(name, exists=False)
        raise
    if status not in SETTLED:
        raise DriftError(
            f"is in {status}", subject=f"stack {name}", remedy="Finish it first: run migrate.yml."
        )
    with translated(f"stack {name}"):
        _wait(cloudformation, name, cloudformation.detect_stack_drift(StackName=name), timeout)
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        present = [one["LogicalResourceId"] for page in pages for one in page["StackResourceSummaries"]]
        found = _drifts(cloudformation, name)
    looked = [one for one in found if one["StackResourceDriftStatus"] != "NOT_CHECKED"]
    seen = {one["LogicalResourceId"] for one in looked}
    drifted = tuple(_drifted(one) for one in looked if one["StackResourceDriftStatus"] in _DRIFTED)
    return Drift(name, True, drifted, len(looked), tuple(sorted(set(present) - seen)))


def _wait(cloudformation: Any, name: str, started: Mapping[str, Any], timeout: float) -> None:
    """Wait until AWS has finished the detection."""
    deadline = time.monotonic() + timeout
    while True:
        answer = cloudformation.describe_stack_drift_detection_status(
            StackDriftDetectionId=started["StackDriftDetectionId"]
        )
        if answer["DetectionStatus"] == "DETECTION_COMPLETE":
            return
        reason = answer.get("DetectionStatusReason", "")
        if answer["DetectionStatus"] == "DETECTION_FAILED":
            raise DriftError(
                f"AWS could not check every resource for drift: {reason}",
                subject=f"stack {name}",
                remedy="Look at the stack's drift in the console, or run drift.yml again.",
            )
        if time.monotonic() > deadline:
            raise DriftError(
                f"AWS was not done after {timeout:.0f} s",
                subject=f"stack {name}",
                remedy="Run drift.yml again.",
            )
        time.sleep(_POLL)


def _drifts(cloudformation: Any, name: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = cloudformation.describe_stack_resource_drifts(StackName=name, **token)
        found += page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def _drifted(one: Mapping[str, Any]) -> Drifted:
    differences: Sequence[Mapping[str, str]] = one.get("PropertyDifferences", [])
    return Drifted(
        one["LogicalResourceId"],
        one["ResourceType"],
        one["StackResourceDriftStatus"],
        tuple(
            {
                "path": each["PropertyPath"],
                "before": _shown(each["PropertyPath"], each.get("ExpectedValue", "")),
                "after": _shown(each["PropertyPath"], each.get("ActualValue", "")),
            }
            for each in differences
        ),
    )


def _shown(path: str, value: str) -> str:
    """Return a value in short; one that may be a secret is not shown."""
    if any(word in path for word in _SECRET):
        return "(hidden)"
    return value if len(value) <= _SHORT else f"{value[:_SHORT]}…"

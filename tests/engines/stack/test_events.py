"""Following what CloudFormation does to a stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engines.stack.events import follow

STACK = "AWS::CloudFormation::Stack"


def event(number: int, status: str, kind: str = "AWS::RDS::DBInstance", reason: str = "") -> dict[str, Any]:
    found = {
        "EventId": str(number),
        "ResourceStatus": status,
        "LogicalResourceId": "Thing",
        "ResourceType": kind,
    }
    return {**found, "ResourceStatusReason": reason} if reason else found


def followed(*looks: list[dict[str, Any]], lives: int = 100) -> list[str]:
    """Follow a stack whose events look like this, one look after the other; return what was told."""
    waiting: Iterator[list[dict[str, Any]]] = iter(looks)
    last: list[dict[str, Any]] = []
    reported: list[str] = []
    left = [lives]

    def events() -> Iterator[dict[str, Any]]:
        nonlocal last
        last = next(waiting, last)
        return iter(last)

    def alive() -> bool:
        left[0] -= 1
        return left[0] >= 0

    def report(kind: str, **fields: object) -> None:
        reported.append(" ".join(str(one) for one in (kind, *fields.values()) if one))

    follow(events, "1", alive, report, lambda _: None)
    return reported


OLD = event(1, "CREATE_COMPLETE", STACK)
BEGINS = event(2, "UPDATE_IN_PROGRESS", STACK)
MAKES = event(3, "CREATE_IN_PROGRESS")
FAILS = event(4, "CREATE_FAILED", reason="no room")
ENDS = event(5, "UPDATE_ROLLBACK_COMPLETE", STACK)


def test_what_is_new_is_reported_in_order_until_the_stack_has_ended() -> None:
    reported = followed(
        [OLD], [MAKES, BEGINS, OLD], [MAKES, BEGINS, OLD], [ENDS, FAILS, MAKES, BEGINS, OLD], [event(6, "X")]
    )
    assert reported == [
        "stack.event UPDATE_IN_PROGRESS Thing CloudFormation::Stack",
        "stack.event CREATE_IN_PROGRESS Thing RDS::DBInstance",
        "stack.event CREATE_FAILED Thing RDS::DBInstance no room",
        "stack.event UPDATE_ROLLBACK_COMPLETE Thing CloudFormation::Stack",
    ]


def test_it_ends_with_the_run_and_where_nothing_begins() -> None:
    assert len(followed([MAKES, BEGINS, OLD], lives=1)) == 2
    assert followed([OLD], [MAKES, BEGINS, OLD], lives=1) == []
    assert followed([OLD], lives=10_000) == []
    assert followed([], lives=0) == []

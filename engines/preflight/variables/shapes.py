"""What structured values must be: functions that yield the key that is wrong, what is wrong, the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Fault = tuple[str, str, str]

_PORTS = 65535
_PREFIX = 512  # half of what a key may have
_ACCESS = ("write", "read", "none")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# What a test of the module smoke_test may have.
_TEST_KEYS = {
    *("name", "path", "method", "headers", "body", "status", "json", "json_contains", "latency_ms", "repeat"),
}
_SCALING = {"min": (0, 5000), "max": (0, 5000), "cpu": (1, 100), "memory": (1, 100)}


def _whole(value: object) -> int | None:
    text = str(value)
    return int(text) if not isinstance(value, bool) and re.fullmatch(r"-?\d+", text) else None


def _autoscaling(value: Mapping[str, Any]) -> Iterator[Fault]:
    for key in value:
        if key not in _SCALING:
            yield key, "is not known", f"Correct the name; there are {', '.join(_SCALING)}."
    for key, (least, most) in _SCALING.items():
        number = _whole(value.get(key, least))
        if number is None or not least <= number <= most:
            yield key, "is out of range", f"Set {least} to {most}."
            return
    if value and not {"min", "max"} <= value.keys():
        yield "", "lacks min or max", "Set both, and cpu or memory."
    elif value and not {"cpu", "memory"} & value.keys():
        yield "", "has neither cpu nor memory", "Set the percentage to hold of one of them, or of both."
    elif value and int(value["min"]) > int(value["max"]):
        yield "max", "is less than min", "Set as many or more."


def _health_check(value: Sequence[Any]) -> Iterator[Fault]:
    if value and (value[0] not in {"CMD", "CMD-SHELL"} or len(value) == 1):
        yield (
            "",
            "does not begin with CMD or CMD-SHELL, or names no command",
            "Write one such as [CMD, true].",
        )


def _smoke_tests(value: Sequence[Any]) -> Iterator[Fault]:
    for number, test in enumerate(value, start=1):
        for key in sorted(map(str, set(test) - _TEST_KEYS)):
            yield "", f"entry {number}: {key} is not known", f"There are {', '.join(sorted(_TEST_KEYS))}."
        if not str(test.get("path") or "").startswith("/"):
            yield "", f"entry {number}: its path does not begin with a slash", "Write one such as /health."
        if str(test.get("method", "GET")).upper() not in _METHODS:
            yield "", f"entry {number}: its method is not one of HTTP", "Write one such as POST."
        status = test.get("status", [200])
        if not isinstance(status, list) or any(not 100 <= (_whole(one) or 0) <= 599 for one in status):  # noqa: PLR2004 - HTTP's own limits
            yield "", f"entry {number}: status is not a list of statuses", "Write one such as [200]."


def _buckets(value: Sequence[Any]) -> Iterator[Fault]:
    for one in value:
        if one.get("access", "write") not in _ACCESS:
            yield "", f"{one['name']}: its access is not known", f"Set one of {', '.join(_ACCESS)}."
        for prefix in (one.get("source_prefix") or "", one.get("target_prefix") or ""):
            if prefix.startswith("/") or "//" in prefix or len(prefix) > _PREFIX:
                yield "", f"{one['name']}: {prefix!r} is no prefix of keys", "Write one such as invoices/."
        for rule in one.get("lifecycle") or ():
            if not {"Id", "Status"} <= rule.keys():
                what = f"{one['name']}: a rule of its lifecycle has no Id or no Status"
                yield (
                    "",
                    what,
                    "Write it as CloudFormation does: {Id: old, Status: Enabled, ExpirationInDays: 30}.",
                )


def _ports(value: Mapping[str, Any]) -> Iterator[Fault]:
    numbers: dict[int, str] = {}
    for name, one in value.items():
        port = _whole(one)
        if port is None or not 1 <= port <= _PORTS:
            yield name, "is not a port", f"Set a number from 1 to {_PORTS}."
        elif port in numbers:
            yield name, f"is the port of {numbers[port]} as well", "Give each server a port of its own."
        else:
            numbers[port] = name


SHAPES: Mapping[str, Callable[[Any], Iterator[Fault]]] = {
    "autoscaling": _autoscaling,
    "buckets": _buckets,
    "health_check": _health_check,
    "ports": _ports,
    "smoke_tests": _smoke_tests,
}

"""What structured values must be: functions that yield the key that is wrong, what is wrong, the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engines.preflight.variables.forms import FORMS

Fault = tuple[str, str, str]

_PORTS = 65535
_FIRST_STATUS, _LAST_STATUS = 100, 599
_PREFIX = 512  # half of what a key may have
_WORKER = re.compile(r"(?=.{1,30}$)[a-z0-9]+(?:-[a-z0-9]+)*")
_TASKS = 5000  # that ECS keeps of a service
_ACCESS = ("write", "read", "none")
_METHOD = re.compile(r"[A-Z]+(?:-[A-Z]+)*")
# What a test of the module smoke_test may have.
_TEST_KEYS = {
    *("name", "path", "method", "headers", "body", "text", "status", "json", "json_contains", "matches"),
    *("latency_ms", "repeat"),
}
_REQUEST_KEYS = {"path", "method", "headers", "body", "text", "ignore"}
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


def _workers(value: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    names = [str(one["name"]) for one in value]
    for one in value:
        for what, remedy in _worker(one):
            yield "", f"{one['name']}: {what}", remedy
        if names.count(str(one["name"])) > 1:
            yield "", f"{one['name']} is the name of two", "Give each a name of its own."
            return


def _worker(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not _WORKER.fullmatch(str(one["name"])):
        yield "its name is not one that AWS takes", "Use at most 30 of a-z, 0-9 and single hyphens."
    if not one.get("command") and not one.get("entrypoint"):
        yield (
            "has neither command nor entrypoint, so that it would be the service itself",
            "Write what it runs, such as command: [work].",
        )
    count = _whole(one.get("count", 1))
    if count is None or not 0 <= count <= _TASKS:
        yield "its count is out of range", f"Set 0 to {_TASKS}."
    for _, what, remedy in _health_check(one.get("health") or ()):
        yield f"its health {what}", remedy
    yield from _variables(one.get("environment") or {}, one.get("secrets") or {})


def _variables(environment: Mapping[str, Any], secrets: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the variables of a worker. No value is quoted: it may be the secret itself."""
    for name in (*environment, *secrets):
        if not FORMS["environment_variable"].accepts(str(name)):
            yield f"{name} is not {FORMS['environment_variable'].name}", FORMS["environment_variable"].remedy
    for name, one in environment.items():
        if isinstance(one, list | dict):
            yield f"its environment's {name} is not a single value", "Write one value, in quotes."
    for name, place in secrets.items():
        if not FORMS["parameter"].accepts(str(place)):
            yield f"its secret {name} is not {FORMS['parameter'].name}", FORMS["parameter"].remedy
    for name in sorted(set(environment) & set(secrets)):
        yield f"{name} is in its environment and in its secrets", "Keep it in one of the two."


def _health_check(value: Sequence[Any]) -> Iterator[Fault]:
    if value and (value[0] not in {"CMD", "CMD-SHELL"} or len(value) == 1):
        yield (
            "",
            "does not begin with CMD or CMD-SHELL, or names no command",
            "Write one such as [CMD, true].",
        )


def _probe(value: Mapping[str, Any]) -> Iterator[Fault]:
    if value.get("json") and value.get("header"):
        yield "", "names the image twice, by json and by header", "Keep one of them."
    if value.get("path") and not str(value["path"]).startswith("/"):
        yield "path", "does not begin with a slash", "Write one such as /health."
    if value.get("status") is not None and not _are_statuses(value["status"]):
        yield "status", "is not a list of statuses", "Write one such as [200]."


def _are_statuses(value: object) -> bool:
    return isinstance(value, list) and all(
        _FIRST_STATUS <= (_whole(one) or 0) <= _LAST_STATUS for one in value
    )


def _request(number: int, one: object, known: set[str], path: str) -> Iterator[Fault]:
    """Yield what is wrong with an entry of a list of requests; ``path`` is an example."""
    if not isinstance(one, Mapping):
        yield "", f"entry {number} is no mapping", f"Write one such as {{path: {path}}}."
        return
    for key in sorted(map(str, set(one) - known)):
        yield "", f"entry {number}: {key} is not known", f"There are {', '.join(sorted(known))}."
    if not str(one.get("path") or "").startswith("/"):
        yield "", f"entry {number}: its path does not begin with a slash", f"Write one such as {path}."
    if not _METHOD.fullmatch(str(one.get("method", "GET"))):
        yield "", f"entry {number}: its method is not one of HTTP", "Write one such as POST, in capitals."


def _smoke_tests(value: Sequence[Any]) -> Iterator[Fault]:
    for number, test in enumerate(value, start=1):
        yield from _request(number, test, _TEST_KEYS, "/health")
        if not isinstance(test, Mapping):
            continue
        try:
            re.compile(str(test.get("matches") or ""))
        except re.error as error:
            yield "", f"entry {number}: matches is no regular expression: {error}", "Correct it."
        if not _are_statuses(test.get("status", [200])):
            yield "", f"entry {number}: status is not a list of statuses", "Write one such as [200]."


def _reference_requests(value: Sequence[Any]) -> Iterator[Fault]:
    for number, one in enumerate(value, start=1):
        yield from _request(number, one, _REQUEST_KEYS, "/search")


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


def _database_addresses(value: Sequence[Any]) -> Iterator[Fault]:
    for one in value:
        text = re.sub(r"\{[A-Za-z0-9_./-]+(?:\|url)?\}", "", str(one["compose"]))
        if "{" in text or "}" in text:
            what = f"{one['name']}: has a brace that is no placeholder"
            yield "", what, "Write {host}, {app_db_password} or {app_db_password|url}."
        if one["name"] in {"DATABASE_URL", "APP_DATABASE_URL"}:
            yield "", f"{one['name']} is written by the migration itself", "Give it another name."


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
    "database_addresses": _database_addresses,
    "health_check": _health_check,
    "ports": _ports,
    "probe": _probe,
    "reference_requests": _reference_requests,
    "smoke_tests": _smoke_tests,
    "workers": _workers,
}

"""One line about a phase that has ended, from what its modules returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.display.lines import count, joined, several, size
from engines.display.model import Phase

Facts = Mapping[str, Any]


def summary(phase: Phase, *, check: bool) -> str:
    """Return what a phase did, or with ``check`` what it would do."""
    found = phase.facts
    if "ecs_deploy" in found:
        # What is copied and compared while users are moved is told at the end.
        found = {name: found[name] for name in ("ecs_deploy", "smoke_test") if name in found}
    said = joined(
        [
            _rehearsal(found.get("local_stack")) if phase.name == "preflight" else "",
            _stack(found.get("stack_plan"), check=check),
            _rows(found.get("pg_clone"), found.get("pg_compare"), check=check),
            _revisions(found.get("alembic_upgrade"), check=check),
            _objects(found.get("s3_mirror"), found.get("s3_compare"), check=check),
            _image(found.get("oci_image"), check=check),
            _release(found.get("ecs_deploy"), check=check),
            _smoke(found.get("smoke_test")),
        ]
    )
    if said:
        return said
    if not phase.changed:
        return "nothing to change" if phase.name != "preflight" else "every check passed"
    return f"{several(phase.changed, 'change')}{' to make' if check else ''}"


def _rehearsal(found: Facts | None) -> str:
    return "rehearsal started, every check passed" if found is not None and found["changed"] else ""


def _stack(found: Facts | None, *, check: bool) -> str:
    if found is None:
        return ""
    if not found["changes"]:
        return "the stack is as its template says"
    return f"{several(found['changes'], 'resource')} {'to change' if check else 'changed'}"


def _copied(found: Facts | None, noun: str, *, check: bool) -> str:
    if found is None or not found["changed"]:
        return ""
    number = found["rows" if noun == "row" else "objects"]
    if check and not number:
        return f"{noun}s to copy"
    amount = f"{several(number, noun)} ({size(found['bytes'])})" if found["bytes"] else several(number, noun)
    return f"{amount} {'to copy' if check else 'copied'}"


def _rows(copied: Facts | None, found: Facts | None, *, check: bool) -> str:
    reported = _copied(copied, "row", check=check)
    if found is None:
        return reported
    if found["tables"] != found["tables_equal"]:
        return joined([reported, f"{found['tables_equal']} of {several(found['tables'], 'table')} equal"])
    if reported and copied and copied["rows"] == found["rows"]:
        return f"{reported} and equal"
    return joined([reported, f"{several(found['rows'], 'row')} in {several(found['tables'], 'table')} equal"])


def _revisions(found: Facts | None, *, check: bool) -> str:
    if found is None or not found["applied"]:
        return ""
    return f"{several(found['applied'], 'revision')}{' to apply' if check else ''}"


def _objects(copied: Facts | None, found: Facts | None, *, check: bool) -> str:
    reported = _copied(copied, "object", check=check)
    if found is None:
        return reported
    other = f"{count(found['other'])} otherwise" if found["other"] else ""
    if reported and copied and copied["objects"] == found["equal"]:
        return joined([f"{reported} and equal", other])
    return joined([reported, f"{several(found['equal'], 'object')} ({size(found['bytes'])}) equal", other])


def _image(found: Facts | None, *, check: bool) -> str:
    if found is None:
        return ""
    name = f"image {found['digest'][:19]}" if found["digest"] else "image"
    done = "to build and push" if check else "pushed"
    return f"{name} {done if found['changed'] else 'is in the registry'}"


def _release(found: Facts | None, *, check: bool) -> str:
    if found is None:
        return ""
    if not found["changed"]:
        return "the release is served"
    return "a release" if check else "released"


def _smoke(found: Facts | None) -> str:
    if found is None or not found["tests"]:
        return ""
    answers = f", {found['answers']} answers equal" if found["answers"] else ""
    of = found["tests"] - found["skipped"]
    some = "" if found["passed"] == of else f"{found['passed']} of "
    return f"{some}{several(of, 'test')} passed{answers}"

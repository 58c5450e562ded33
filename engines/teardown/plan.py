"""The plan of a teardown: current resources to actions, in the order of their dependencies. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engines.errors import RefusedError
from engines.stack import Stack
from engines.teardown.model import Action, Found, Platform, Thing


def plan(platform: Platform, found: Found) -> list[Action]:
    """Return what is to be done, first things first; nothing when nothing is left.

    Raises ``RefusedError`` when a stack, a bucket or a database of that name is not this platform's.
    """
    _check_owner(platform, found)
    return [
        *_record(found, platform),
        *_running(found, platform),
        *_databases(found),
        *_stack(found, platform),
        *_certificate(found),
        *_beside(found, platform),
    ]


def kept(platform: Platform, found: Found) -> list[Thing]:
    """Return what stays on purpose."""
    things = []
    if not platform.delete_data:
        things += [Thing("bucket", name, "data") for name in _ours(platform, found)]
        things += [Thing("snapshot", name, "data") for name in found.snapshots]
        ending = [platform.database] * found.database + [*found.rollback_instances]
        things += [Thing("snapshot", f"the final one of {name}", "data") for name in ending]
    if platform.state_bucket:
        things.append(Thing("bucket", platform.state_bucket, "the ledger, with the evidence"))
    return things


def _record(found: Found, platform: Platform) -> Iterator[Action]:
    """Yield what comes first: a name that leads to what is gone can be taken over."""
    if found.leads_here:
        yield Action("domain record", platform.domain, "let it no longer lead to the load balancer")


def _certificate(found: Found) -> Iterator[Action]:
    if found.certificate:
        yield Action("certificate", found.certificate, "delete it, and the record that has proven it")


def _running(found: Found, platform: Platform) -> Iterator[Action]:
    """Yield what ends the service: nothing may use what is deleted with the stack."""
    for service in found.services:
        yield Action("service", service, "scale to zero, wait for the last task, delete")
    if found.tasks:
        yield Action("tasks", platform.name, f"stop {len(found.tasks)} tasks that no service keeps")
    if found.definitions:
        yield Action("definitions", platform.name, f"forget {len(found.definitions)} task definitions")
    if found.workers:
        families = platform.worker_families
        yield Action("definitions", families, f"forget {len(found.workers)} task definitions of workers")
    if found.images:
        yield Action("images", platform.name, f"delete {found.images} images")


def _databases(found: Found) -> Iterator[Action]:
    """Yield the deletion of instances that are not in the stack but use its network."""
    for name in found.rollback_instances:
        yield Action("rollback instance", name, "delete it, after a final snapshot")


def _stack(found: Found, platform: Platform) -> Iterator[Action]:
    if found.stack is None:
        return
    if found.database_protected:
        yield Action("database protection", platform.database, "let AWS delete the instance")
    if found.stack.protected:
        yield Action("stack protection", found.stack.name, "let CloudFormation delete the stack")
    snapshot = f", after a final snapshot of {platform.database}" if found.database else ""
    yield Action("stack", found.stack.name, f"delete the stack{snapshot}")


def _beside(found: Found, platform: Platform) -> Iterator[Action]:
    """Yield what is not in the stack, or outlives it."""
    for name in found.log_groups:
        if name not in platform.log_groups:
            yield Action("log group", name, "delete the logs of a rollback instance")
        elif found.stack is None:  # with the stack they go by themselves
            yield Action("log group", name, "delete what was logged after the stack was gone")
    if found.relays:
        yield Action("definitions", f"{platform.name}-relay", f"forget {len(found.relays)} task definitions")
    if found.parameters:
        yield Action("parameters", platform.parameter_path, f"delete {len(found.parameters)} parameters")
    if not platform.delete_data:
        return
    for name in _ours(platform, found):
        yield Action("bucket", name, "delete every version of every object, and the bucket")
    if number := len(found.snapshots) + int(found.database) + len(found.rollback_instances):
        yield Action("snapshots", platform.database, f"delete {number} snapshots")


def _ours(platform: Platform, found: Found) -> list[str]:
    return [name for name, tags in found.buckets.items() if _carries(tags, platform.tags)]


def _is_begun(stack: Stack) -> bool:
    """Whether it is what a killed run has left of an import, which cannot tag.

    It holds nothing yet, or buckets alone, which stay in any case.
    """
    return not stack.tags and stack.status.startswith(("REVIEW_IN_PROGRESS", "IMPORT_"))


def _check_owner(platform: Platform, found: Found) -> None:
    stack = found.stack
    if stack and not _carries(stack.tags, platform.tags) and not _is_begun(stack):
        raise _foreign(f"stack {stack.name}", stack.tags, platform.tags)
    for name, tags in found.rollback_instances.items():
        if not _carries(tags, platform.tags):
            raise _foreign(f"database {name}", tags, platform.tags)
    for name, tags in found.buckets.items():
        if platform.delete_data and not _carries(tags, platform.tags):
            raise _foreign(f"bucket {name}", tags, platform.tags)


def _carries(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(tags.get(key) == value for key, value in wanted.items())


def _foreign(subject: str, tags: Mapping[str, str], wanted: Mapping[str, str]) -> RefusedError:
    key, value = next((key, value) for key, value in wanted.items() if tags.get(key) != value)
    return RefusedError(
        f"is not this platform's: its tag {key} is {tags.get(key, 'not there')}, where {value} was expected",
        subject=subject,
        remedy="Nothing was changed. Check which inventory and account are meant.",
    )

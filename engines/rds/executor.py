"""Carrying out a plan and waiting for AWS. Each step can be interrupted at any time, and repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engines.aws import client, translated
from engines.events import emit
from engines.rds.errors import RollbackError
from engines.rds.inspection import survey
from engines.rds.model import Action, Found, Instance
from engines.waiting import wait

# Where AWS does not go on from by itself.
_ENDS = frozenset(
    {"failed", "restore-error", "stopped", "storage-full", "inaccessible-encryption-credentials"}
)


@dataclass(frozen=True)
class Executor:
    """Acts on the instance ``name`` and those that rollbacks of it have made.

    A wait ends with ``RollbackError`` when AWS has given up, or has said the same for ``timeout`` seconds.
    """

    name: str
    timeout: float

    def act(self, action: Action) -> None:
        """Do it, and wait until it is done. Raises ``AwsError`` too, when AWS refuses."""
        emit("rollback.step", step=action.step, subject=action.subject)
        if action.step != "restore":
            # AWS changes nothing of an instance that it is still restoring, backing up or changing.
            self._at_rest(action.subject)
        rds = client("rds")
        with translated(f"instance {action.subject}"):
            if action.step == "restore":
                rds.restore_db_instance_to_point_in_time(**action.request)
            elif action.step == "tag":
                rds.add_tags_to_resource(**action.request)
            else:
                rds.modify_db_instance(**action.request)
        self.settled(str(action.request.get("NewDBInstanceIdentifier", action.subject)))

    def _at_rest(self, name: str) -> Found:
        def done(found: Found) -> bool:
            return any(one.name == name and _is_at_rest(one) for one in _all(found))

        return self._wait(done, (name,))

    def settled(self, *needed: str) -> Found:
        """Return the instances when AWS has finished its work, and the ``needed`` ones are available."""

        def done(found: Found) -> bool:
            known = {one.name: one for one in _all(found)}
            if any(one.status == "renaming" for one in known.values()):
                return False
            return all(name in known and _is_usable(known[name]) for name in needed)

        return self._wait(done, needed)

    def _wait(self, done: Callable[[Found], bool], needed: tuple[str, ...]) -> Found:
        def states(found: Found) -> object:
            seen = [(one.name, one.status) for one in _all(found)]
            emit("rollback.waiting", instances=dict(seen))
            return seen

        return wait(lambda: survey(self.name), done, states, timeout=self.timeout, stuck=self._stuck(needed))

    def _stuck(self, needed: tuple[str, ...]) -> Callable[[Found], RollbackError]:
        def error(found: Found) -> RollbackError:
            seen = ", ".join(f"{one.name} is {one.status}" for one in _all(found)) or "there is none"
            return RollbackError(
                f"nothing has moved for {self.timeout:.0f} s: {seen}",
                subject=f"instance {', '.join(needed) or self.name}",
                remedy="Look at it in the RDS console; the same command continues from there.",
            )

        return error


def _all(found: Found) -> list[Instance]:
    return [*([found.main] if found.main else []), *found.rollback_instances]


def _is_at_rest(one: Instance) -> bool:
    return one.is_available or one.status in _ENDS or one.status.startswith("incompatible")


def _is_usable(one: Instance) -> bool:
    """Whether the instance is available. Raises ``RollbackError`` when it does not become so by itself."""
    if one.status in _ENDS or one.status.startswith("incompatible"):
        remedy = (
            f"Start it: `aws rds start-db-instance --db-instance-identifier {one.name}`."
            if one.status == "stopped"
            else "Look at its events in the RDS console. What was restored in vain can be deleted; the same "
            "command restores it again."
        )
        raise RollbackError(f"is {one.status}", subject=f"instance {one.name}", remedy=remedy)
    return one.is_available

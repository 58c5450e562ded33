"""The plan of a rollback: request and current instances to actions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from engines.errors import ConfigurationError
from engines.instance_names import kept_name, restored_name
from engines.rds.model import LATEST, MOMENT, NAME, Action, Found, Instance, Plan, RollbackRequest, text

# A run that was cut off is finished within this time as if nothing had happened.
_RECENT = timedelta(hours=1)


def plan(request: RollbackRequest, found: Found, now: datetime) -> Plan:
    """Return what is to be done; ``now`` gives the present instance the name under which it is kept.

    Raises ``ConfigurationError`` when there is no such instance, or no backup of the moment.
    """
    if found.main and _is_done(request, found.main):
        return Plan(found.main.name, done=True)
    chosen = _chosen(request, found, now)
    if found.main is None:
        if chosen is None:
            raise _nowhere(request, found)
        return Plan(chosen.name, switch=(*_noted(request, chosen), _rename(chosen.name, request.name)))
    while found.named(keeps := kept_name(request.name, now)):
        now += timedelta(seconds=1)  # of a rollback within this second
    preparation = (
        [*_lacking(request, found.main, chosen)] if chosen else [_restore(request, found, found.main)]
    )
    name = chosen.name if chosen else preparation[0].subject
    switch = (*_noted(request, chosen), _rename(found.main.name, keeps), _rename(name, request.name))
    return Plan(name, tuple(preparation), switch, keeps)


def _is_done(request: RollbackRequest, main: Instance) -> bool:
    """Whether the instance in use is the requested one already; never for `latest`."""
    if request.kept:
        return main.tags.get(NAME) == request.kept
    return request.moment is not None and main.tags.get(MOMENT) == text(request.moment)


def _chosen(request: RollbackRequest, found: Found, now: datetime) -> Instance | None:
    """Return the instance that is gone back to, when it is there. Raises when it has to be, and is not."""
    if request.moment:
        return found.named(restored_name(request.name, request.moment))
    if request.latest:
        # What a run that was cut off has restored; once it is in use, it has another name.
        begun = [one for one in found.rollback_instances if one.tags.get(LATEST) and "-pit-" in one.name]
        newest = max(begun, key=lambda one: one.name, default=None)
        if newest and found.main:
            _insist_on_recent(newest, now)
        return newest
    chosen = found.named(request.kept)
    if chosen is None:
        raise ConfigurationError(
            "does not exist" if found.main else "does not exist, nor does the instance in use",
            subject=f"instance {request.kept}",
            remedy=_known(found),
        )
    return chosen


def _insist_on_recent(begun: Instance, now: datetime) -> None:
    """Refuse an instance that was restored as the latest moment, and is not the latest any more."""
    moment = begun.tags.get(MOMENT, "")
    if not moment or now - datetime.fromisoformat(moment) > _RECENT:
        raise ConfigurationError(
            f"was restored as the latest moment at {moment or 'an unknown time'}, which it is not any more",
            subject=f"instance {begun.name}",
            remedy=f"To go back to that moment, pass rollback_to={moment or begun.name}; for the latest one, "
            "delete this instance first.",
        )


def _restore(request: RollbackRequest, found: Found, main: Instance) -> Action:
    moment = _within(request, found, main)
    name = restored_name(request.name, moment)
    # Tags of an earlier rollback are about the instance in use, not this one.
    own = {key: value for key, value in main.tags.items() if key not in {NAME, LATEST}}
    tags = {**own, MOMENT: text(moment), **({LATEST: "yes"} if request.latest else {})}
    arguments = {
        "SourceDBInstanceIdentifier": main.name,
        "TargetDBInstanceIdentifier": name,
        "RestoreTime": moment,
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
        **main.settings,
    }
    what = f"restore {main.name} as it was at {text(moment)}, as a second instance"
    return Action("restore", name, what, arguments)


def _within(request: RollbackRequest, found: Found, main: Instance) -> datetime:
    """Return the moment to restore to. Raises ``ConfigurationError`` when there is no backup of it."""
    first, last = found.earliest, main.latest
    if first is None or last is None:
        raise ConfigurationError(
            "has no backup to restore from",
            subject=f"instance {main.name}",
            remedy="Its first backup is made within minutes, if provision_database.backup_retention_days is "
            f"not 0. {_known(found)}",
        )
    moment = request.moment or last
    if not first <= moment <= last:
        raise ConfigurationError(
            f"{main.name} can be restored to any second from {text(first)} to {text(last)}",
            subject=f"rollback_to {text(moment)}",
            remedy="Name one of these; the latest is up to five minutes ago. What was before the first is in "
            f"an instance that was kept, if anywhere. {_known(found)}",
        )
    return moment


def _lacking(request: RollbackRequest, main: Instance, chosen: Instance) -> Iterator[Action]:
    """Yield what a restore could not set. A kept instance is as it was, and stays so."""
    lacking = {key: value for key, value in main.after.items() if chosen.after.get(key) != value}
    if lacking and not request.kept:
        words = ", ".join(f"{key} {value}" for key, value in sorted(lacking.items()))
        arguments = {"DBInstanceIdentifier": chosen.name, "ApplyImmediately": True, **lacking}
        yield Action("settings", chosen.name, f"set {words}, as {main.name} has it", arguments)


def _noted(request: RollbackRequest, chosen: Instance | None) -> Iterator[Action]:
    """Yield what lets a later run see that the instance in use is the one that was kept by this name."""
    if request.kept and chosen and chosen.tags.get(NAME) != chosen.name:
        arguments = {"ResourceName": chosen.arn, "Tags": [{"Key": NAME, "Value": chosen.name}]}
        yield Action("tag", chosen.name, "note the name under which it was kept", arguments)


def _rename(old: str, new: str) -> Action:
    arguments = {"DBInstanceIdentifier": old, "NewDBInstanceIdentifier": new, "ApplyImmediately": True}
    return Action("rename", old, f"rename it to {new}", arguments)


def _nowhere(request: RollbackRequest, found: Found) -> ConfigurationError:
    return ConfigurationError(
        "does not exist, and nothing was restored to take its place",
        subject=f"instance {request.name}",
        remedy=f"The provision phase makes it. {_known(found)}",
    )


def _known(found: Found) -> str:
    names = ", ".join(one.name for one in found.rollback_instances)
    return f"Instances of earlier rollbacks: {names}." if names else "No rollback has left an instance."

"""Set parameters to their wanted values: read all, plan, write the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engines.aws import AwsError, client, translated
from engines.errors import ConfigurationError
from engines.events import emit
from engines.ownership import TAG, require_ours
from engines.references import resolve
from engines.secrets.errors import SecretError
from engines.secrets.model import Action, Stored, Wanted
from engines.secrets.plan import absolute, plan, references
from engines.secrets.results import diff

_BATCH = 10  # names that one GetParameters call takes


def wanted_from(parameters: Iterable[Mapping[str, Any]], path: str = "") -> list[Wanted]:
    """Return requests from the module's ``parameters``; an empty ``value`` or ``compose`` is not given.

    ``value`` is a reference and is resolved here. Raises ``SecretError`` when what it names is not there.
    """
    return [_wanted(one, path) for one in parameters]


def ensure(
    wanted: Sequence[Wanted],
    *,
    path: str = "",
    tags: Mapping[str, str] | None = None,
    adopt: str = "",
    check: bool = False,
) -> dict[str, Any]:
    """Make every wanted parameter exist with its value.

    Returns ``{changed, parameters, diff}``, in which no value occurs. A generated value is never changed once
    it exists. With ``check`` nothing is written. Parameters that are created carry ``tags``; one that would
    be changed has to carry the environment of these, or none if ``adopt`` names it. Raises ``SecretError``,
    ``RefusedError`` and ``AwsError``.
    """
    ssm = client("ssm")
    names = {one.name for one in wanted} | {name for one in wanted for name in references(one, path)}
    actions = plan(wanted, _stored(ssm, sorted(names)), path=path, predict=check)
    for action in actions:
        if action.kind == "updated" and (tags or {}).get(TAG):
            require_ours(f"SSM parameter {action.name}", _tags(ssm, action.name), tags or {}, adopt)
    done = actions if check else [_apply(ssm, action, tags or {}) for action in actions]
    return {
        "changed": any(action.kind != "unchanged" for action in actions),
        "parameters": [action.report() for action in done],
        "diff": diff(actions),
    }


def _wanted(one: Mapping[str, Any], path: str) -> Wanted:
    name = absolute(str(one["name"]), path)
    try:
        value = resolve(one["value"]) if one.get("value") else None
    except ConfigurationError as error:
        raise SecretError(str(error), subject=f"parameter {name}") from error
    return Wanted(
        name=name,
        type=one.get("type") or "SecureString",
        value=value,
        generate=one["generate"]["length"] if one.get("generate") else None,
        compose=one.get("compose") or None,
    )


def _stored(ssm: Any, names: Sequence[str]) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    for start in range(0, len(names), _BATCH):
        batch = list(names[start : start + _BATCH])
        with translated(f"SSM parameters {', '.join(batch)}"):
            answer = ssm.get_parameters(Names=batch, WithDecryption=True)
        for parameter in answer["Parameters"]:
            found[parameter["Name"]] = Stored(parameter["Value"], parameter["Type"], parameter["Version"])
    return found


def _tags(ssm: Any, name: str) -> dict[str, str]:
    with translated(f"SSM parameter {name}"):
        found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    return {one["Key"]: one["Value"] for one in found}


def _apply(ssm: Any, action: Action, tags: Mapping[str, str]) -> Action:
    """Write one parameter, and return the action with the version that came of it."""
    if action.kind == "unchanged":
        return action
    # AWS takes tags for a new parameter only, and refuses them together with Overwrite.
    how: dict[str, Any] = (
        {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        if action.kind == "created"
        else {"Overwrite": True}
    )
    try:
        with translated(f"SSM parameter {action.name}"):
            answer = ssm.put_parameter(Name=action.name, Value=action.value, Type=action.type, **how)
    except AwsError as error:
        if error.code != "ParameterAlreadyExists":
            raise
        version = _own_write(ssm, action)
        if version is None:
            raise SecretError(
                "was created by someone else in this very moment",
                subject=f"parameter {action.name}",
                remedy="Run the same command again.",
            ) from error
    else:
        version = answer["Version"]
    emit(f"secret.{action.kind}", name=action.name)
    return Action(action.name, action.kind, action.type, version)


def _own_write(ssm: Any, action: Action) -> int | None:
    """Return the version of a parameter that holds what ``action`` wrote: the answer to that was lost."""
    found = _stored(ssm, [action.name]).get(action.name)
    if found is None or (found.value, found.type) != (action.value, action.type):
        return None
    return found.version

"""The wanted task definition, and how it differs from the registered one.

ECS answers with more than it was given: defaults filled in, lists in its own order, empty collections.
Comparing the raw documents finds a difference every time, so both sides are brought to one form first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.model import NOT_KNOWN_YET, Difference, Release

_BY_DIGEST = re.compile(r"[^@\s]+@(sha256:[0-9a-f]{64})")
_SECRET_ARN = re.compile(r"arn:aws[\w-]*:(ssm|secretsmanager):\S+")
_ARCHITECTURES = {"linux/amd64": "X86_64", "linux/arm64": "ARM64"}
# Said by ECS about a revision; nobody asks for them.
_SAID_BY_ECS = frozenset(
    {
        "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt",
        "registeredBy", "deregisteredAt",
    }
)  # fmt: skip
_HEALTH_CHECK_DEFAULTS = {"interval": 30, "timeout": 5, "retries": 3}
_LONGEST_START_PERIOD = 300  # seconds; ECS takes no more
_STOP_TIMEOUT_DEFAULT = 30
HIDDEN = "(hidden: not in the configuration)"


def digest_of(image: str) -> str:
    """Return the digest in ``repository@sha256:…``; a tag is refused, because what it names can change."""
    if image == NOT_KNOWN_YET:
        return image
    match = _BY_DIGEST.fullmatch(image)
    if not match:
        raise ReleaseConfigurationError(
            "an image is released by digest, not by tag",
            subject=f"image {image or '(empty)'}",
            remedy="Give it as repository@sha256:… (the container phase sets it as its output `image`).",
        )
    return match.group(1)


def request(release: Release) -> dict[str, Any]:
    """Return the arguments for ``RegisterTaskDefinition``, in the form that ``normalise`` gives."""
    environment = environment_of(release)
    container: dict[str, Any] = {
        "name": release.container,
        "image": release.image,
        "essential": True,
        **_process_of(release),
        "environment": [{"name": name, "value": environment[name]} for name in sorted(environment)],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": release.log_group,
                "awslogs-region": release.region,
                "awslogs-stream-prefix": release.container,
            },
        },
        "stopTimeout": _STOP_TIMEOUT_DEFAULT,
    }
    secrets = secrets_of(release)
    if secrets:
        container["secrets"] = [{"name": name, "valueFrom": secrets[name]} for name in sorted(secrets)]
    if release.health_check_command:
        container["healthCheck"] = {"command": list(release.health_check_command), **_HEALTH_CHECK_DEFAULTS}
        if release.health_grace:
            start_period = min(release.health_grace, _LONGEST_START_PERIOD)
            container["healthCheck"] |= {"startPeriod": start_period}
    return {
        "family": release.family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": str(release.cpu),
        "memory": str(release.memory),
        "executionRoleArn": release.execution_role_arn,
        "taskRoleArn": release.task_role_arn,
        "runtimePlatform": {
            "cpuArchitecture": _ARCHITECTURES[release.platform],
            "operatingSystemFamily": "LINUX",
        },
        "containerDefinitions": [container],
    }


def _process_of(release: Release) -> dict[str, Any]:
    """Return what is run instead of the image's own command, and the port it listens on, if any."""
    port = release.container_port
    ports = [{"containerPort": port, "hostPort": port, "protocol": "tcp"}]
    return {
        **({"entryPoint": list(release.entry_point)} if release.entry_point else {}),
        **({"command": list(release.command)} if release.command else {}),
        **({"portMappings": ports} if port else {}),
    }


def environment_of(release: Release) -> dict[str, str]:
    """Return the container's environment as text, with ``IMAGE_DIGEST`` naming the image it runs.

    A truth value becomes ``true`` or ``false``, a number its decimal text; ``None`` means: not set.
    """
    environment = {
        name: _text(name, value) for name, value in release.environment.items() if value is not None
    }
    both = sorted(set(environment) & set(release.secrets))
    if both:
        raise ReleaseConfigurationError(
            "is in both the environment and the secrets",
            subject=", ".join(both),
            remedy="Keep it in one of the two.",
        )
    return {**environment, "IMAGE_DIGEST": digest_of(release.image)}


def secrets_of(release: Release) -> dict[str, str]:
    """Return where each secret is: the parameter's name (allowed in the task's own region) or an ARN.

    Anything else could be the secret itself, so it is refused without being quoted.
    """
    places = {}
    for variable, reference in release.secrets.items():
        if not is_place(reference):
            raise ReleaseConfigurationError(
                "is neither the name of an SSM parameter nor an ARN",
                subject=f"secret {variable}",
                remedy="Give where the secret is, such as /shop/production/API_KEY, never the secret itself.",
            )
        places[variable] = reference.removeprefix("ssm:")
    return places


def is_place(reference: object) -> bool:
    """Return whether this is where a secret is; if not, it may be the secret."""
    place = str(reference).removeprefix("ssm:")
    return place.startswith("/") or _SECRET_ARN.fullmatch(place) is not None


def normalise(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a task definition, wanted or registered, to one comparable form with ECS's defaults filled in."""
    kept = {key: value for key, value in definition.items() if key not in _SAID_BY_ECS}
    kept["containerDefinitions"] = {
        container["name"]: _normal_container(container) for container in kept.get("containerDefinitions", [])
    }
    normal: dict[str, Any] = _without_empty(kept)
    return normal


def differences(wanted: Mapping[str, Any], registered: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every field in which the two task definitions differ, by path; empty when they are the same."""
    return changes(normalise(registered), normalise(wanted))


def changes(was: Mapping[str, Any], will_be: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every field that has another value in the second of two documents of one form."""
    before, after = _flat(was), _flat(will_be)
    return tuple(
        Difference(path, before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    )


def view(definition: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the definition as text for a diff.

    Environment values are shown only for the names in ``known`` (those of the configuration): what somebody
    else put into a registered revision may be a secret in plain text.
    """
    shown = normalise(definition)
    for container in shown["containerDefinitions"].values():
        container["environment"] = {
            name: value if name in known else HIDDEN
            for name, value in container.get("environment", {}).items()
        }
    return shown


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ReleaseConfigurationError(
        f"is a {type(value).__name__}; an environment variable is text, a number or a truth value",
        subject=f"environment variable {name}",
        remedy="Write it as text, for example with the filter to_json.",
    )


def _normal_container(container: Mapping[str, Any]) -> dict[str, Any]:
    normal = {"essential": True, "stopTimeout": _STOP_TIMEOUT_DEFAULT, **container}
    normal["environment"] = {item["name"]: item["value"] for item in container.get("environment", [])}
    normal["secrets"] = {item["name"]: item["valueFrom"] for item in container.get("secrets", [])}
    normal["portMappings"] = {
        f"{port['containerPort']}/{port.get('protocol', 'tcp')}": {
            "hostPort": port["containerPort"],
            **{key: value for key, value in port.items() if key not in {"containerPort", "protocol"}},
        }
        for port in container.get("portMappings", [])
    }
    if container.get("healthCheck"):
        normal["healthCheck"] = {**_HEALTH_CHECK_DEFAULTS, **container["healthCheck"]}
    if normal.get("cpu") == 0:  # ECS writes 0 for "no share of its own"
        del normal["cpu"]
    return normal


def _without_empty(value: Any) -> Any:
    """Drop what says nothing: None, False, empty text and collections (``essential`` is filled in before).

    The text of an environment variable may well be empty, so that level is not changed.
    """
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for key, item in value.items():
        cleaned = dict(item) if key == "environment" else _without_empty(item)
        if cleaned is None or cleaned is False or cleaned in ("", [], {}):
            continue
        kept[key] = cleaned
    return kept


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, item in value.items():
        path = f"{prefix}{key}"
        if isinstance(item, Mapping):
            flat.update(_flat(item, f"{path}."))
        else:
            flat[path] = item
    return flat

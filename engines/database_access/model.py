"""How the target database is reached: one value that everything which talks to it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.database_access.trust import trusted
from engines.errors import ConfigurationError

MODES = ("relay", "ssm", "bastion", "direct")
# Through these a port of this machine leads to the database, which the operator's own command keeps open.
FORWARDED = ("ssm", "bastion")
LOOPBACK = "127.0.0.1"
PORT = 5432  # where a relay listens


@dataclass(frozen=True)
class Relay:
    """What a relay is started from: the stack's task definition, public subnets and security groups.

    ``lease`` is for how many seconds it lives at most.
    """

    cluster: str
    task_definition: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    lease: int = 86400


@dataclass(frozen=True)
class Access:
    """The way to a database.

    ``ca`` is a file with the certificates that its own has to be signed by; empty leaves TLS to its address.
    ``port`` is this machine's port under ``ssm`` and ``bastion``, and ``through`` the instance or host.
    """

    mode: str = "direct"
    ca: str = ""
    port: int = 0
    through: str = ""
    relay: Relay | None = None


def writes(given: Mapping[str, Any]) -> bool:
    """Return whether something has to be made to go this way, which a plan may not do."""
    return given.get("mode") == "relay"


def read(given: Mapping[str, Any]) -> Access:
    """Return the way that a module's option describes. Raises ``ConfigurationError``."""
    mode = given.get("mode") or "direct"
    if mode in FORWARDED and not given.get("port"):
        raise ConfigurationError(
            f"{mode} needs the port of this machine that leads to the database",
            subject="database_access",
            remedy="Set database_access_port, such as 15433.",
        )
    ca = trusted(str(given.get("ca") or ""), str(given.get("cache") or ""))
    if ca and not Path(ca).is_file():
        raise ConfigurationError(
            "does not exist", subject=f"database_ca {ca}", remedy="Name a file with certificates (PEM)."
        )
    return Access(
        mode,
        ca,
        int(given.get("port") or 0),
        str(given.get("through") or ""),
        _relay(given.get("relay") or {}) if mode == "relay" else None,
    )


def _relay(given: Mapping[str, Any]) -> Relay:
    found = {name: given.get(name) for name in ("cluster", "task_definition", "subnets", "security_groups")}
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise ConfigurationError(
            f"the stack has none: {', '.join(missing)} is not known",
            subject="database_access relay",
            remedy="Run `ansible-playbook playbooks/provision.yml` with database_access: relay.",
        )
    return Relay(
        str(found["cluster"]),
        str(found["task_definition"]),
        tuple(given["subnets"]),
        tuple(given["security_groups"]),
        int(given.get("lease") or Relay.lease),
    )

"""Open the way to a database, prove it, and close it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engines.database_access import relay_task
from engines.database_access.errors import AccessError
from engines.database_access.model import FORWARDED, LOOPBACK, PORT, Access, writes
from engines.database_access.proof import prove
from engines.postgres.session import Address, UnreachableError


@dataclass(frozen=True)
class Opened:
    """The parameters of libpq that lead to a database, and what was proven of them."""

    parameters: dict[str, str]
    proof: list[str]


def opened(access: Access, address: Address, *, must_work: bool = True) -> Opened:
    """Open the way to ``address``, and prove it before anything is moved.

    What is open already is used again. Raises ``AccessError``, ``UnreachableError`` and ``AwsError``; without
    ``must_work`` what cannot be proven is left unproven.
    """
    found = _parameters(access, address)
    try:
        return Opened(found, prove(access, address, found))
    except (AccessError, UnreachableError):
        if must_work:
            raise
        return Opened(found, [])


def enter(access: Access, address: Address) -> Address:
    """Return ``address`` as it is reached, with the way opened and proven up to the login."""
    found = _parameters(access, address)
    if found:
        prove(access, address, found, login=False)
    return Address({**address.parameters, **found})


def closed(given: Mapping[str, Any]) -> list[str]:
    """Close what this run, and those that were killed, have opened; return where relays led."""
    cluster = str((given.get("relay") or {}).get("cluster") or "")
    return relay_task.end(cluster) if writes(given) and cluster else []


def _parameters(access: Access, address: Address) -> dict[str, str]:
    found = {"sslmode": "verify-full", "sslrootcert": access.ca} if access.ca else {}
    given = address.parameters
    host, port = given.get("hostaddr") or given.get("host", ""), given.get("port") or "5432"
    if access.relay:
        return {"hostaddr": relay_task.lease(access.relay, f"{host}:{port}"), "port": str(PORT), **found}
    if access.mode in FORWARDED:
        return {"hostaddr": LOOPBACK, "port": str(access.port), **found}
    return found

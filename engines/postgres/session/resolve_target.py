"""The target of a migration as an option names it."""

from __future__ import annotations

from engines.errors import ConfigurationError
from engines.postgres.session.connection import Address, parse
from engines.references import resolve


def resolve_target(reference: str, *, may_be_absent: bool, name: str = "target") -> Address | None:
    """Return the address behind ``reference``, or None when its place is empty and that is allowed.

    A plan is made before the first run has written where the target is.
    """
    try:
        address = resolve(reference)
    except ConfigurationError:
        if may_be_absent and reference.startswith("ssm:"):
            return None
        raise
    return parse(address, name=name)

"""The target of a migration as an option names it: an address by reference, and how it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from engines.errors import ConfigurationError
from engines.postgres.session.connection import Address, parse
from engines.references import resolve

# Between a reference and the parameters of libpq that go over those of the address behind it.
_OVER = "#via:"


def resolve_address(reference: str, *, name: str) -> Address:
    """Return the address behind ``reference``. Raises ``ConfigurationError`` and ``AwsError``.

    ``ssm:/name#via:hostaddr=10.0.0.1&port=5433`` is the address that is kept there, reached in this way: its
    password stays where it is, and only how it is reached is passed from one task to another.
    """
    place, _, over = reference.partition(_OVER)
    found = parse(resolve(place), name=name)
    return Address({**found.parameters, **dict(parse_qsl(over))}) if over else found


def resolve_target(reference: str, *, may_be_absent: bool, name: str = "target") -> Address | None:
    """Return the address behind ``reference``, or None when that or its place is empty and may be so.

    A plan is made before the first run has written where the target is.
    """
    try:
        return resolve_address(reference, name=name)
    except ConfigurationError:
        if may_be_absent and (not reference or reference.startswith("ssm:")):
            return None
        raise


def via(parameters: Mapping[str, str]) -> str:
    """Return what follows a reference, so that ``parameters`` go over those of the address behind it."""
    return f"{_OVER}{urlencode(parameters)}" if parameters else ""

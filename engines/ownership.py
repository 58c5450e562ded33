"""Which environment owns a resource that was found by name: its tag ``Environment``.

Two environments in one account must not take over each other's stack, state or service because an inventory
gives both the same names.
"""

from __future__ import annotations

from collections.abc import Mapping

from engines.errors import RefusedError

TAG = "Environment"


def require_ours(subject: str, carried: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise ``RefusedError`` when ``subject`` carries the tag of another environment than ``wanted``."""
    theirs = of_another(carried, wanted)
    if theirs:
        raise RefusedError(
            f"belongs to the environment {theirs}, and this is {wanted[TAG]}. Nothing was changed on it",
            subject=subject,
            remedy=remedy(wanted[TAG]),
        )


def of_another(carried: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Return the name of the other environment that ``carried`` names; empty if it is ours or names none."""
    theirs, ours = carried.get(TAG, ""), wanted.get(TAG, "")
    return theirs if theirs and ours and theirs != ours else ""


def remedy(ours: str) -> str:
    """Return what to do about it."""
    return f"Give {ours} names of its own (platform_name), or sign in to another account."

"""Which environment owns a resource that was found by name: its tag ``Environment``.

Two environments in one account must not take over each other's stack, state or service because an inventory
gives both the same names. What carries no such tag may be anybody's, and is taken over by consent alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from engines.errors import RefusedError

TAG = "Environment"


def require_ours(
    subject: str, carried: Mapping[str, str], wanted: Mapping[str, str], adopt: str = ""
) -> None:
    """Raise ``RefusedError`` unless ``subject`` carries the tag of the environment that ``wanted`` names.

    One without the tag is accepted if ``adopt`` names the environment; without a wanted tag nothing is asked.
    """
    what = objection(carried, wanted, adopt)
    if what:
        raise RefusedError(
            f"{what}. Nothing was changed on it", subject=subject, remedy=remedy(carried, wanted[TAG])
        )


def objection(carried: Mapping[str, str], wanted: Mapping[str, str], adopt: str = "") -> str:
    """Return why something that carries these tags is not to be touched; empty if it may be."""
    theirs, ours = carried.get(TAG, ""), wanted.get(TAG, "")
    if not ours or theirs == ours:
        return ""
    if theirs:
        return f"belongs to the environment {theirs}, and this is {ours}"
    return "" if adopt == ours else f"carries no tag {TAG}, so that it may be somebody else's than {ours}'s"


def remedy(carried: Mapping[str, str], ours: str) -> str:
    """Return what to do about it."""
    apart = f"Give {ours} names of its own (platform_base_name), or sign in to another account."
    return apart if carried.get(TAG) else f"To take it over, pass -e platform_adopt={ours}. Or: {apart}"

"""What was done to the parameters, without their values."""

from __future__ import annotations

from collections.abc import Sequence

from engines.secrets.model import Action

_SHOWN = "(secret)"


def diff(actions: Sequence[Action]) -> dict[str, dict[str, str]]:
    """Return what changes, by name; a value is never shown, neither the old one nor the new."""
    changing = [action for action in actions if action.kind != "unchanged"]
    return {
        "before": {a.name: f"{_SHOWN} version {a.version}" if a.version else "absent" for a in changing},
        "after": {a.name: f"{_SHOWN} version {a.version + 1}" for a in changing},
    }

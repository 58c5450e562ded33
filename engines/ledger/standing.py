"""Whether the target serves users: its standings and the transitions between them, as one table.

Only a deployment that took traffic counts. That the phase started says nothing: it may have been cut off
before the service was touched, and one that failed may have failed after users were served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Standing = Literal["not live", "going live", "live"]
"""``going live``: a release was started, and it is not known yet whether it took traffic."""

Event = Literal[
    "asked",
    "serving",
    "starting",
    "absent",
    "succeeded",
    "failed",
    "cut off",
    "torn down",
]
"""What the phases record, and what the service's deployments show.

``asked``: a release is about to be started. ``serving``: one of its deployments took traffic.
``starting``: one is in progress. ``absent``: none took traffic, and none is in progress.
``succeeded``, ``failed`` and ``cut off``: how the phase ended. ``torn down``: the target is empty again.
"""

SEEN: tuple[Event, ...] = ("serving", "starting", "absent")

TRANSITIONS: Mapping[Standing, Mapping[Event, Standing]] = {
    "not live": {
        "asked": "going live",
        "serving": "live",
        # The ledger does not know of it (its bucket was lost): users are about to be served all the same.
        "starting": "going live",
        "absent": "not live",
        "succeeded": "live",
        "failed": "not live",
        "cut off": "not live",
        "torn down": "not live",
    },
    "going live": {
        "asked": "going live",
        "serving": "live",
        "starting": "going live",
        "absent": "not live",
        "succeeded": "live",
        # Unknown whether users were served: the deployments are read when the next phase is opened.
        "failed": "going live",
        "cut off": "going live",
        "torn down": "not live",
    },
    "live": {
        "asked": "live",
        "serving": "live",
        "starting": "live",
        # A service that was deleted by hand leaves its users' rows behind.
        "absent": "live",
        "succeeded": "live",
        "failed": "live",
        "cut off": "live",
        "torn down": "not live",
    },
}


def after(standing: Standing, event: Event) -> Standing:
    """Return the standing that ``event`` leads to."""
    return TRANSITIONS[standing][event]


def freezes(standing: Standing) -> bool:
    """Return whether the target may hold users' rows and objects, which the data phases leave alone."""
    return standing != "not live"

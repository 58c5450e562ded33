"""Whether the target serves users: its standings, and what moves it from one to another, as one table.

What users saw decides. A phase that began says nothing: it may have been cut off before the service was
touched, and one that failed may have failed after users were served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Standing = Literal["not live", "going live", "live"]
"""``going live``: the service was told to take the release, and it is not known yet whether users got it."""

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
"""What the ledger is told, and what the service's deployments say.

``asked``: the service is about to be told to take the release. ``serving``: a deployment of ours took
traffic. ``starting``: one is on its way to users. ``absent``: none took traffic, and none is on its way.
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
        # Neither tells what users saw: the service is asked when the next phase is opened.
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

"""Whether the target serves users: its standings and the transitions between them, as one table.

Only a deployment that took traffic counts. That the phase started says nothing: it may have been cut off
before the service was touched, and one that failed may have failed after users were served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Standing = Literal["not live", "going live", "live", "moved back"]
"""``going live``: a release was started, and it is not known yet whether it took traffic. ``moved back``:
users were served, and the source was opened for them again; what they write there is not on the target.
"""

Event = Literal[
    "asked",
    "serving",
    "starting",
    "absent",
    "succeeded",
    "failed",
    "cut off",
    "opened",
    "torn down",
]
"""What the phases record, and what the service's deployments show.

``asked``: a release is about to be started. ``serving``: one of its deployments took traffic.
``starting``: one is in progress. ``absent``: none took traffic, and none is in progress.
``succeeded``, ``failed`` and ``cut off``: how the phase ended. ``opened``: the source takes writes again.
``torn down``: the target is empty again.
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
        "opened": "not live",
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
        "opened": "moved back",
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
        "opened": "moved back",
        "torn down": "not live",
    },
    # Only a teardown ends it: the target holds what users wrote before, and lacks what they wrote since.
    "moved back": {
        "asked": "moved back",
        "serving": "moved back",
        "starting": "moved back",
        "absent": "moved back",
        "succeeded": "moved back",
        "failed": "moved back",
        "cut off": "moved back",
        "opened": "moved back",
        "torn down": "not live",
    },
}


def after(standing: Standing, event: Event) -> Standing:
    """Return the standing that ``event`` leads to."""
    return TRANSITIONS[standing][event]


def freezes(standing: Standing) -> bool:
    """Return whether the target may hold users' rows and objects, which the data phases leave alone."""
    return standing != "not live"

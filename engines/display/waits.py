"""How long it usually takes, on AWS, what a run waits for: by the name of the task that waits."""

from __future__ import annotations

from collections.abc import Mapping

# Each is how the name of a task begins; a test keeps it. The rehearsal is faster.
_TYPICAL: Mapping[str, str] = {
    "Apply the stack": "10 to 20 min; a change 1 to 3 min",
    "Protect the database and the stack": "about a minute",
    "Recover the stack": "as long as the change that was cut off",
    "Wait until the certificate is issued": "1 to 30 min with its DNS record",
    "Copy missing tables to the target": "a minute for 2 to 6 GB nearby",
    "Copy missing objects to the target": "what the bandwidth allows",
    "Build the image": "1 to 3 min the first time",
    "Push the image": "what the bandwidth allows",
    "Deploy the image": "2 to 5 min",
}


def typical(task: str) -> str:
    """Return how long the task usually takes; empty where nothing is known."""
    return next((usual for name, usual in _TYPICAL.items() if task.startswith(name)), "")

"""A rollout: the trial task, watching it, explaining a failure, and returning to the last good revision."""

from engines.ecs.rollout import trial
from engines.ecs.rollout.recovery import FailedRelease, failure, restore
from engines.ecs.rollout.watch import Goal, Observer, Verdict, short

__all__ = ["FailedRelease", "Goal", "Observer", "Verdict", "failure", "restore", "short", "trial"]

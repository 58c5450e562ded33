"""A rollout from the moment it has begun: watched, tried apart, explained when it fails, and taken back."""

from engines.ecs.rollout import trial
from engines.ecs.rollout.recovery import FailedRelease, failure
from engines.ecs.rollout.watch import Goal, Observer, short

__all__ = ["FailedRelease", "Goal", "Observer", "failure", "short", "trial"]

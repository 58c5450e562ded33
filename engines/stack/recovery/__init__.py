"""What the status of a stack means, and recovery of one that is stuck."""

from engines.stack.recovery.apply import events, explain, recover
from engines.stack.recovery.conditions import condition

__all__ = ["condition", "events", "explain", "recover"]

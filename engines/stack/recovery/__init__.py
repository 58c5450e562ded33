"""What the state of a stack means, and bringing one that is stuck to where a run can go on."""

from engines.stack.recovery.apply import events, explain, recover
from engines.stack.recovery.conditions import condition

__all__ = ["condition", "events", "explain", "recover"]

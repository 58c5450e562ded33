"""A rehearsal stack as a whole: its configuration, and bringing it up and down."""

from rehearsal.stack import operator_user
from rehearsal.stack.config import MARK, TARGET, Ports, StackConfig, free_stack_ports, read_config
from rehearsal.stack.lifecycle import Report, apply, down, plan, status, up
from rehearsal.stack.operator_user import Operator

__all__ = [
    "MARK",
    "TARGET",
    "Operator",
    "Ports",
    "Report",
    "StackConfig",
    "apply",
    "down",
    "free_stack_ports",
    "operator_user",
    "plan",
    "read_config",
    "status",
    "up",
]

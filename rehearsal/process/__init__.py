"""Programs of the rehearsal: starting one, keeping it under a supervisor, and finding what is left of it."""

from rehearsal.process.port_holder import Holder, holder
from rehearsal.process.programs import (
    LOOPBACK,
    PROJECT,
    PYTHON,
    Program,
    claim_ports,
    free_ports,
    in_use,
    minimal_environment,
    not_started,
    running,
    wait_until_ready,
)
from rehearsal.process.supervision import KEPT, Supervisor, end_marked, marked

__all__ = [
    "KEPT",
    "LOOPBACK",
    "PROJECT",
    "PYTHON",
    "Holder",
    "Program",
    "Supervisor",
    "claim_ports",
    "end_marked",
    "free_ports",
    "holder",
    "in_use",
    "marked",
    "minimal_environment",
    "not_started",
    "running",
    "wait_until_ready",
]

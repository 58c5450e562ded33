"""Containers instead of processes, where this machine has a Docker engine."""

from rehearsal.docker.containers import SERVICES, Containers, client
from rehearsal.docker.engine import STACK_LABEL, Engine, Network

__all__ = [
    "SERVICES",
    "STACK_LABEL",
    "Containers",
    "Engine",
    "Network",
    "client",
]

"""The Fargate runner: pulls images from the emulated registry and runs them as processes."""

from rehearsal.fargate.health import Check
from rehearsal.fargate.registry import PullError, RegistryImages, StartError, parse
from rehearsal.fargate.runner import Engine, NotFound

__all__ = [
    "Check",
    "Engine",
    "NotFound",
    "PullError",
    "RegistryImages",
    "StartError",
    "parse",
]

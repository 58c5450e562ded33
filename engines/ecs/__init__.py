"""Releases on ECS: a task definition by digest, a service, a rollout that is waited for, and a rollback.

``task_definition`` and ``plan`` are pure; ``inspection`` reads the current state; ``apply`` changes it and
waits for the ``rollout``. ``rollback`` returns to an earlier revision, ``scaling`` sets up autoscaling, and
``traffic`` reads whether a deployment has served users. ``workers`` releases a service and its workers as one
unit, and ``worker_services`` finds and stops them.
"""

from engines.ecs import traffic, worker_services, workers
from engines.ecs.apply import deploy, preview, try_out
from engines.ecs.errors import CertificateRefusedError, ReleaseConfigurationError, RolloutError
from engines.ecs.inspection import Clients
from engines.ecs.model import NOT_KNOWN_YET, DeployRequest, Probe, Release, Scaling, Wait, WantedService
from engines.ecs.results import Outcome, Released
from engines.ecs.rollback import RollbackRequest, roll_back
from engines.ecs.task_definition import is_place
from engines.ecs.workers import Unit

__all__ = [
    "NOT_KNOWN_YET",
    "CertificateRefusedError",
    "Clients",
    "DeployRequest",
    "Outcome",
    "Probe",
    "Release",
    "ReleaseConfigurationError",
    "Released",
    "RollbackRequest",
    "RolloutError",
    "Scaling",
    "Unit",
    "Wait",
    "WantedService",
    "deploy",
    "is_place",
    "preview",
    "roll_back",
    "traffic",
    "try_out",
    "worker_services",
    "workers",
]

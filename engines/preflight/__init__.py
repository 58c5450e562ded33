"""Checks before anything is changed: the configuration first, then the prerequisites."""

from engines.preflight import configuration, prerequisites, variables
from engines.preflight.errors import ConfigurationWrongError, PreflightError, PrerequisitesError
from engines.preflight.model import Finding, Settings

__all__ = [
    "ConfigurationWrongError",
    "Finding",
    "PreflightError",
    "PrerequisitesError",
    "Settings",
    "configuration",
    "prerequisites",
    "variables",
]

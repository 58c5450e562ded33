"""What stops a run before anything was touched."""

from __future__ import annotations

from engines.errors import EngineError


class PreflightError(EngineError):
    """Something is wrong before anything was touched; ``details`` lists the findings as dicts."""

    refuses = True


class ConfigurationWrongError(PreflightError):
    """The configuration is wrong, whatever else is there."""


class PrerequisitesError(PreflightError):
    """The configuration may be right, but something that it needs is missing."""

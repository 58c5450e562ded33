"""Errors of the rehearsal."""

from __future__ import annotations

from engines.errors import EngineError


class RehearsalError(EngineError):
    """A program of the rehearsal could not be started, stopped or used."""

"""Carrying out a plan: schema, rows, indexes and keys, by several workers at a time."""

from __future__ import annotations

from engines.postgres.copy import prepare
from engines.postgres.copy.execution import CopiedTable, execute

__all__ = ["CopiedTable", "execute", "prepare"]

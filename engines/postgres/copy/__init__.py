"""Carrying out a plan: schema, rows, indexes and keys, by several workers at a time."""

from __future__ import annotations

from engines.postgres.copy import dump_archive, prepare, schema_restore
from engines.postgres.copy.dump_archive import Archive
from engines.postgres.copy.execution import CopiedTable, execute
from engines.postgres.copy.progress import Estimate, Progress

__all__ = [
    "Archive",
    "CopiedTable",
    "Estimate",
    "Progress",
    "dump_archive",
    "execute",
    "prepare",
    "schema_restore",
]

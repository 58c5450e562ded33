"""Carrying out a plan: schema, rows, indexes and keys, by several workers at a time."""

from __future__ import annotations

from engines.postgres.copy import (
    copy_statements,
    dump_archive,
    prepare,
    schema_restore,
    settle,
    task_graph,
    worker,
    worker_pool,
)
from engines.postgres.copy.copy_statements import CopiedTable, TriggerSwitch
from engines.postgres.copy.dump_archive import Archive, Entry
from engines.postgres.copy.prepare import CloneInputs, Ends
from engines.postgres.copy.progress import Progress
from engines.postgres.copy.scheduler import Scheduler

__all__ = [
    "Archive",
    "CloneInputs",
    "CopiedTable",
    "Ends",
    "Entry",
    "Progress",
    "Scheduler",
    "TriggerSwitch",
    "copy_statements",
    "dump_archive",
    "prepare",
    "schema_restore",
    "settle",
    "task_graph",
    "worker",
    "worker_pool",
]

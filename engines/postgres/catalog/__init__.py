"""What a database holds: relations, objects with their definitions, sequences, and checkpoints of a copy."""

from __future__ import annotations

from engines.postgres.catalog import (
    capabilities,
    checkpoint,
    chunks,
    database,
    dependencies,
    relations,
    round_trip,
    schema_objects,
    sequences,
)
from engines.postgres.catalog.capabilities import Capabilities, locale_name
from engines.postgres.catalog.checkpoint import Checkpoint
from engines.postgres.catalog.chunks import WHOLE, Chunk
from engines.postgres.catalog.database import Database
from engines.postgres.catalog.database_properties import only_on_target
from engines.postgres.catalog.dependencies import Dependencies, Index
from engines.postgres.catalog.relations import (
    FENCE,
    OWN,
    RECORD_SCHEMA,
    Column,
    ForeignKey,
    Name,
    Scope,
    Sequence,
    Table,
)
from engines.postgres.catalog.schema_objects import CatalogId, ObjectKey, Objects, SchemaDifference
from engines.postgres.catalog.schema_queries import DISABLED, FIRST_OWN, FORCED, PUBLIC
from engines.postgres.catalog.sequences import raised
from engines.postgres.catalog.table_locks import locked_snapshot

__all__ = [
    "DISABLED",
    "FENCE",
    "FIRST_OWN",
    "FORCED",
    "OWN",
    "PUBLIC",
    "RECORD_SCHEMA",
    "WHOLE",
    "Capabilities",
    "CatalogId",
    "Checkpoint",
    "Chunk",
    "Column",
    "Database",
    "Dependencies",
    "ForeignKey",
    "Index",
    "Name",
    "ObjectKey",
    "Objects",
    "SchemaDifference",
    "Scope",
    "Sequence",
    "Table",
    "capabilities",
    "checkpoint",
    "chunks",
    "database",
    "dependencies",
    "locale_name",
    "locked_snapshot",
    "only_on_target",
    "raised",
    "relations",
    "round_trip",
    "schema_objects",
    "sequences",
]

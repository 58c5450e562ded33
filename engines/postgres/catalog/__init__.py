"""What a database holds: relations, objects with their definitions, sequences, and notes of a copy."""

from __future__ import annotations

from engines.postgres.catalog import (
    capabilities,
    checkpoint,
    chunks,
    database,
    dependencies,
    relations,
    schema_objects,
    sequences,
)
from engines.postgres.catalog.capabilities import Offers, locale_name
from engines.postgres.catalog.checkpoint import Record
from engines.postgres.catalog.chunks import Part
from engines.postgres.catalog.database import Facts
from engines.postgres.catalog.dependencies import Index, Structure
from engines.postgres.catalog.relations import (
    OWN,
    RECORD_SCHEMA,
    REVISION_TABLE,
    Column,
    ForeignKey,
    Name,
    Scope,
    Sequence,
    Table,
)
from engines.postgres.catalog.row_counts import counted
from engines.postgres.catalog.schema_objects import Difference, Key, Number, Objects
from engines.postgres.catalog.schema_queries import FIRST_OWN, FORCED
from engines.postgres.catalog.sequences import raised

__all__ = [
    "FIRST_OWN",
    "FORCED",
    "OWN",
    "RECORD_SCHEMA",
    "REVISION_TABLE",
    "Column",
    "Difference",
    "Facts",
    "ForeignKey",
    "Index",
    "Key",
    "Name",
    "Number",
    "Objects",
    "Offers",
    "Part",
    "Record",
    "Scope",
    "Sequence",
    "Structure",
    "Table",
    "capabilities",
    "checkpoint",
    "chunks",
    "counted",
    "database",
    "dependencies",
    "locale_name",
    "raised",
    "relations",
    "schema_objects",
    "sequences",
]

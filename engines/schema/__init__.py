"""Bringing a database's schema to a revision of the code, with Alembic."""

from engines.schema import revisions
from engines.schema.apply import outline, upgrade
from engines.schema.errors import RevisionError, SchemaError
from engines.schema.model import Options, Result
from engines.schema.results import as_result, warnings

__all__ = [
    "Options",
    "Result",
    "RevisionError",
    "SchemaError",
    "as_result",
    "outline",
    "revisions",
    "upgrade",
    "warnings",
]

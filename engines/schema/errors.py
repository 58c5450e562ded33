"""What can go wrong with revisions."""

from __future__ import annotations

from engines.errors import EngineError


class SchemaError(EngineError):
    """The database could not be brought to the wanted revision."""


class RevisionError(SchemaError):
    """The revisions of the code and of the database do not fit together."""

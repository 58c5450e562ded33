"""What can go wrong with revisions."""

from __future__ import annotations

import re

import sqlalchemy as sa

from engines.errors import EngineError
from engines.schema.target_only import OtherAddressError

_PASSWORD = re.compile(r"://\S*@")


class SchemaError(EngineError):
    """The database could not be brought to the wanted revision."""


class RevisionError(SchemaError):
    """The revisions of the code and of the database do not fit together."""


def reason(error: BaseException) -> str:
    """Return the first line of the reason, without statements and their values: they may be confidential."""
    if isinstance(error, OtherAddressError):
        return str(error)
    original = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    diagnosis = getattr(getattr(original, "diag", None), "message_primary", None)
    lines = str(diagnosis or original).splitlines() or [""]
    # Settings that cannot be read are quoted by whoever reads them, a URL with its password.
    return lines[0] if diagnosis else f"{type(original).__name__}: {_PASSWORD.sub('://…@', lines[0])}"

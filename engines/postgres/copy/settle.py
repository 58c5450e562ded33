"""Sequences of the target are set to where they have to stand."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from engines.postgres.catalog import Sequence, checkpoint
from engines.postgres.session import Session


def set_sequences(target: Session, sequences: Iterable[Sequence]) -> None:
    """Set each sequence to where it is given to stand, and note that it was us."""
    chosen = list(sequences)
    with target.transaction():
        for one in chosen:
            name = sql.Identifier(one.schema, one.name).as_string(target)
            target.execute("SELECT setval(%s::regclass, %s, %s)", [name, one.last_value, one.is_called])
        checkpoint.note_sequences(target, [(one.schema, one.name, one.last_value) for one in chosen])

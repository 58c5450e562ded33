"""Several questions to a server at once: over a distance, waiting for each answer is what takes time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engines.postgres.session.connection import Session


def answers(session: Session, queries: Iterable[str]) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each of ``queries``, which are sent without waiting for answers in between."""
    with session.pipeline():
        cursors = [session.execute(query) for query in queries]
    return [cursor.fetchall() for cursor in cursors]

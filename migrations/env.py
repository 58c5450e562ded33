"""How Alembic reaches the database.

In this order: a connection that the caller put into ``config.attributes["connection"]``, a URL given with
``-x url=…``, the environment variable ``DATABASE_URL``. Logging is left as it is.
"""

from __future__ import annotations

import os
import time

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from bmii.models import Base

# Two upgrades at once would both find the old revision and apply the next: the second waits instead. The lock
# is that of bmii-migrate ("bmii" as a number): an upgrade by hand and one by the module wait for each other.
_LOCK = 0x626D6969
_POLL = 0.2  # seconds


def _url() -> str:
    url = context.get_x_argument(as_dictionary=True).get("url") or os.environ.get("DATABASE_URL", "")
    if not url:
        raise SystemExit("migrations: set DATABASE_URL, or give -x url=postgresql+psycopg2://…")
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg2://" + url.removeprefix(scheme)
    return url


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _wait_for_others(connection: Connection) -> None:
    """Take the lock, which ends with the session.

    Asking again and again keeps no snapshot open, for which a concurrent build of the other would wait.
    """
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar():
        connection.commit()
        time.sleep(_POLL)
    connection.commit()


def _online() -> None:
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)  # whose it is decides about locks and about the transaction
        return
    engine = create_engine(
        _url(), poolclass=NullPool, hide_parameters=True, connect_args={"connect_timeout": 10}
    )
    with engine.connect() as connection:
        _wait_for_others(connection)
        _migrate(connection)


def _offline() -> None:
    """Print the SQL instead of running it (``--sql``)."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    _offline()
else:
    _online()

"""The database: engines with short timeouts, and database errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Engine, create_engine, exc

from bmii.errors import ConfigurationError, DatabaseError
from bmii.settings import Settings

_log = structlog.stdlib.get_logger("bmii.database")

# libpq's smallest timeout that is not rounded up.
_CONNECT_SECONDS = 2
_AWAY = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, exc.InternalError)


def make_engine(settings: Settings, *, statement_seconds: int = 0, pool_size: int = 5) -> Engine:
    """Return an engine that gives up soon when the database is away. Nothing connects yet.

    ``statement_seconds`` ends longer statements (0: none is ended). Raises ``ConfigurationError``.
    """
    arguments: dict[str, object] = {
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": 5000,  # milliseconds; notices a peer that vanished without a word
        "application_name": "bmii",
    }
    if statement_seconds:
        arguments["options"] = f"-c statement_timeout={statement_seconds}s"
    try:
        return create_engine(
            settings.database_url.get_secret_value(),
            pool_pre_ping=True,
            pool_size=pool_size,
            max_overflow=5,
            pool_timeout=_CONNECT_SECONDS,
            pool_recycle=1800,
            hide_parameters=True,
            connect_args=arguments,
        )
    except (exc.ArgumentError, ValueError):
        # Not chained: the original quotes the URL, and the URL holds the password.
        raise ConfigurationError("DATABASE_URL is not a database URL") from None


@contextmanager
def translated() -> Iterator[None]:
    """Raise SQLAlchemy's errors as ``DatabaseError``; what the server said goes to the log, not to the user.

    An error that says the statement is wrong (a broken constraint, say) is a defect, and passes through.
    """
    try:
        yield
    except _AWAY as error:
        _log.warning("database away", reason=_reason(error))
        raise DatabaseError("the database does not answer") from error
    except exc.ProgrammingError as error:
        _log.warning("database not ready", reason=_reason(error))
        raise DatabaseError(
            "the database has not the schema of this service", code="database_not_ready"
        ) from error


def _reason(error: exc.SQLAlchemyError) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

"""What can go wrong with a database, with a remedy for the user. No text here ever holds a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from engines.errors import ConfigurationError, EngineError
from engines.postgres.session import silence


class PostgresError(EngineError):
    """PostgreSQL refused, or an answer was not what the work needs."""


class UnreachableError(PostgresError):
    """No session could be had, or it was cut."""


class AbsentError(UnreachableError):
    """There is no such database: its host is unknown, nothing answers there, or it was not created."""


class BusyError(PostgresError):
    """Another migration works on the same database."""


class SchemaDiffersError(PostgresError):
    """The two databases do not hold the same objects. ``details`` lists them."""


class NotEqualError(PostgresError):
    """The comparison found differences. ``details`` lists them."""


_AGAIN = "Run the same command again: it continues from there."
_SILENT = f"See whether its process is stopped or its machine stuck. {_AGAIN}"

# What libpq says (in English, whatever the server's language) → what happened, and what to do.
_CONNECTING: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("no encryption", "SSL off"),
        "the server asks for TLS, or does not allow this client",
        "Add sslmode=require to the address, or allow the client in pg_hba.conf (a security group on AWS).",
    ),
    (
        ("no pg_hba.conf entry",),
        "the server does not allow this user from here",
        "Allow it in pg_hba.conf (a security group on AWS).",
    ),
    (
        ("server does not support SSL",),
        "the server does not offer TLS, which the address asks for",
        "Remove sslmode from the address, or switch TLS on.",
    ),
    (("certificate",), "the server's certificate was not accepted", "Check sslrootcert and the host name."),
    (
        ("password authentication failed", "no password supplied"),
        "wrong user or password",
        "Check the credentials in the address, or where its reference points.",
    ),
    (
        ("could not translate host name", "failed to resolve host", "Name or service not known"),
        "the host name is unknown",
        "Check the host in the address.",
    ),
    (
        ("refused", "timeout expired", "No route to host", "Network is unreachable", "No such file"),
        "nothing answers at this address",
        "Check host and port, that the server runs, and that the network lets you through.",
    ),
    (
        ("starting up", "shutting down", "in recovery mode"),
        "the server is starting or stopping",
        "Wait a moment, then run the same command again.",
    ),
    (
        ("too many clients", "remaining connection slots", "too many connections"),
        "the server has no free connection",
        "Use fewer jobs, or raise max_connections.",
    ),
)


_ABSENT = ("the host name is unknown", "nothing answers at this address")


def connecting(text: str, subject: str) -> UnreachableError:
    """Return the error for libpq's ``text`` about a failed connection to ``subject``."""
    if 'database "' in text and "does not exist" in text:
        return AbsentError(
            "the database does not exist", subject=subject, remedy="Create it, or correct the address."
        )
    for marks, what, remedy in _CONNECTING:
        if any(mark in text for mark in marks):
            return (AbsentError if what in _ABSENT else UnreachableError)(
                what, subject=subject, remedy=remedy
            )
    # libpq never quotes a password; its last line is the server's own reason.
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no reason was given"]
    return UnreachableError(
        f"cannot connect: {lines[-1]}", subject=subject, remedy="Check the address and the server."
    )


def pooled(subject: str) -> ConfigurationError:
    """Return the error for an address at which not the server itself answers."""
    return ConfigurationError(
        "a connection pooler answers at this address",
        subject=subject,
        remedy="Name the server itself: sessions are needed that nobody else gets.",
    )


# Classes of SQLSTATE that mean a lost connection, and states that mean an end from outside.
_LOST = "08"
_STOPPED = ("57P01", "57P02", "57P03", "57014")
_FORBIDDEN = "42501"
_FULL = "53100"
LOCKED = "55P03"
# A text that is none in the encoding of the client, which is UTF-8.
_ENCODINGS = ("22021", "22P05")
_UNKNOWN = "XX000"


def refusal(state: str, text: str, subject: str, remedy: str = "") -> PostgresError:
    """Return the error for an answer with SQLSTATE ``state`` whose primary message is ``text``."""
    if state in _STOPPED:
        return UnreachableError(f"the server ended the work: {text}", subject=subject, remedy=_AGAIN)
    if state.startswith(_LOST) or not state:
        return silent(subject) or UnreachableError("the connection was lost", subject=subject, remedy=_AGAIN)
    if state == LOCKED:
        return BusyError(
            "another session waits to change a table that is read here, or changes it",
            subject=subject,
            remedy="Let it have its turn (pg_stat_activity shows it), then run the same command again.",
        )
    if state == _FULL:
        # What the server itself says may be as odd as "wrote only 4096 of 8192 bytes".
        return PostgresError("the server's disk is full", subject=subject, remedy=f"Make room. {_AGAIN}")
    if state in _ENCODINGS:
        return not_utf8(subject)
    if state == _FORBIDDEN:
        remedy = remedy or "Grant it to the user in the address."
    return PostgresError(text, subject=subject, remedy=remedy)


def silent(subject: str) -> UnreachableError | None:
    """Return the error for a server whose sessions were ended for its silence; ``None`` if they were not."""
    if not (found := silence.ended(subject)):
        return None
    name, seconds = found
    return UnreachableError(
        f"the server has not answered for {seconds} s, new sessions neither", subject=name, remedy=_SILENT
    )


@contextmanager
def translated(subject: str, *, remedy: str = "") -> Iterator[None]:
    """Raise psycopg's errors as ``PostgresError`` about ``subject``.

    Only the primary message is kept: context and detail of an error quote rows, which may be confidential.
    """
    try:
        yield
    except psycopg.OperationalError as error:
        raise refusal(error.sqlstate or "", primary(error), subject, remedy) from error
    except psycopg.Error as error:
        raise refusal(error.sqlstate or _UNKNOWN, primary(error), subject, remedy) from error
    except UnicodeError:
        raise not_utf8(subject) from None


def not_utf8(subject: str) -> PostgresError:
    """Return the error for a database whose names or definitions cannot be read as text."""
    return PostgresError(
        "it holds texts that are not valid in UTF-8",
        subject=subject,
        remedy="Create it anew in the encoding that its texts have: one in SQL_ASCII does not say which.",
    )


def primary(error: psycopg.Error) -> str:
    """Return the server's one-line message, without the rows that its context may quote."""
    return error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]

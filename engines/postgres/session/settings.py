"""Server settings that could end a session or change results, with the values that sessions here set.

A server, a database or a role may have any default: nothing here relies on one. Settings that a server does
not know are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

# One text form of every value, and names always with their schema.
_FORMS: Mapping[str, str] = {
    "search_path": "",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "xmloption": "content",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
}
# How statements are understood.
_MEANING: Mapping[str, str] = {
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "escape_string_warning": "off",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "check_function_bodies": "on",
    "synchronize_seqscans": "off",
    "gin_fuzzy_search_limit": "0",
    "client_min_messages": "warning",
    # Rows hidden by a policy must be an error: a copy without them would be incomplete in silence.
    "row_security": "off",
}
# What would end a session that works, or waits for another one of ours.
_LIMITS: Mapping[str, str] = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    # A client whose machine is gone sends no farewell: its session must not keep its locks for hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "1s",
}
# The first version that knows a setting, where the oldest that is supported does not.
_SINCE: Mapping[str, int] = {
    "transaction_timeout": 170000,
    "idle_session_timeout": 140000,
    "client_connection_check_interval": 140000,
}
# Servers on Windows, and some others, cannot watch for a client that is gone, and refuse to be told to.
_LINUX = "client_connection_check_interval"
_ON_LINUX = sql.SQL("CASE WHEN pg_catalog.version() LIKE '%linux%' THEN {} ELSE '0' END")
ALL: Mapping[str, str] = {**_FORMS, **_MEANING, **_LIMITS}

# What changes the results of functions: a view that is filled has to see these as the source's sessions do.
RESULTS = (
    "timezone",
    "datestyle",
    "intervalstyle",
    "extra_float_digits",
    "bytea_output",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "xmloption",
    "xmlbinary",
    "default_text_search_config",
    "transform_null_equals",
    "array_nulls",
)

# Settings of a database that change what it answers, or whether it may be written to: no mere tuning.
STOPPING = frozenset({"default_transaction_read_only", "session_replication_role"})
TELLING = frozenset({*_FORMS, *_MEANING, *RESULTS, *STOPPING})

# Those of them that change no value's text, in which rows are compared.
IN_COMPARISONS = ("timezone", "default_text_search_config", "lc_numeric", "lc_time")

# For each transaction that joins a snapshot whose tables another session of ours has locked: it waits for one
# only behind somebody who waits for that session himself. No server sees this circle, and all who want to
# read the table stand in it.
READER = "SET LOCAL lock_timeout = '60s'"

Session = psycopg.Connection[TupleRow]


def statement(*, version: int, read_only: bool, backend: int | None = None) -> str:
    """Return the statement that sets all of them on a server of ``version`` (as libpq counts), at once.

    It sets nothing, and returns no row, when the process that answers is not ``backend``. It is short work:
    the time limit of a role may be shorter still.
    """
    wanted = {name: value for name, value in ALL.items() if version >= _SINCE.get(name, 0)}
    wanted["default_transaction_read_only"] = "on" if read_only else "off"
    calls = (
        sql.SQL("pg_catalog.set_config({}, {}, false)").format(
            sql.Literal(name), _ON_LINUX.format(sql.Literal(value)) if name == _LINUX else sql.Literal(value)
        )
        for name, value in wanted.items()
    )
    same = "true" if backend is None else f"pg_catalog.pg_backend_pid() = {int(backend)}"
    return sql.SQL("SELECT {} WHERE {}").format(sql.SQL(", ").join(calls), sql.SQL(same)).as_string(None)


def results_of(session: Session) -> dict[str, str]:
    """Return ``RESULTS`` as a session with the database of ``session`` has them that sets none itself."""
    rows = session.execute(
        "SELECT pg_catalog.lower(name), reset_val FROM pg_catalog.pg_settings "
        "WHERE pg_catalog.lower(name) = ANY (%s)",
        [list(RESULTS)],
    )
    return {str(row[0]): str(row[1]) for row in rows}


def accepted(session: Session, values: Mapping[str, str]) -> dict[str, str]:
    """Return those of ``values`` that the server of ``session`` takes.

    It may lack a locale of another server's system, or the name of a time zone.
    """
    try:
        with session.transaction(force_rollback=True):
            session.execute(local(values))
    except psycopg.errors.InvalidParameterValue:
        if len(values) <= 1:
            return {}
        taken = (accepted(session, {name: value}) for name, value in values.items())
        return {name: value for one in taken for name, value in one.items()}
    return dict(values)


def local(values: Mapping[str, str]) -> str:
    """Return the statement that sets ``values`` for the rest of a transaction."""
    calls = (
        sql.SQL("pg_catalog.set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
        for name, value in values.items()
    )
    return sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls)).as_string(None)

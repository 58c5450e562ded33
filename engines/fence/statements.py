"""The SQL statements that create, read and remove the fence."""

from __future__ import annotations

import json

from psycopg import sql

from engines.fence.model import CLAIM_KEY, FUNCTION, KEY, SCHEMA, SQLSTATE, TRIGGER, Mode, Name, Terms
from engines.postgres.catalog import OWN

_FUNCTION = sql.Identifier(SCHEMA, FUNCTION)
_TRIGGER = sql.Identifier(TRIGGER)

LOCK = f"SELECT pg_advisory_lock({KEY[0]}, {KEY[1]})"
UNLOCK = f"SELECT pg_advisory_unlock({KEY[0]}, {KEY[1]})"

CLAIM = f"SELECT pg_try_advisory_lock({CLAIM_KEY[0]}, {CLAIM_KEY[1]})"

_ADVISORY = """l.locktype = 'advisory' AND l.classid = {key[0]} AND l.objid = {key[1]} AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_ITS_LOCK = _ADVISORY.format(key=KEY)
_HOLDS = "SELECT l.pid FROM pg_locks l WHERE l.granted AND l.mode = 'ExclusiveLock' AND "
HOLDER = _HOLDS + _ITS_LOCK
CLAIMANT = _HOLDS + _ADVISORY.format(key=CLAIM_KEY)

# Every relation that a statement can write to, on its own or as part of another: the root of a partitioned
# table, its leaves, and the children of an inheritance, since a trigger on the parent does not see a write
# that names the leaf.
TABLES = f"""
SELECT n.nspname, c.relname,
       coalesce((SELECT t.tgenabled = 'A' FROM pg_trigger t
                 JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace s ON s.oid = p.pronamespace
                 WHERE t.tgrelid = c.oid AND t.tgname = '{TRIGGER}' AND s.nspname = '{SCHEMA}'), false),
       pg_has_role(c.relowner, 'usage')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {OWN.format(catalog="pg_class", oid="c.oid")}
ORDER BY 1, 2"""  # noqa: S608 - constants only

NOTE = f"""
SELECT obj_description(p.oid, 'pg_proc') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = '{SCHEMA}' AND p.proname = '{FUNCTION}'"""  # noqa: S608 - constants only

PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1"
# The worker of a subscription does not fire statement triggers. One that has just ended is started again.
SUBSCRIPTIONS = """
SELECT s.subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database() AND s.subenabled
UNION SELECT s.subname FROM pg_stat_subscription s JOIN pg_stat_activity a USING (pid)
WHERE a.datname = current_database() ORDER BY 1"""
DATABASE = "SELECT current_database(), has_database_privilege(current_database(), 'CREATE')"

_SESSION = """
SELECT a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(host(a.client_addr), ''),
       coalesce(a.state, a.backend_type),
       coalesce(date_trunc('second', a.xact_start)::text, 'an unknown time')
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND a.pid IN (SELECT l.pid FROM pg_locks l WHERE l.granted AND {which})
ORDER BY a.xact_start"""
_CONFLICTING = """l.relation = %s::regclass AND l.locktype = 'relation'
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                     'ExclusiveLock', 'AccessExclusiveLock')"""
WRITERS_OF_TABLE = _SESSION.format(which=_CONFLICTING)
WRITERS = _SESSION.format(which=f"l.mode = 'ShareLock' AND {_ITS_LOCK}")
END_SESSION = "SELECT pg_terminate_backend(%s)"

CREATE_SCHEMA = f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"
DROP_SCHEMA = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA))

_REFUSE = f"""RAISE EXCEPTION USING ERRCODE = '{SQLSTATE}', MESSAGE = {{message}}, HINT = {{hint}};"""
# The lock is tried whatever the deadline: who passes has it to the end, and is waited for.
_HELD = f"""
BEGIN
  IF NOT pg_catalog.pg_try_advisory_xact_lock_shared({KEY[0]}, {KEY[1]})
     AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.<) {{deadline}}::pg_catalog.timestamptz THEN
    {_REFUSE}
  END IF;
  RETURN NULL;
END"""
_LASTING = f"BEGIN {_REFUSE} END"
# The lock is tried here as well: the next fence may find this trigger, and has to wait for who has passed it.
_OPEN = f"""
BEGIN
  PERFORM pg_catalog.pg_try_advisory_xact_lock_shared({KEY[0]}, {KEY[1]});
  RETURN NULL;
END"""


def function(mode: Mode, terms: Terms, *, database: str, deadline: str = "") -> sql.Composed:
    """Return the statement that makes the fence refuse as ``mode`` says, until ``deadline`` at most."""
    place = terms.environment or "its new place"
    if mode == "held":
        message = f"database {database} is closed for writing: it moves to {place} (run {terms.run_id})"
        hint = (
            "Nothing was written. It opens again if the run does not move the users, "
            "and by itself if the run dies."
        )
        body = sql.SQL(_HELD).format(deadline=deadline, message=message, hint=hint)
    elif mode == "lasting":
        message = f"database {database} is closed for writing: it was moved to {place} (run {terms.run_id})"
        hint = "Write to the new place. playbooks/unfence.yml opens this one again."
        body = sql.SQL(_LASTING).format(message=message, hint=hint)
    else:
        body = sql.SQL(_OPEN).format()
    # A name of its own for the quotes of the body, which may hold any text.
    return sql.SQL("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {}").format(
        _FUNCTION, sql.Literal(body.as_string(None))
    )


def note(mode: Mode, terms: Terms, since: str) -> sql.Composed:
    """Return the statement that records whose it is and its mode of the fence as a comment."""
    whose = {"run_id": terms.run_id, "environment": terms.environment, "ledger": terms.ledger}
    text = json.dumps({"mode": mode, **whose, "since": since})
    return sql.SQL("COMMENT ON FUNCTION {}() IS {}").format(_FUNCTION, sql.Literal(text))


def cover(table: Name) -> tuple[sql.Composed, ...]:
    """Return the statements that put the trigger on ``table``, firing whatever the session's role is."""
    names = {"trigger": _TRIGGER, "table": sql.Identifier(*table), "function": _FUNCTION}
    return (
        sql.SQL(
            "CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE PROCEDURE {function}()"
        ).format(**names),
        sql.SQL("ALTER TABLE ONLY {table} ENABLE ALWAYS TRIGGER {trigger}").format(**names),
    )


def uncover(table: Name) -> sql.Composed:
    """Return the statement that drops the trigger on ``table``."""
    return sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(_TRIGGER, sql.Identifier(*table))

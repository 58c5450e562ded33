"""Bring a database to a revision: one upgrade at a time, one transaction for each revision."""

from __future__ import annotations

import time
from dataclasses import replace

from engines.events import Emit
from engines.postgres.session import Address
from engines.schema import invalid_indexes, revisions, version_table
from engines.schema.errors import SchemaError
from engines.schema.executor import Executor, current
from engines.schema.given_address import given
from engines.schema.model import Options, Result
from engines.schema.offline_sql import sql_of
from engines.schema.quiet import quiet
from engines.schema.session import opened, take_lock


def outline(options: Options, known: str = "") -> Result:
    """Return what ``upgrade`` would do to a database that is not there yet.

    Or that is ``known`` to be at a revision, or at several, separated by commas.
    """
    before = tuple(filter(None, (one.strip() for one in known.split(","))))
    with quiet():
        config, scripts = revisions.load(options.config)
        targets = revisions.resolve_targets(scripts, options.target)
        needed = revisions.pending(scripts, before, targets)
        table = version_table.find(config, scripts, None)
        after = targets if needed else before
        return Result(before, after, tuple(needed), sql=sql_of(scripts, needed, before, table))


def upgrade(address: Address, options: Options, *, check: bool, emit: Emit) -> Result:
    """Bring the database at ``address`` to ``options.target``.

    ``check`` lists the pending revisions with their SQL and changes nothing. Raises ``RevisionError`` when
    revisions do not fit, ``BusyError`` when another migration keeps the lock, ``SchemaError`` when a revision
    fails: it says at which revision the database is left, and which index is left invalid.
    """
    started = time.monotonic()
    with quiet():
        config, scripts = revisions.load(options.config, address)
        targets = revisions.resolve_targets(scripts, options.target)
        with opened(address, options, read_only=check) as connection:
            if not check:
                take_lock(connection, address, options)
            config.attributes["connection"] = connection
            with given(config, address):
                table = version_table.find(config, scripts, None if check else address)
            before = current(connection, table)
            needed = revisions.pending(scripts, before, targets)
            with given(config, address):
                text = sql_of(scripts, needed, before, table)
            invalid = invalid_indexes.invalid(connection)
            in_the_way = invalid_indexes.built_by(text, invalid)
            kept = tuple(one for one in invalid if one not in in_the_way)
            result = Result(before, before, tuple(needed), in_the_way, kept)
            if check:
                drops = "".join(f"{one.removal}\n" for one in in_the_way)
                result = replace(result, after=targets if needed else before, sql=drops + text)
            else:
                _work(Executor(connection, config, address, options, table, emit=emit), result, text)
                result = replace(result, after=current(connection, table))
        return replace(result, seconds=round(time.monotonic() - started, 3))


def _work(executor: Executor, plan: Result, sql: str) -> None:
    executor.drop(plan.dropped)
    executor.all(plan.applied, sql)
    left = (
        [one for one in invalid_indexes.invalid(executor.connection) if one not in plan.invalid]
        if plan.applied
        else []
    )
    if left:
        stands = ", ".join(current(executor.connection, executor.table))
        raise SchemaError(
            f"is at {stands}, but a revision left an index invalid: {', '.join(map(str, left))}",
            subject=str(executor.address),
            remedy=f"No query uses it. Remove it with `{left[0].removal}`, and build it anew.",
            details={"invalid_indexes": [str(one) for one in left]},
        )

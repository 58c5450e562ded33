"""Streaming rows from server to server over a session with each; nothing is buffered.

libpq returns one row at a time, which costs four times the processor's. asyncpg opens the sessions; its
loop is hidden here: to the outside a stream is an object of one thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import asyncpg
import uvloop

from engines.postgres.copy import copy_protocol
from engines.postgres.copy.copy_protocol import CopyConnection, OnBytes
from engines.postgres.copy.copy_statements import CopyStatements
from engines.postgres.session import connecting, refusal, silence

_LOST = "08006"
# What asyncpg lets through of a connection that ends at the worst moment. Errors of TLS are OSErrors.
_HUNG_UP = (OSError, EOFError, asyncpg.InternalClientError)


class CopyStream:
    """A session with each side, to copy rows from ``source`` to ``target``; both are asyncpg's arguments.

    ``names`` is what messages call the two. The sessions begin with ``start_source`` and ``start_target``.
    """

    def __init__(
        self,
        source: dict[str, Any],
        target: dict[str, Any],
        *,
        names: tuple[str, str],
        start_source: Iterable[str],
        start_target: Iterable[str],
    ) -> None:
        self._names = names
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._open: list[CopyConnection] = []
        self._lines: list[silence.Line] = []
        self.stopped = False
        try:
            self._source = self._runner.run(self._connect(source, names[0], start_source))
            self._target = self._runner.run(self._connect(target, names[1], start_target))
        except BaseException:
            self.close()
            raise

    def copy(self, statements: CopyStatements, on_bytes: OnBytes) -> list[int]:
        """Copy in one transaction of the target; return the rows of each pair of ``statements``.

        ``on_bytes`` is called with the number of a pair and the bytes that pass. Raises ``PostgresError``;
        the stream is of no use then and must be closed.
        """
        try:
            return self._runner.run(self._copy(statements, on_bytes))
        except RuntimeError:
            # What uvloop says of a connection that ended the moment before.
            for line, name in zip(self._open, self._names, strict=False):
                if line.transport.is_closing():
                    raise refusal(_LOST, "", name) from None
            raise

    def stop(self) -> None:
        """End what another thread copies just now, without waiting for it."""
        self.stopped = True
        with suppress(RuntimeError):
            self._runner.get_loop().call_soon_threadsafe(self._terminate)

    def close(self) -> None:
        """End both sessions."""
        self._terminate()
        self._runner.close()
        for line in self._lines:
            line.close()

    def _terminate(self) -> None:
        for connection in self._open:
            connection.terminate()
        self._open.clear()

    async def _connect(self, given: dict[str, Any], subject: str, start: Iterable[str]) -> CopyConnection:
        try:
            connection: CopyConnection = await asyncpg.connect(**given, connection_class=CopyConnection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            raise connecting(_first_line(error) or "timeout expired", subject) from None
        except _HUNG_UP as error:
            raise connecting(_first_line(error) or "the server hung up", subject) from None
        self._open.append(connection)
        descriptor = connection.transport.get_extra_info("socket").fileno()
        self._lines.append(silence.join(subject, descriptor=descriptor))
        for statement in start:
            await _answer(connection.execute(statement), subject)
        return connection

    async def _copy(self, statements: CopyStatements, on_bytes: OnBytes) -> list[int]:
        # One message to each side, however many statements: what counts is how often they are waited for.
        rows = await copy_protocol.copy(
            self._source,
            self._target,
            "; ".join(statements.reading),
            "; ".join(("BEGIN", *statements.before, *statements.writing, *statements.after)),
            names=self._names,
            on_bytes=on_bytes,
        )
        await _answer(self._target.execute("COMMIT"), self._names[1])
        return rows


async def _answer(call: Any, subject: str) -> str:
    """Await ``call`` and raise asyncpg's errors as ours."""
    try:
        return str(await call)
    except asyncpg.PostgresError as error:
        raise refusal(error.sqlstate or "", _first_line(error), subject) from None
    except (asyncpg.InterfaceError, *_HUNG_UP) as error:
        raise refusal(_LOST, _first_line(error), subject) from None


def _first_line(error: BaseException) -> str:
    """Return the primary message; what follows it quotes rows."""
    return (str(error).splitlines() or [""])[0]

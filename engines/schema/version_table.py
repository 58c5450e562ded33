"""Where a project keeps the revision of its database: the table that its own ``env.py`` configures."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from engines.postgres.session import Address
from engines.schema.errors import RevisionError
from engines.schema.target_only import OtherAddressError, target_only


@dataclass(frozen=True)
class VersionTable:
    """Its name, and its schema if ``env.py`` names one."""

    name: str = "alembic_version"
    schema: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What a context of migrations takes to use it."""
        return {"version_table": self.name, "version_table_schema": self.schema}

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class OfflineOnlyError(BaseException):
    """``env.py`` has configured itself without a connection, although it was not asked for SQL.

    It is no ``Exception``, so that code which ignores exceptions does not catch it.
    """


class _SeenError(BaseException):
    """Ends ``env.py`` as soon as it has said what was asked: it is to do nothing."""


def find(config: Config, scripts: ScriptDirectory, address: Address | None) -> VersionTable:
    """Return the table that ``env.py`` configures; Alembic's own when it does not say.

    It is asked in its offline mode, in which it connects to nothing, and, if it has none, while it is
    connected to ``address`` (None: not at all). What follows once it has configured itself is not run.
    """
    found = _asked(config, scripts, None)
    if found is None and address is not None:
        found = _asked(config, scripts, address)
    return found or VersionTable()


@contextlib.contextmanager
def required(table: VersionTable) -> Iterator[None]:
    """Raise ``RevisionError`` when ``env.py`` configures another table than ``table``, before it is used.

    Raises ``OfflineOnlyError`` when it has no connection to use it by.
    """
    configure = EnvironmentContext.configure

    def checked(self: EnvironmentContext, *arguments: Any, **options: Any) -> None:
        if not arguments and options.get("connection") is None and not self.is_offline_mode():
            raise OfflineOnlyError
        if (found := _of(options)) != table:
            raise RevisionError(
                f"env.py keeps the revision in {found} when it is connected, and in {table} when it is not",
                subject="version_table",
                remedy="Pass the same version_table and version_table_schema to both calls of configure().",
            )
        configure(self, *arguments, **options)

    with _configured_by(checked):
        yield


def _asked(config: Config, scripts: ScriptDirectory, address: Address | None) -> VersionTable | None:
    seen: list[VersionTable] = []

    def see(_: EnvironmentContext, *_arguments: Any, **options: Any) -> None:
        seen.append(_of(options))
        raise _SeenError

    options = {"as_sql": address is None, "output_buffer": io.StringIO(), "fn": lambda *_: []}
    # What it does without a database besides is no concern here; the real run reports it.
    with (
        contextlib.suppress(Exception, SystemExit, _SeenError, OtherAddressError),
        target_only(address),
        _configured_by(see),
        EnvironmentContext(config, scripts, **options),
    ):
        scripts.run_env()
    return seen[0] if seen else None


@contextlib.contextmanager
def _configured_by(function: Callable[..., None]) -> Iterator[None]:
    """Let ``context.configure`` of every ``env.py`` be ``function``."""
    configure = EnvironmentContext.configure
    EnvironmentContext.configure = function  # type: ignore[method-assign] # there is no other way in
    try:
        yield
    finally:
        EnvironmentContext.configure = configure  # type: ignore[method-assign]


def _of(options: dict[str, Any]) -> VersionTable:
    return VersionTable(
        str(options.get("version_table") or VersionTable.name), options.get("version_table_schema") or None
    )

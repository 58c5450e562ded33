"""What is refused before anything is changed, with what the operator can do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engines.errors import ConfigurationError, RefusedError
from engines.postgres.catalog import Database, Sequence, Table

_SHOWN = 10


def servers(source: Database, target: Database, roles: Mapping[str, str]) -> None:
    """Raise ``ConfigurationError`` when the two servers cannot be the ends of a copy.

    ``roles`` are those that policies of the source name, each with such a policy.
    """
    source_server, target_server = source.server, target.server
    if (source_server.started, source_server.database) == (target_server.started, target_server.database):
        raise ConfigurationError(
            "source and target are the same database",
            subject=source_server.database,
            remedy="Name another database as the target.",
        )
    if target_server.is_standby:
        raise ConfigurationError(
            "it is a standby: nothing can be written there",
            subject=target_server.database,
            remedy="Name the primary server as the target.",
        )
    if target_server.major < source_server.major:
        raise ConfigurationError(
            f"PostgreSQL {target_server.major} is older than the source's {source_server.major}",
            subject=target_server.database,
            remedy="Use a target of the same or a later version.",
        )
    if source_server.encoding != target_server.encoding:
        raise ConfigurationError(
            f"its encoding is {target_server.encoding}, the source's is {source_server.encoding}",
            subject=target_server.database,
            remedy=f"Create the target with ENCODING '{source_server.encoding}' TEMPLATE template0.",
        )
    unknown = sorted(set(roles) - target.roles)
    if unknown:
        raise ConfigurationError(
            f"it has no role {', '.join(unknown)}, which row-level security names"
            f" (policy {roles[unknown[0]]})",
            subject=target_server.database,
            remedy="Create the role on the target.",
        )


def extensions(source: Database, target: Database) -> None:
    """Raise ``ConfigurationError`` about extensions that the target has in other schemas.

    What uses them names them with the schema that they have on the source.
    """
    lines = [
        f"{key.name} is {target.objects[key]}, on the source {text}"
        for key, text in source.objects.items()
        if key.kind == "extension" and target.objects.get(key, text) != text
    ]
    if lines:
        raise ConfigurationError(
            f"it has extensions in other schemas than the source: {shorten(lines)}",
            subject=target.server.database,
            remedy="On the target: DROP EXTENSION, or ALTER EXTENSION … SET SCHEMA; or do so on the source.",
            details=lines,
        )


def rows(foreign: Iterable[Table], ahead: Iterable[Sequence], database: str, *, agreed: bool) -> None:
    """Let pass only what belongs to the migration, or what the operator ``agreed`` to give up, by name.

    Every act that destroys something on the target comes through here.
    """
    names = [f"table {table}" for table in foreign] + [f"sequence {one.schema}.{one.name}" for one in ahead]
    if not names or agreed:
        return
    raise RefusedError(
        f"it holds what the source does not: {shorten(names)}",
        subject=database,
        remedy=(
            "Nothing was changed. To replace it with the source's: "
            f"database_on_target_rows=replace, database_consent={database}."
        ),
        details=names,
    )


def consent(database: str, *, replace: bool, named: str) -> None:
    """Raise ``ConfigurationError`` when rows may be replaced but the consent names another database."""
    if replace and named != database:
        raise ConfigurationError(
            "on_target_rows=replace needs a consent that names the target database",
            subject="consent",
            remedy=f"Set consent={database} if the rows in it may be lost.",
        )


def upgraded(
    source: Database, target: Database, foreign: Iterable[Table], moved_on: Iterable[Sequence] = ()
) -> None:
    """Raise ``RefusedError`` when tables of a target that was upgraded differ, or sequences have moved on."""
    names = [f"table {table}" for table in foreign]
    names += [f"sequence {one.schema}.{one.name}" for one in moved_on]
    if not names:
        return
    raise RefusedError(
        f"it was upgraded to revision {', '.join(target.revision)} (the source is at "
        f"{', '.join(source.revision) or 'none'}), and its rows differ from the source's: {shorten(names)}",
        subject=target.server.database,
        remedy=(
            "Rows are not copied into a later schema. A target that nobody was served by is copied anew: "
            "-e database_replace=ENVIRONMENT keeps what is there under another name."
        ),
        details=names,
    )


def shorten(lines: list[str]) -> str:
    """Return the first lines as one, and how many more there are."""
    more = len(lines) - _SHOWN
    return "; ".join(lines[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")

"""The revisions of the code, and which of them a database still needs."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from engines.errors import ConfigurationError
from engines.postgres.session import Address
from engines.schema.errors import RevisionError, reason
from engines.schema.given_address import given
from engines.schema.target_only import OtherAddressError, target_only


@dataclass(frozen=True)
class Pending:
    """A revision that the database does not have yet."""

    revision: str
    title: str


def load(path: Path, address: Address | None = None) -> tuple[Config, ScriptDirectory]:
    """Read ``alembic.ini`` and its revisions. Raises ``ConfigurationError``.

    Revisions may import what reads the project's settings, once for all: with ``address`` these lead there.
    """
    if not path.is_file():
        raise ConfigurationError(
            "does not exist", subject=str(path), remedy="Name the project's alembic.ini."
        )
    config = Config(str(path))
    try:
        scripts = ScriptDirectory.from_config(config)
        with warnings.catch_warnings():
            # Alembic warns of two revisions with one name, and forgets one of them.
            warnings.filterwarnings("error", message=".*is present more than once")
            with given(config, address) if address else contextlib.nullcontext(), target_only(None):
                scripts.get_heads()  # reads every revision now, so that a broken one is seen here
    except CommandError as error:
        raise ConfigurationError(str(error), subject=str(path), remedy="Correct script_location.") from error
    except (Exception, SystemExit, OtherAddressError) as error:
        raise RevisionError(
            f"a revision cannot be read: {reason(error)}",
            subject=str(path),
            remedy="Correct the revision.",
        ) from error
    return config, scripts


def resolve_target(scripts: ScriptDirectory, target: str) -> str:
    """Return the revision that ``target`` (``head``, a revision, the start of one) means.

    Raises ``RevisionError`` when there are several heads, none, or no such revision.
    """
    if target == "head":
        heads = sorted(scripts.get_heads())
        if len(heads) > 1:
            raise RevisionError(
                f"the code has several heads: {', '.join(heads)}",
                subject=str(scripts.dir),
                remedy="Merge them with `alembic merge heads`, or name one as the target.",
            )
        if not heads:
            raise RevisionError(
                "the code has no revision",
                subject=str(scripts.dir),
                remedy="Correct script_location, or create a first one: `alembic revision`.",
            )
        return heads[0]
    return _known(scripts, target, "target").revision


def pending(scripts: ScriptDirectory, current: Iterable[str], target: str) -> list[Pending]:
    """Return the revisions between ``current`` (of the database) and ``target`` in the order to apply them.

    ``target`` is a full revision. Raises ``RevisionError`` when the database is ahead of the code, or of
    ``target``.
    """
    have: set[str] = set()
    for revision in current:
        _check_known(scripts, revision)
        have |= {one.revision for one in scripts.iterate_revisions(revision, "base")}
    needed = [one for one in scripts.iterate_revisions(target, "base") if one.revision not in have]
    newer = sorted(have - {one.revision for one in scripts.iterate_revisions(target, "base")})
    if not needed and newer:
        raise RevisionError(
            f"it is ahead of {target}: it also has {', '.join(newer)}",
            subject="the database",
            remedy="Nothing was changed: this never downgrades. Name a later target.",
        )
    return [Pending(one.revision, one.doc) for one in reversed(needed)]


def _check_known(scripts: ScriptDirectory, revision: str) -> None:
    try:
        found = scripts.get_revision(revision)
    except CommandError:
        found = None
    if found is None:
        raise RevisionError(
            f"it is at revision {revision}, which this code does not have",
            subject="the database",
            remedy="The database is ahead of the code, or belongs to another one: use the code that made it.",
        )


def _known(scripts: ScriptDirectory, revision: str, what: str) -> Script:
    try:
        found = scripts.get_revision(revision)
    except CommandError as error:
        raise RevisionError(
            str(error), subject=what, remedy="`alembic history` lists the revisions."
        ) from error
    if found is None:
        raise RevisionError(
            f"there is no revision {revision}", subject=what, remedy="`alembic history` lists the revisions."
        )
    return found

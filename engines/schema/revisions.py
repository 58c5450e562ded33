"""The revisions of the code, and which of them a database still needs."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError, to_tuple

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


def resolve_targets(scripts: ScriptDirectory, target: str) -> tuple[str, ...]:
    """Return the revisions that ``target`` means: ``head``, ``heads``, a branch's ``name@head``, a revision.

    Raises ``RevisionError`` when there are several heads, none, or no such revision.
    """
    if target == "heads" and (heads := sorted(scripts.get_heads())):
        return tuple(heads)
    if target in {"head", "heads"}:
        heads = sorted(scripts.get_heads())
        if len(heads) > 1:
            raise RevisionError(
                f"the code has several heads: {', '.join(heads)}",
                subject=str(scripts.dir),
                remedy="Name `heads` as the target, or merge them with `alembic merge heads`.",
            )
        if not heads:
            raise RevisionError(
                "the code has no revision",
                subject=str(scripts.dir),
                remedy="Correct script_location, or create a first one: `alembic revision`.",
            )
        return (heads[0],)
    return (_known(scripts, target, "target").revision,)


def pending(scripts: ScriptDirectory, current: Iterable[str], targets: Iterable[str]) -> list[Pending]:
    """Return the revisions between ``current`` (of the database) and ``targets`` in the order to apply them.

    ``targets`` are full revisions, of one branch each. Raises ``RevisionError`` when the database is ahead of
    the code, or of all ``targets``.
    """
    chosen = list(targets)
    have: set[str] = set()
    for revision in current:
        _check_known(scripts, revision)
        have |= _with_ancestors(scripts, revision)
    wanted = {one for target in chosen for one in _with_ancestors(scripts, target)}
    newer = sorted(one for one in have - wanted if _with_ancestors(scripts, one) & set(chosen))
    if newer and wanted <= have:
        raise RevisionError(
            f"it is ahead of {', '.join(chosen)}: it also has {', '.join(newer)}",
            subject="the database",
            remedy="Nothing was changed: this never downgrades. Name a later target.",
        )
    # From every base to the heads, each after those that it follows or depends on.
    order = reversed(list(scripts.walk_revisions()))
    return [Pending(one.revision, one.doc) for one in order if one.revision in wanted - have]


def _with_ancestors(scripts: ScriptDirectory, revision: str) -> set[str]:
    """Return ``revision`` with all that it follows or depends on."""
    found: set[str] = set()
    waiting = [revision]
    while waiting:
        one = waiting.pop()
        script = scripts.get_revision(one)
        if script is not None and script.revision not in found:
            found.add(script.revision)
            waiting += [*to_tuple(script.down_revision, ()), *to_tuple(script.dependencies, ())]
    return found


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

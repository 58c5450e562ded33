"""The SQL of pending revisions, without running them: as we render it, or as ``env.py`` does."""

from __future__ import annotations

import io
from collections.abc import Iterable

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import to_tuple

from engines.schema.revisions import Pending
from engines.schema.target_only import OtherAddressError, target_only
from engines.schema.version_table import VersionTable


def sql_of(
    scripts: ScriptDirectory, needed: Iterable[Pending], current: tuple[str, ...], table: VersionTable
) -> str:
    """Return what applying ``needed`` to a database at ``current`` would send.

    A revision that computes with rows, which only a real run can, is shown up to there, with a note.
    """
    parts = []
    standing = current
    for one in needed:
        script = scripts.get_revision(one.revision)
        step = MigrationStep.upgrade_from_script(scripts.revision_map, script)
        parts.append(f"-- Revision {one.revision}: {one.title}\n{_render(step, standing, table)}")
        replaced = to_tuple(script.down_revision, default=())
        standing = (*(name for name in standing if name not in replaced), one.revision)
    return "\n".join(parts)


def sql_of_env(config: Config, scripts: ScriptDirectory, revision: str, standing: tuple[str, ...]) -> str:
    """Return the SQL that ``env.py`` writes for ``revision`` in a database at the revisions ``standing``."""
    script = scripts.get_revision(revision)
    step = MigrationStep.upgrade_from_script(scripts.revision_map, script)
    buffer = io.StringIO()
    options = {
        "as_sql": True,
        "output_buffer": buffer,
        "starting_rev": standing or "base",
        "fn": lambda _heads, _context: [step],
    }
    with EnvironmentContext(config, scripts, **options):
        scripts.run_env()
    return buffer.getvalue()


def _render(step: RevisionStep, standing: tuple[str, ...], table: VersionTable) -> str:
    buffer = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # any other doubles percent signs
        opts={
            **table.options,
            "as_sql": True,
            "literal_binds": True,
            "output_buffer": buffer,
            "starting_rev": standing or "base",
            "fn": lambda _heads, _context: [step],
        },
    )
    try:
        with target_only(None), Operations.context(context), context.begin_transaction():
            context.run_migrations()
    except (Exception, SystemExit, OtherAddressError) as error:  # noqa: BLE001 - whatever a revision does without a database
        note = f"-- From here on its SQL shows only when it runs ({type(error).__name__}).\n"
        return buffer.getvalue() + note
    return buffer.getvalue()

"""An ``env.py`` that knows its offline mode alone: the SQL that it writes is run in the session of ours."""

from __future__ import annotations

import io

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import ScriptDirectory


class OfflineOnlyError(BaseException):
    """``env.py`` has configured itself without a connection, although it was not asked for SQL.

    It is no ``Exception``, so that code which ignores exceptions does not catch it.
    """


def sql_of(config: Config, scripts: ScriptDirectory, revision: str, standing: tuple[str, ...]) -> str:
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

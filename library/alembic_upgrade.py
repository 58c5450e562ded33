#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: bring a database to a revision of the code with Alembic."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: alembic_upgrade
short_description: Bring a database to a revision of the code with Alembic
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Applies the pending revisions, each in a transaction of its own. One upgrade (or C(pg_clone)) at a
    time works on a database; others wait, and find nothing to do.
  - A revision that fails leaves the database at the one before, and the message says so. One that commits on
    its way, as it has to for C(CREATE INDEX CONCURRENTLY), may be half-done then; the message says that too.
  - An invalid index, which a concurrent build that failed or was killed leaves, is dropped when a pending
    revision builds it. Any other one is named in a warning and unchanged.
  - The project's C(env.py) finds this database as C(config.attributes["connection"]), as C(sqlalchemy.url) of
    C(alembic.ini), as C(-x url=), and in the environment (C(DATABASE_URL), C(PGHOST) and their like).
  - While C(env.py) and the revisions run, connections to any other address are refused before they are made,
    whatever they are made with (SQLAlchemy, psycopg2, psycopg, asyncpg).
options:
  database_url:
    description: The database, as libpq or SQLAlchemy URL or as keyword string, or where that is
      (C(env:NAME), C(ssm:/name)). In check mode it may be missing, and counts as empty.
    type: str
    required: true
  config:
    description: The project's C(alembic.ini).
    type: path
    required: true
  known_revision:
    description: In check mode, the revision of a database that is not read. Several are separated by commas.
    type: str
    default: ""
  target:
    description: The revision to reach, V(head), V(heads) (of all branches), C(branch@head) or a revision's
      name. Nothing is ever downgraded.
    type: str
    default: head
  lock_timeout:
    description: Seconds that a statement waits for a lock on a table; 0 is without limit. A short wait
      keeps a revision from blocking users behind it. Concurrent builds, which block nobody, wait on.
    type: int
    default: 10
  statement_timeout:
    description: Seconds that a statement may take; 0 is without limit.
    type: int
    default: 0
  lock_wait:
    description: Seconds to wait while another migration works on the database.
    type: int
    default: 60
attributes:
  check_mode:
    description: Lists the pending revisions and changes nothing.
    support: full
  diff_mode:
    description: Shows the pending revisions; in check mode with their SQL.
    support: full
"""

EXAMPLES = r"""
- name: Bring the database to the newest revision
  alembic_upgrade:
    database_url: ssm:/shop/production/DATABASE_URL
    config: migrations/alembic.ini

- name: See what it would do, with the SQL
  alembic_upgrade:
    database_url: ssm:/shop/production/DATABASE_URL
    config: migrations/alembic.ini
  check_mode: true
  diff: true
"""

RETURN = r"""
from:
  description: The revision before; empty if there was none.
  returned: success
  type: str
to:
  description: The revision after; in check mode the one that would be reached.
  returned: success
  type: str
applied:
  description: The revisions that were applied, in order; in check mode those that would be.
  returned: success
  type: list
  elements: dict
  contains:
    revision:
      description: The revision's name.
      type: str
    title:
      description: The first line of its description.
      type: str
dropped_indexes:
  description: Invalid indexes that made way for a revision that builds them; in check mode those that would.
  returned: success
  type: list
  elements: str
invalid_indexes:
  description: The other invalid indexes of the database. There is a warning for each.
  returned: success
  type: list
  elements: str
sql:
  description: The SQL of the pending revisions. Empty outside check mode.
  returned: success
  type: str
seconds:
  description: How long it took.
  returned: success
  type: float
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.events import emit
from engines.postgres.session import AbsentError, resolve_target
from engines.schema import Options, as_result, outline, upgrade, warnings


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "database_url": {"type": "str", "required": True, "no_log": True},
            "config": {"type": "path", "required": True},
            "known_revision": {"type": "str", "default": ""},
            "target": {"type": "str", "default": "head"},
            "lock_timeout": {"type": "int", "default": 10},
            "statement_timeout": {"type": "int", "default": 0},
            "lock_wait": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module))


def _run(module: AnsibleModule) -> dict[str, Any]:
    given, check = module.params, module.check_mode
    options = Options(
        config=Path(given["config"]),
        target=given["target"],
        lock_timeout=given["lock_timeout"],
        statement_timeout=given["statement_timeout"],
        lock_wait=given["lock_wait"],
    )
    address = resolve_target(given["database_url"], may_be_absent=check, name="database_url")
    if address is not None:
        try:
            result = upgrade(address, options, check=check, emit=emit)
            for text in warnings(result):
                module.warn(text)
            return as_result(result)
        except AbsentError:
            if not check:
                raise
    return as_result(outline(options, given["known_revision"]))


if __name__ == "__main__":
    main()

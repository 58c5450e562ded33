#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: prove that two PostgreSQL databases hold the same."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pg_compare
short_description: Prove that two PostgreSQL databases hold the same
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Compares each table of the source with the target's by row count and by a checksum that does not
    depend on the order of rows, computed inside both servers at the same time; the rows of materialised
    views; large objects; where sequences stand; and schema objects. Nothing is written.
  - Each side is read in one snapshot. Large tables are read in parts, by all sessions.
  - Says where a table differs, by the ranges of its key and by the keys of the first rows. That is found by
    sums over ever fewer rows, inside both servers; a table that differs is read up to three times more.
    Values of other columns never leave the servers.
  - A materialised view that was stale on the source, and is fresh on the target, counts as equal.
  - What cannot be compared is named, with the reason.
  - Owners, privileges, default privileges, publications and versions of extensions are compared and
    reported apart, in RV(apart); they make nothing unequal.
options:
  source:
    description: The database to compare with, as libpq or SQLAlchemy URL or as keyword string, or where
      that is (C(env:NAME), C(ssm:/name)).
    type: str
    required: true
  target:
    description: The database to check.
    type: str
    required: true
  jobs:
    description: How many tables, or parts of one, are read at a time, on each side.
    type: int
    default: 2
  examples:
    description: How many differing key ranges and rows are named of a table. With 0 none are determined,
      which saves reading the differing tables again.
    type: int
    default: 10
  expect_upgraded:
    description:
      - Whether a target at another Alembic revision than the source may have another schema. Differences of
        schema are then returned as RV(added_by_upgrade) and RV(changed_by_upgrade), rows are compared
        over the source's columns, and C(alembic_version) is left out.
    type: bool
    default: true
  alembic_config:
    description:
      - Path of the project's C(alembic.ini). With it the schema of an upgraded target is proven. The
        source's schema is restored, without rows, in a second database on the target's server, upgraded to
        the target's revision and compared with the target; then that database is dropped.
      - In check mode, without this option, or where the user of O(target) may not create a database, the
        schema of an upgraded target is listed in RV(not_compared).
    type: path
  baseline:
    description: Whether RV(baseline) is returned.
    type: bool
    default: false
  require_equal:
    description: Fail on any difference; C(details) lists them.
    type: bool
    default: true
extends_documentation_fragment:
  - database_scope
attributes:
  check_mode:
    description: The module only reads, and O(alembic_config) is not used in check mode.
    support: full
  diff_mode:
    description: There is no change to show.
    support: none
"""

EXAMPLES = r"""
- name: Prove that nothing was lost
  pg_compare:
    source: env:SOURCE_DATABASE_URL
    target: ssm:/shop/production/DATABASE_URL

- name: See how far production has gone since
  pg_compare:
    source: env:SOURCE_DATABASE_URL
    target: ssm:/shop/production/DATABASE_URL
    require_equal: false
  register: drift
"""

RETURN = r"""
equal:
  description: Whether no difference was found.
  returned: success
  type: bool
differences:
  description: A line for each difference.
  returned: success
  type: list
  elements: str
tables:
  description: Each table, with C(table), C(source_rows), C(target_rows), C(source_checksum),
    C(target_checksum) and C(equal). The target's are null when the table or one of its columns is
    missing there. C(where) is where the rows differ, for at most 20 tables, or null. It has C(key) (the
    columns); C(missing), C(extra) and C(changed) (rows; without a key none counts as changed); C(exact),
    whether these are all; C(ranges) of the key's first column, each with C(from) and C(to) (null is open),
    C(source_rows) and C(target_rows); and C(examples), each with C(kind) and C(key).
  returned: success
  type: list
  elements: dict
materialized_views:
  description: Each materialised view that is filled on both sides, like a table, with C(refreshed), whether
    the target's rows are those that the source's would be after a refresh.
  returned: success
  type: list
  elements: dict
sequences:
  description: Each sequence, with C(sequence), C(source) and C(target) (C(last_value) and
    C(is_called)) and C(equal).
  returned: success
  type: list
  elements: dict
large_objects:
  description: The large objects of both sides, with C(source_count), C(target_count), C(source_checksum),
    C(target_checksum) and C(equal); null when only some schemas are compared.
  returned: success
  type: dict
schema:
  description: Schema objects that are C(missing), C(extra) or C(different) on the target.
  returned: success
  type: dict
upgraded:
  description: Whether the target is at another Alembic revision than the source, as O(expect_upgraded)
    allows.
  returned: success
  type: bool
apart:
  description: A line for each owner, privilege, default privilege, publication and version of an extension
    that differs. These are not copied, so that most differ as a rule.
  returned: success
  type: list
  elements: str
upgrade_proven:
  description: Whether the schema of an upgraded target is what its revisions make of the source's.
  returned: success
  type: bool
added_by_upgrade:
  description: Schema objects that the upgrade added.
  returned: success
  type: list
  elements: str
changed_by_upgrade:
  description: Schema objects that the upgrade changed or removed.
  returned: success
  type: list
  elements: str
not_compared:
  description: What the result says nothing about, each with C(kind), C(name) and C(reason).
  returned: success
  type: list
  elements: dict
report:
  description: The result as lines of text for people, those that differ first.
  returned: success
  type: list
  elements: str
counts:
  description: How many C(tables), C(tables_equal), C(rows), C(sequences) and C(objects) the source has.
  returned: success
  type: dict
baseline:
  description: What the source held at the moment of the comparison, for C(pg_baseline).
  returned: O(baseline) is true
  type: dict
evidence:
  description: What to keep of this comparison, with both addresses (without passwords), versions, snapshots,
    revisions and times, the algorithm, of each table its rows and checksum (and where it differs), and what
    was not compared.
  returned: success
  type: dict
seconds:
  description: How long it took.
  returned: success
  type: float
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import schema
from engines.contract import finish
from engines.events import emit
from engines.postgres import compare_databases, compare_result, require_equal
from engines.postgres.session import Address, resolve_address


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True, "no_log": True},
            "target": {"type": "str", "required": True, "no_log": True},
            "schemas": {"type": "list", "elements": "str", "default": []},
            "exclude_tables": {"type": "list", "elements": "str", "default": []},
            "jobs": {"type": "int", "default": 2},
            "examples": {"type": "int", "default": 10},
            "expect_upgraded": {"type": "bool", "default": True},
            "alembic_config": {"type": "path"},
            "baseline": {"type": "bool", "default": False},
            "require_equal": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    source = resolve_address(given["source"], name="source")
    target = resolve_address(given["target"], name="target")

    def upgrade(address: Address, revisions: tuple[str, ...]) -> None:
        for revision in revisions:
            options = schema.Options(Path(given["alembic_config"]), revision)
            schema.upgrade(address, options, check=False, emit=emit)

    found = compare_databases(
        source,
        target,
        schemas=given["schemas"],
        exclude_tables=given["exclude_tables"],
        jobs=given["jobs"],
        examples=given["examples"],
        expect_upgraded=given["expect_upgraded"],
        with_baseline=given["baseline"],
        upgrade=upgrade if given["alembic_config"] and not check else None,
    )
    if given["require_equal"]:
        require_equal(found, target)
    return compare_result(found, source, target)


if __name__ == "__main__":
    main()

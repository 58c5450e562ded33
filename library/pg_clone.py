#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: copy a PostgreSQL database into another."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pg_clone
short_description: Copy a PostgreSQL database into another
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Makes the target hold what the source holds, with tables, rows, sequences, indexes, keys, views,
    functions and triggers. The source is only read, from one snapshot; rows are streamed from server to
    server, large tables in parts. Indexes and keys are created as soon as the tables they need are in.
  - The user of the target needs to own the database, no more. What cannot be copied is returned as
    RV(not_copied), in check mode too. Tables that need it are refused before anything is changed.
  - Large objects come along under their numbers, unless O(schemas) is given.
  - A sequence that is behind the column it feeds is set past every value in use, and named.
  - Row-level security that a table forces on its owner is left off, and named, where the target's user
    does not have BYPASSRLS, because nothing could be compared otherwise.
  - Functions find what they name along the C(search_path) that a session with O(source) has, which
    C(ALTER DATABASE) sets there, or C(options=-csearch_path=...) in the address. PostgreSQL 17 and later
    build indexes and fill materialized views without one; what cannot be had so is named.
  - Values of C(regclass) and the like arrive by name. Those that would name nothing are refused.
  - A run that was killed is finished by the next one. Tables whose rows are equal on both sides (by a
    checksum that the servers compute) are not copied again, so a second run changes nothing. While it
    works it keeps notes in the target, in the schema C(bmii_migrate_copy), which is gone at the end. By
    them the next run knows which rows an interrupted one brought, and replaces those alone.
  - A target that holds rows or objects which the source does not have is refused before anything is
    changed.
  - Triggers do not fire. Where the user may set C(session_replication_role), foreign keys are created
    before the rows of the table that has them (the snapshot satisfies them); elsewhere after, and checked.
  - How far it is can be followed in the events file that the environment variable E(BMII_EVENTS) names,
    at least every second, with rows, bytes, rate and the seconds that are left.
  - A target whose Alembic revision is another one than the source's was copied and upgraded before. It
    is left as it is if its rows equal the source's, and refused if not.
options:
  source:
    description: The database to read, as libpq or SQLAlchemy URL or as keyword string, or where that is
      (C(env:NAME), C(ssm:/name)).
    type: str
    required: true
  target:
    description: The database to fill, which must exist. In check mode it may be missing, and counts as
      empty.
    type: str
    required: true
  jobs:
    description: How many parts of tables, indexes and keys are worked on at a time. More than the
      servers have cores gains nothing. V(0) means as many as this machine has cores, from 2 to 8.
    type: int
    default: 0
  on_target_rows:
    description:
      - What to do with a table whose rows differ, and a sequence that is ahead, on the target.
      - V(replace) deletes its rows there and needs O(consent).
    type: str
    choices: [refuse, replace]
    default: refuse
  consent:
    description: The name of the target database, to allow what O(on_target_rows=replace) does.
    type: str
    default: ""
  set_aside:
    description:
      - Whether a target that holds what the copy refuses is set aside - kept under another name - and a
        fresh database filled in its place. For a target that nobody was served by. Its user needs CREATEDB.
    type: bool
    default: false
  lock_wait:
    description: Seconds to wait while another migration works on the target.
    type: int
    default: 15
extends_documentation_fragment:
  - database_scope
attributes:
  check_mode:
    description: Plans and compares without changing anything.
    support: full
  diff_mode:
    description: Shows the steps that are missing on the target.
    support: full
"""

EXAMPLES = r"""
# On the command line: ansible localhost -m pg_clone -a 'source=env:FROM target=env:TO' --check --diff
- name: Copy the database to AWS
  pg_clone:
    source: env:SOURCE_DATABASE_URL
    target: ssm:/shop/production/DATABASE_URL
    jobs: 4

- name: Replace the rows of tables that differ
  pg_clone:
    source: env:SOURCE_DATABASE_URL
    target: ssm:/shop/production/DATABASE_URL
    on_target_rows: replace
    consent: shop
"""

RETURN = r"""
plan:
  description: A line for each step; empty when the target is equal.
  returned: success
  type: list
  elements: str
situation:
  description: What the target was before, C(blank), C(unfinished), C(complete), C(upgraded), or
    C(absent) in check mode.
  returned: success
  type: str
identity:
  description: What tells the target from any other database, as C(pg_replaced) returns it.
  returned: not in check mode
  type: str
set_aside:
  description: The name under which the former database is kept; in check mode what it would be replaced for.
  returned: success
  type: str
tables:
  description: Every table of the source.
  returned: success
  type: list
  elements: dict
  contains:
    schema:
      description: Its schema.
      type: str
    name:
      description: Its name.
      type: str
    rows:
      description: How many rows were copied; an estimate if none were. In check mode those that would be,
        counted unless more than 50 GiB move.
      type: int
    counted:
      description: Whether the rows were counted.
      returned: check mode
      type: bool
    bytes:
      description: How many bytes were copied; an estimate if none were.
      type: int
    parts:
      description: In how many parts it travels.
      type: int
    action:
      description: C(copy), C(recopy) for what an interrupted run left, C(replace) or C(keep).
      type: str
rows:
  description: How many rows were copied.
  returned: success
  type: int
bytes:
  description: How many bytes were copied.
  returned: success
  type: int
objects:
  description: How many objects of each kind the source has, extensions among them.
  returned: success
  type: dict
not_copied:
  description: What the target does not get, with kind, name and reason.
  returned: success
  type: list
  elements: dict
seconds:
  description: How long it took.
  returned: success
  type: float
"""

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.events import emit
from engines.postgres import (
    CloneResult,
    clone_database,
    clone_or_replace,
    clone_result,
    plan_for_absent_target,
    replacement,
)
from engines.postgres.plan import CloneOptions, counted, default_jobs
from engines.postgres.session import AbsentError, Address, resolve_address, resolve_target


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True, "no_log": True},
            "target": {"type": "str", "required": True, "no_log": True},
            "jobs": {"type": "int", "default": 0},
            "schemas": {"type": "list", "elements": "str", "default": []},
            "exclude_tables": {"type": "list", "elements": "str", "default": []},
            "on_target_rows": {"type": "str", "choices": ["refuse", "replace"], "default": "refuse"},
            "consent": {"type": "str", "default": ""},
            "set_aside": {"type": "bool", "default": False},
            "lock_wait": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    options = CloneOptions(
        jobs=given["jobs"] or default_jobs(),
        schemas=tuple(given["schemas"]),
        exclude_tables=tuple(given["exclude_tables"]),
        on_target_rows=given["on_target_rows"],
        consent=given["consent"],
        lock_wait=given["lock_wait"],
    )
    source = resolve_address(given["source"], name="source")
    target = resolve_target(given["target"], may_be_absent=check)
    clone = clone_or_replace if given["set_aside"] else clone_database
    if not check and target is not None:
        result = clone_result(clone(source, target, options, check=False, emit=emit))
        return {**result, "identity": replacement.identity(target)}
    result = _planned(source, target, options, clone)
    return {**result, "tables": counted(source, result["tables"])}


def _planned(
    source: Address, target: Address | None, options: CloneOptions, clone: Callable[..., CloneResult]
) -> dict[str, Any]:
    if target is not None:
        try:
            return clone_result(clone(source, target, options, check=True, emit=emit))
        except AbsentError as error:
            if error.subject != str(target):
                raise
    return clone_result(plan_for_absent_target(source, options), absent=True)


if __name__ == "__main__":
    main()

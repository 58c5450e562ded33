#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: what a PostgreSQL database holds now, held against what it held before."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pg_baseline
short_description: What a PostgreSQL database holds now, held against what it held before
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Reads of one database, in one snapshot, the number of rows and a checksum of each table, where each
    sequence stands, the large objects, and a digest of the definitions of each kind of object.
  - With O(expected), a baseline that this module or C(pg_compare) has returned before, the two are compared.
  - Nothing is written. A fence that C(source_fence) has put up is no difference.
options:
  database:
    description: The database, as libpq or SQLAlchemy URL or as keyword string, or where that is
      (C(env:NAME), C(ssm:/name)).
    type: str
    required: true
  expected:
    description: What it held before. Empty compares nothing.
    type: dict
    default: {}
  jobs:
    description: How many tables are read at a time.
    type: int
    default: 2
extends_documentation_fragment:
  - database_scope
attributes:
  check_mode:
    description: The module only reads.
    support: full
  diff_mode:
    description: There is no change to show.
    support: none
"""

EXAMPLES = r"""
- name: Read what the target holds after the upgrade
  pg_baseline:
    database: ssm:/shop/production/DATABASE_URL
  register: upgraded

- name: Make sure that nothing has come in since
  pg_baseline:
    database: ssm:/shop/production/DATABASE_URL
    expected: "{{ upgraded.baseline }}"
  register: since
  failed_when: not since.equal
"""

RETURN = r"""
baseline:
  description: What the database holds now, with C(tables), C(sequences), C(objects), C(large_objects) and
    C(algorithm). No values.
  returned: success
  type: dict
equal:
  description: Whether it holds what it held before.
  returned: O(expected) is given
  type: bool
differences:
  description: A line for each change since the baseline.
  returned: O(expected) is given
  type: list
  elements: str
tables:
  description: The tables among the differences.
  returned: O(expected) is given
  type: list
  elements: str
count:
  description: How much that is - rows that came or went, and one for each other difference.
  returned: O(expected) is given
  type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.postgres import baseline
from engines.postgres.session import resolve_address


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "str", "required": True, "no_log": True},
            "expected": {"type": "dict", "default": {}},
            "schemas": {"type": "list", "elements": "str", "default": []},
            "exclude_tables": {"type": "list", "elements": "str", "default": []},
            "jobs": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params))


def _run(given: dict[str, Any]) -> dict[str, Any]:
    address = resolve_address(given["database"], name="database")
    chosen = {name: given[name] for name in ("schemas", "exclude_tables", "jobs")}
    now = baseline.take(address, **chosen)
    result: dict[str, Any] = {"changed": False, "baseline": now.to_dict()}
    if not given["expected"]:
        return result
    found = baseline.changes(baseline.Baseline.from_dict(given["expected"]), now)
    return {
        **result,
        "equal": not found,
        "differences": [str(one) for one in found],
        "tables": [one.name.removeprefix("table ") for one in found if one.name.startswith("table ")],
        "count": sum(one.weight for one in found),
    }


if __name__ == "__main__":
    main()

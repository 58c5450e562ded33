#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: what pg_clone has set aside of a database, and its removal by consent."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pg_replaced
short_description: Tell which database a target is, and list or drop those that pg_clone has set aside for it
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - C(pg_clone) with O(ignore:set_aside) keeps what it replaces under the name C(NAME_replaced_TIME).
  - No other database is listed or dropped.
options:
  database:
    description: The database that took their place, as libpq or SQLAlchemy URL or as keyword string, or where
      that is (C(env:NAME), C(ssm:/name)).
    type: str
    required: true
  state:
    description: V(absent) drops them, V(read) lists them.
    type: str
    choices: [read, absent]
    default: read
attributes:
  check_mode:
    description: Returns what would be dropped, and drops nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Drop what was set aside
  pg_replaced:
    database: ssm:/shop/production/DATABASE_URL
    state: absent
"""

RETURN = r"""
databases:
  description: The databases that are kept, or in V(absent) that were dropped, the oldest first.
  returned: success
  type: list
  elements: str
identity:
  description: What tells the database from any other, also from one that has its name later; empty where the
    server does not tell it.
  returned: state is read
  type: str
lineage:
  description: The identities of those that are kept, in whose place it has come.
  returned: state is read
  type: list
  elements: str
empty:
  description: Whether it holds nothing but what extensions bring.
  returned: state is read
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.postgres import replacement
from engines.postgres.session import resolve_address


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "str", "required": True, "no_log": True},
            "state": {"type": "str", "choices": ["read", "absent"], "default": "read"},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    address = resolve_address(given["database"], name="database")
    found = replacement.kept(address)
    drops = given["state"] == "absent" and bool(found)
    if drops and not check:
        replacement.drop(address, found)
    if given["state"] == "absent":
        return {"changed": drops, "databases": found}
    return {
        "changed": False,
        "databases": found,
        "identity": replacement.identity(address),
        "lineage": replacement.lineage(address) if found else [],
        "empty": replacement.is_empty(address),
    }


if __name__ == "__main__":
    main()

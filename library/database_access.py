#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: open the way to a private database, and prove it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: database_access
short_description: Open the way to a private database, and prove it
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Opens a way to the database and proves it before anything is moved. The name is resolved, something
    answers, it proves over TLS that it is the database, and the user is let in, in that order. A failure says
    which of them it was, and what to do.
  - Returns what other modules take after the database's address, so that they go this way. It holds no
    password.
  - What a run has opened already is used again. O(state=closed) ends it, and what killed runs have left.
  - A relay is a write to the account, so that in check mode none is started.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  address:
    description: The database, as libpq or SQLAlchemy URL or as keyword string, or where that is
      (C(env:NAME), C(ssm:/name)). In check mode it may be missing.
    type: str
    required: true
  must_work:
    description: Whether it is a failure when the way leads to nothing, or to another database.
    type: bool
    default: true
  state:
    description: Whether the way is to be open.
    type: str
    choices: [opened, closed]
    default: opened
extends_documentation_fragment: [database_access]
attributes:
  check_mode:
    description: Proves a way that needs nothing to be made. A relay is not started; RV(opened) is false then.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Open the way to the database
  database_access:
    address: ssm:/shop/production/DATABASE_URL
    access:
      mode: relay
      ca: aws
      relay:
        cluster: shop
        task_definition: shop-relay
        subnets: [subnet-0a1b2c3d]
        security_groups: [sg-0a1b2c3d]
  register: way

- name: Compare with the source
  pg_compare:
    source: env:SOURCE_DATABASE_URL
    target: "ssm:/shop/production/DATABASE_URL{{ way.via }}"

- name: Close it
  database_access:
    address: ssm:/shop/production/DATABASE_URL
    access: {mode: relay, relay: {cluster: shop}}
    state: closed
"""

RETURN = r"""
opened:
  description: Whether the way is open. False in check mode, where it would have to be made, or where there is
    no database.
  returned: success
  type: bool
via:
  description: What is appended to a reference to the database, whoever its user is, to go this way.
  returned: success
  type: str
  sample: "#via:hostaddr=203.0.113.7&port=5432&sslmode=verify-full"
proof:
  description: What was proven, a line each.
  returned: success
  type: list
  elements: str
closed:
  description: Where relays led that were ended.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import database_access
from engines.contract import finish
from engines.postgres.session import AbsentError, resolve_target, via


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True, "no_log": True},
            "must_work": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["opened", "closed"], "default": "opened"},
            "access": {
                "type": "dict",
                "default": {},
                "options": {
                    "mode": {
                        "type": "str",
                        "choices": ["relay", "ssm", "bastion", "direct"],
                        "default": "direct",
                    },
                    "ca": {"type": "str", "default": ""},
                    "cache": {"type": "str", "default": ""},
                    "port": {"type": "int", "default": 0},
                    "through": {"type": "str", "default": ""},
                    "relay": {
                        "type": "dict",
                        "default": {},
                        "options": {
                            "cluster": {"type": "str"},
                            "task_definition": {"type": "str"},
                            "subnets": {"type": "list", "elements": "str"},
                            "security_groups": {"type": "list", "elements": "str"},
                            "lease": {"type": "int"},
                        },
                    },
                },
            },
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    result = {"changed": False, "opened": False, "via": "", "proof": [], "closed": []}
    if given["state"] == "closed":
        return {**result, "closed": [] if check else database_access.closed(given["access"])}
    if check and database_access.writes(given["access"]):
        return result
    address = resolve_target(given["address"], may_be_absent=check, name="address")
    if address is None:
        return result
    try:
        access = database_access.read(given["access"])
        way = database_access.opened(access, address, must_work=given["must_work"])
    except AbsentError:
        if not check:
            raise
        return result
    return {**result, "opened": True, "via": via(way.parameters), "proof": way.proof}


if __name__ == "__main__":
    main()

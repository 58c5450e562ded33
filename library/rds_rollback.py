#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: bring a database instance of RDS back to an earlier moment."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_rollback
short_description: Bring a database instance of RDS back to an earlier moment
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Restores the instance as it was at a moment into a second one with the same settings. Makes sure that
    the owner and the application can log in there, and that the schema is at a revision of this checkout.
    Compares both, table by table.
  - With O(state=switched) the two exchange their names then, so that addresses, parameters and the stack stay
    as they are. The present instance is kept as C(NAME-before-TIME). Going back to a kept instance is the way
    forward again.
  - Between the two renamings nothing answers at the address, for some minutes on AWS. What is written between
    the comparison and the switch stays in the kept instance.
  - What is done follows from the instances that there are; a run that was killed is finished by the same one.
  - Does not ask for consent; the caller has to, as the role C(rollback) does.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  instance:
    description: The identifier of the instance in use.
    type: str
    required: true
  to:
    description: A moment with its time zone (C(2026-11-26T03:55:00Z)), C(latest), or the identifier of an
      instance that was kept.
    type: str
    required: true
  state:
    description: Whether only to restore and compare, or to switch as well.
    type: str
    choices: [restored, switched]
    default: restored
  address:
    description: The database's address as its owner, or where that is (C(env:NAME), C(ssm:/name)). At the
      restored instance the same user has to be let in.
    type: str
    required: true
  application_address:
    description: The same, as the application. When it is empty, only the owner is tried.
    type: str
    default: ""
  config:
    description: The project's C(alembic.ini), by which the known revisions are found.
    type: path
    required: true
  jobs:
    description: How many tables, or parts of one, are compared at a time.
    type: int
    default: 2
  timeout:
    description: For how many seconds AWS may say the same of the instances before it is given up.
    type: int
    default: 3600
extends_documentation_fragment: [database_access]
attributes:
  check_mode:
    description: Returns what would be done, and compares an instance that is restored already, unless that
      needs a relay. It only reads.
    support: full
  diff_mode:
    description: There is nothing to compare but rows; RV(table) has those.
    support: none
"""

EXAMPLES = r"""
- name: See what going back would lose and bring
  rds_rollback:
    instance: shop-postgres
    to: "2026-11-26T03:55:00Z"
    address: ssm:/shop/production/DATABASE_URL
    application_address: ssm:/shop/production/APP_DATABASE_URL
    config: migrations/alembic.ini

- name: Go back
  rds_rollback:
    instance: shop-postgres
    to: "2026-11-26T03:55:00Z"
    state: switched
    address: ssm:/shop/production/DATABASE_URL
    application_address: ssm:/shop/production/APP_DATABASE_URL
    config: migrations/alembic.ini
"""

RETURN = r"""
done:
  description: Whether the instance in use is the requested one already.
  returned: success
  type: bool
instance:
  description: The instance that is gone back to, by the name that it has, or will have, before the switch.
  returned: success
  type: str
  sample: shop-postgres-pit-261126-035500
kept:
  description: The name under which the present instance is kept, or would be; empty when nothing is switched,
    or a switch that was cut off is finished.
  returned: success
  type: str
  sample: shop-postgres-before-261126-041200
rollback_instances:
  description: The instances that rollbacks have restored or kept. Each is paid for until it is deleted.
  returned: success
  type: list
  elements: str
actions:
  description: A line for each action that was done, or in check mode would be.
  returned: success
  type: list
  elements: str
revisions:
  description: The schema revisions of the instance that is gone back to; empty when it is not there yet.
  returned: success
  type: list
  elements: str
table:
  description: The tables that differ, with their rows now and then, and how many would be lost, come back, or
    have other values, as lines of text. Empty when nothing was compared.
  returned: success
  type: list
  elements: str
comparison:
  description: What is kept of the comparison, as C(pg_compare) has it (C(source) is now, C(target) is then).
  returned: success
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import database_access, rds
from engines.contract import finish
from engines.postgres.session import resolve_address


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "to": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["restored", "switched"], "default": "restored"},
            "address": {"type": "str", "required": True, "no_log": True},
            "application_address": {"type": "str", "default": "", "no_log": True},
            "config": {"type": "path", "required": True},
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
            "jobs": {"type": "int", "default": 2},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, module.check_mode))


def _run(given: dict[str, Any], check: bool) -> dict[str, Any]:
    request = rds.read(given["to"], given["instance"])
    application = given["application_address"]
    users = rds.Users(
        resolve_address(given["address"], name="address"),
        resolve_address(application, name="application_address") if application else None,
        Path(given["config"]),
        None if check and database_access.writes(given["access"]) else database_access.read(given["access"]),
    )
    if given["state"] == "switched":
        return rds.switch(request, users, timeout=given["timeout"], check=check)
    return rds.restore(request, users, jobs=given["jobs"], timeout=given["timeout"], check=check)


if __name__ == "__main__":
    main()

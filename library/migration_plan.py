#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: one plan of the whole migration, from what each phase would do."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: migration_plan
short_description: One plan of the whole migration, from what each phase would do
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Merges the plans that roles set in check mode, and adds what the one who signs has to know - what
    cannot be taken back, what it costs by the month and how long the copying takes.
  - Prices are of a dated table, C(engines/migration_plan/prices.yml). Nothing is asked of AWS.
options:
  phases:
    description: The plan of each phase, by the phase's name. One that is empty was not
      planned, and is left out.
    type: dict
    required: true
  environment:
    description: The environment's name.
    type: str
    default: ""
  account_id:
    description: The account.
    type: str
    default: ""
  region:
    description: The region, whose prices are used if the table has them.
    type: str
    required: true
  bandwidth:
    description: What the copying is assumed to get, in Mbit/s.
    type: float
    default: 100
  dest:
    description: A file for the plan as JSON, written in check mode too. Empty for none.
    type: str
    default: ""
attributes:
  check_mode:
    description: The plan is what check mode is for; O(dest) is written all the same.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Show what a run would do
  migration_plan:
    region: eu-central-1
    phases:
      deploy:
        service: shop
        actions: [create service shop]
        cpu: 1024
        memory: 2048
        tasks: 1
        platform: linux/amd64
"""

RETURN = r"""
plan:
  description: The plan as data, with a section for each phase that was planned.
  returned: success
  type: dict
lines:
  description: The plan as lines of text.
  returned: success
  type: list
  elements: str
"""

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.migration_plan import Place, lines, summarise


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "phases": {"type": "dict", "required": True},
            "environment": {"type": "str", "default": ""},
            "account_id": {"type": "str", "default": ""},
            "region": {"type": "str", "required": True},
            "bandwidth": {"type": "float", "default": 100},
            "dest": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params))


def _run(options: dict[str, Any]) -> dict[str, Any]:
    place = Place(options["environment"], options["account_id"], options["region"], options["bandwidth"])
    plan = summarise(options["phases"], place)
    if options["dest"]:
        Path(options["dest"]).write_text(json.dumps(plan, indent=2) + "\n", encoding="utf-8")
    return {"changed": False, "plan": plan, "lines": lines(plan)}


if __name__ == "__main__":
    main()

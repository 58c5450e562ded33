#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: tell of each resource while CloudFormation works."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_watch
short_description: Tell of each resource while CloudFormation works on a stack
description:
  - Starts a small process that emits what happens to the resources of a stack, for who watches the run, since
    the module that applies it is silent until it has ended. It ends with the stack's work, or with the run.
  - Where nobody watches (neither C(BMII_SCREEN) nor C(BMII_EVENTS) is set) nothing is started.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  stack_name:
    description: The stack, which need not exist yet.
    type: str
    required: true
  region:
    description: Its region; empty for that of the environment.
    type: str
    default: ''
author: BMII Migrate contributors (@bmii-migrate)
attributes:
  check_mode:
    description: Starts nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Watch the stack
  stack_watch:
    stack_name: bmii
"""

RETURN = r"""
watched:
  description: Whether a process was started.
  returned: success
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.runs import Owner
from engines.stack import events


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "stack_name": {"type": "str", "required": True},
            "region": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    watched = not check and events.start(given["stack_name"], given["region"], Owner.of_this_run())
    return {"changed": False, "watched": watched}


if __name__ == "__main__":
    main()

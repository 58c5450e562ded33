#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: a CloudFormation stack that is stuck is explained, and by consent repaired."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_recover
short_description: Explain and repair a CloudFormation stack that is stuck
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Waits for what AWS does to a stack. If it is stuck, so that AWS takes no update of it, the module
    fails with the meaning of its status, the first failure that led to it, and the command to continue with.
  - With O(consent) the stack is repaired. A failed creation is deleted, which buckets outlive, and a database
    as a snapshot; a failed update is taken back.
  - A stack that is fine, or does not exist, is unchanged.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  stack_name:
    description: The stack.
    type: str
    required: true
  consent:
    description: The name of the stack, if it may be repaired.
    type: str
    default: ''
  explain:
    description: Fails with why the stack could not be applied, instead of looking for what to repair.
    type: bool
    default: false
  said:
    description: What applying was answered, for O(explain).
    type: str
    default: ''
  timeout:
    description: After how many seconds without anything happening to the stack the wait ends.
    type: float
    default: 600
attributes:
  check_mode:
    description: Returns what would be done. Waits for nothing, and fails for no state.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Recover the stack
  stack_recover:
    stack_name: shop
    consent: shop
"""

RETURN = r"""
status:
  description: The status of the stack before; empty where there was none.
  returned: success
  type: str
  sample: ROLLBACK_COMPLETE
condition:
  description: What that means, with the first failure; empty where nothing has to be repaired.
  returned: success
  type: str
  sample: "is in ROLLBACK_COMPLETE: its creation failed, and what was built of it was removed."
recovered:
  description: What was done; in check mode, would be.
  returned: success
  type: str
  sample: let AWS take the update back, and go on
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import stack
from engines.contract import finish


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "stack_name": {"type": "str", "required": True},
            "consent": {"type": "str", "default": ""},
            "explain": {"type": "bool", "default": False},
            "said": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 600},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(options: dict[str, Any], *, check: bool) -> dict[str, Any]:
    name = options["stack_name"]
    if options["explain"]:
        raise stack.explain(name, options["said"])
    return stack.recover(name, options["consent"], check=check, timeout=options["timeout"])


if __name__ == "__main__":
    main()

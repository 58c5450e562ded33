#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: what in a CloudFormation stack is no longer as CloudFormation left it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_drift
short_description: What in a CloudFormation stack is no longer as CloudFormation left it
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Lets AWS compare the resources of a stack with their template, waits for it, and returns what differs.
  - Changes nothing, in check mode or not.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  stack_name:
    description: The stack. One that does not exist has no drift.
    type: str
    required: true
  region:
    description: The stack's region.
    type: str
    required: true
  timeout:
    description: Seconds to wait for AWS.
    type: int
    default: 600
attributes:
  check_mode:
    description: It only looks.
    support: full
  diff_mode:
    description: There is nothing that would change.
    support: none
"""

EXAMPLES = r"""
- name: Find changes made by hand
  stack_drift:
    stack_name: shop
    region: eu-central-1
"""

RETURN = r"""
exists:
  description: Whether there is such a stack.
  returned: success
  type: bool
drifted:
  description: The resources that were changed or deleted.
  returned: success
  type: list
  elements: dict
  contains:
    logical_id:
      description: The resource's name in the template.
      type: str
    type:
      description: The resource's type.
      type: str
    status:
      description: C(MODIFIED) or C(DELETED).
      type: str
    differences:
      description: The properties that differ, with C(path), C(before) and C(after). No secret is shown.
      type: list
      elements: dict
checked:
  description: How many resources AWS has checked.
  returned: success
  type: int
unchecked:
  description: The resources of types for which AWS detects no drift.
  returned: success
  type: list
  elements: str
lines:
  description: The same as lines of text.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.stack import detect


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "stack_name": {"type": "str", "required": True},
            "region": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    given = module.params
    finish(
        module,
        lambda: {
            "changed": False,
            **detect(given["stack_name"], given["region"], given["timeout"]).as_result(),
        },
    )


if __name__ == "__main__":
    main()

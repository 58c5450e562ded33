#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: what applying a CloudFormation stack would change, found by reading alone."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_plan
short_description: What applying a CloudFormation stack would change, found by reading alone
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Compares a template and its parameters with the stack as AWS has it. Conditions are decided and
    parameters put in on both sides, so that what is compared is what takes effect.
  - Makes no change set, since that is a write. Never changes anything, in check mode or not.
  - Whether a property can only be changed by replacing its resource is read from a table of CloudFormation's
    own schemas. Where AWS decides that while it works, the change is marked C(doubtful).
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  stack_name:
    description: The stack.
    type: str
    required: true
  region:
    description: The stack's region.
    type: str
    required: true
  template_body:
    description: The wanted template, as JSON.
    type: str
    required: true
  template_parameters:
    description: The template's parameters. One that is not given has its default.
    type: dict
    default: {}
  tags:
    description: The stack's tags.
    type: dict
    default: {}
  kept_tags:
    description: The names of tags whose value a stack keeps once it has one.
    type: list
    elements: str
    default: []
  adopt:
    description: The name of the environment, if it may take over a stack of this name that carries no tag
      C(Environment). A stack of another environment is refused in any case.
    type: str
    default: ''
  termination_protection:
    description: Whether the stack is to be protected from deletion. Not given, it stays as it is.
    type: bool
attributes:
  check_mode:
    description: It only reads. In check mode C(changed) says whether applying would change something.
    support: full
  diff_mode:
    description: Shows each resource that would change.
    support: full
"""

EXAMPLES = r"""
- name: See what applying the stack would change
  stack_plan:
    stack_name: shop
    region: eu-central-1
    template_body: "{{ lookup('file', 'template.json') }}"
    template_parameters: {Name: shop}
"""

RETURN = r"""
differs:
  description: Whether the stack has to be applied.
  returned: success
  type: bool
name:
  description: The stack's name.
  returned: success
  type: str
exists:
  description: Whether there is such a stack.
  returned: success
  type: bool
status:
  description: AWS's word for its state; empty when there is none.
  returned: success
  type: str
note:
  description: What has to be known about a stack that is not finished; empty for one that is.
  returned: success
  type: str
changes:
  description: The resources that would change.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: C(add), C(change), C(replace) or C(delete).
      type: str
    logical_id:
      description: The resource's name in the template.
      type: str
    type:
      description: The resource's type.
      type: str
    properties:
      description: What differs.
      type: list
      elements: str
    doubtful:
      description: Whether AWS decides during the update if the resource is only interrupted, or replaced.
      type: bool
    left:
      description: What stays of a resource that goes; empty for nothing.
      type: str
    endangers_data:
      description: Whether it holds data of users, and is replaced or deleted.
      type: bool
counts:
  description: How many resources each action concerns.
  returned: success
  type: dict
settings:
  description: A line for each change that is of no resource, such as parameters and tags.
  returned: success
  type: list
  elements: str
outputs:
  description: The stack's outputs as they are now.
  returned: success
  type: dict
tags:
  description: The tags that the stack has when it is applied.
  returned: success
  type: dict
resources:
  description: The names of all resources that the stack has when it is applied.
  returned: success
  type: list
  elements: str
sizes:
  description: What the monthly cost of the stack depends on, by resource.
  returned: success
  type: list
  elements: dict
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import stack
from engines.contract import finish


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "stack_name": {"type": "str", "required": True},
            "region": {"type": "str", "required": True},
            "template_body": {"type": "str", "required": True},
            "template_parameters": {"type": "dict", "default": {}},
            "tags": {"type": "dict", "default": {}},
            "kept_tags": {"type": "list", "elements": "str", "default": []},
            "adopt": {"type": "str", "default": ""},
            "termination_protection": {"type": "bool"},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(options: dict[str, Any], *, check: bool) -> dict[str, Any]:
    wanted = stack.Wanted(
        name=options["stack_name"],
        region=options["region"],
        template=json.loads(options["template_body"]),
        parameters=options["template_parameters"],
        tags={key: str(value) for key, value in options["tags"].items()},
        kept_tags=frozenset(options["kept_tags"]),
        termination_protection=options["termination_protection"],
        adopt=options["adopt"],
    )
    result = stack.as_result(stack.make(wanted, stack.read(wanted.name, wanted.region)))
    return {**result, "changed": check and result["differs"]}


if __name__ == "__main__":
    main()

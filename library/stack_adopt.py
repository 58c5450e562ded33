#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: begin a stack with the buckets and log groups that an earlier one has left."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_adopt
short_description: Begin a CloudFormation stack with what an earlier one has left
author: BMII Migrate contributors (@bmii-migrate)
description:
  - CloudFormation refuses to create a stack whose bucket or log group exists. When the stack does not exist
    yet, this module begins it with an import of those of O(buckets) and O(log_groups) that do; an update
    builds the rest, and brings them to what its template says. What is in them stays as it is.
  - A bucket of another account, in another region, or without O(tags) is refused.
  - A stack that exists is unchanged; one that a killed run has left with a change set alone is removed.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  stack_name:
    description: The stack.
    type: str
    required: true
  buckets:
    description: The buckets' names by the names that they have in the template.
    type: dict
    required: true
  log_groups:
    description: The log groups' names by the names that they have in the template.
    type: dict
    default: {}
  tags:
    description: What a bucket has to carry to be known as the platform's own.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Returns which buckets would be imported, and changes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Import existing buckets
  stack_adopt:
    stack_name: shop
    buckets:
      BucketImages: shop-images
      BucketInvoices: shop-invoices
    tags:
      Project: shop
      Environment: production
"""

RETURN = r"""
adopted:
  description: The buckets that were imported; in check mode, that would be.
  returned: success
  type: list
  elements: str
  sample: [shop-images]
adopted_log_groups:
  description: The log groups that were imported; in check mode, that would be.
  returned: success
  type: list
  elements: str
  sample: [/ecs/shop]
"""

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.stack import adopt


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "stack_name": {"type": "str", "required": True},
            "buckets": {"type": "dict", "required": True},
            "log_groups": {"type": "dict", "default": {}},
            "tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    options = module.params
    finish(
        module,
        lambda: adopt(
            options["stack_name"],
            options["buckets"],
            tags=options["tags"],
            log_groups=options["log_groups"],
            check=module.check_mode,
        ),
    )


if __name__ == "__main__":
    main()

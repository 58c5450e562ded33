#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: take a platform down, and prove that nothing is left of it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: teardown
short_description: Take a platform down, and prove that nothing is left of it
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Ends the service, deletes images and task definitions, and databases that a rollback has left (after a
    final snapshot of each), takes off protections, deletes the CloudFormation stack after a final snapshot of
    the database, and deletes the parameters. Then asks AWS for each kind of
    thing again, and fails when anything is there that is not kept on purpose.
  - A run that was killed is finished by the next one.
  - A stack or a bucket that does not carry O(tags) is refused before anything is changed.
  - Does not ask for consent; the caller has to, as the role C(teardown) does.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  name:
    description: The platform's name, which cluster, service, repository and load balancer bear.
    type: str
    required: true
  stack_name:
    description: The CloudFormation stack.
    type: str
    required: true
  database:
    description: The identifier of the RDS instance.
    type: str
    required: true
  parameter_path:
    description: The path in Parameter Store below which everything is deleted.
    type: str
    required: true
  buckets:
    description: The buckets that the stack leaves.
    type: list
    elements: str
    default: []
  tags:
    description: What stack and buckets have to carry to be known as the platform's own.
    type: dict
    required: true
  state_bucket:
    description: The bucket of the ledger, which is kept.
    type: str
    default: ""
  domain:
    description: The domain for which a certificate was requested, and that leads to the load balancer.
    type: str
    default: ""
  hosted_zone:
    description: Its hosted zone in Route 53, by name or id; empty where DNS is kept elsewhere.
    type: str
    default: ""
  data:
    description: Whether buckets and snapshots are kept, or deleted for good.
    type: str
    choices: [keep, delete]
    default: keep
  timeout:
    description: Seconds that a step may go without progress.
    type: int
    default: 900
  patience:
    description: Seconds that AWS may go on listing what it has deleted.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says what would be done and kept, and changes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Take the platform down, and keep its data
  teardown:
    name: shop
    stack_name: shop
    database: shop-postgres
    parameter_path: /shop/production
    buckets: [shop-images, shop-invoices]
    tags:
      Project: shop
      Environment: production
"""

RETURN = r"""
actions:
  description: What was done, in order; in check mode, what would be.
  returned: success
  type: list
  elements: dict
  sample:
    - {step: stack, subject: shop, text: "delete the stack, after a final snapshot of shop-postgres"}
things:
  description: What is kept on purpose, with the reason. Nothing else is left.
  returned: success
  type: list
  elements: dict
  sample: [{kind: bucket, name: shop-images, kept: data}]
table:
  description: Both as lines of text.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.teardown import Platform, teardown


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "stack_name": {"type": "str", "required": True},
            "database": {"type": "str", "required": True},
            "parameter_path": {"type": "str", "required": True, "no_log": False},
            "buckets": {"type": "list", "elements": "str", "default": []},
            "tags": {"type": "dict", "required": True},
            "state_bucket": {"type": "str", "default": ""},
            "domain": {"type": "str", "default": ""},
            "hosted_zone": {"type": "str", "default": ""},
            "data": {"type": "str", "choices": ["keep", "delete"], "default": "keep"},
            "timeout": {"type": "int", "default": 900},
            "patience": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    options = module.params
    platform = Platform(
        name=options["name"],
        stack_name=options["stack_name"],
        database=options["database"],
        parameter_path=options["parameter_path"],
        buckets=tuple(options["buckets"]),
        tags=options["tags"],
        state_bucket=options["state_bucket"],
        delete_data=options["data"] == "delete",
        domain=options["domain"],
        hosted_zone=options["hosted_zone"],
    )
    finish(
        module,
        lambda: teardown(
            platform, check=module.check_mode, timeout=options["timeout"], patience=options["patience"]
        ),
    )


if __name__ == "__main__":
    main()

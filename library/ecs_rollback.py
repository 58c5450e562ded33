#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: bring an ECS service back to an earlier revision, and wait until users have it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_rollback
short_description: Bring an ECS service back to an earlier revision, and wait until users have it
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Moves the service to the revision that is named, or to the newest good one before the one that runs.
  - It is the same rollout as that of C(ecs_deploy). It waits until the tasks run, are healthy targets, and
    O(url) answers from the revision's image; a revision that does not get there is explained, and the service
    goes back to where it was.
  - Nothing but the revision changes. Rows and objects stay as they are, so the earlier program has to be able
    to work with today's schema.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  to:
    description: The revision, C(shop:3) or its ARN. When it is empty, the previous one of O(good).
    type: str
    default: ""
  good:
    description: ARNs of revisions that have served users, in any order.
    type: list
    elements: str
    default: []
  workers:
    description: For the ARN of each revision, what its workers ran when it was released, the revisions by the
      names of their services. They go back with the service; RV(notes) names those that do not. When one
      fails, the service and those before it go forward again.
    type: dict
    default: {}
extends_documentation_fragment:
  - ecs_service
attributes:
  check_mode:
    description: Says where it would go, and only reads.
    support: full
  diff_mode:
    description: Shows the two revisions. Values of environment variables are hidden.
    support: full
"""

EXAMPLES = r"""
- name: Bring the service back to a revision
  ecs_rollback:
    cluster: shop
    service: shop
    to: shop:3
    url: https://shop.example.org
"""

RETURN = r"""
task_definition_arn:
  description: The revision that runs; in check mode the one that would.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:123456789012:task-definition/shop:3
workers:
  description: The revision of each worker that went back, by the name of its service.
  returned: success
  type: dict
notes:
  description: A line for each worker that does not go back with it.
  returned: success
  type: list
  elements: str
previous_arn:
  description: The revision that ran before.
  returned: success
  type: str
actions:
  description: A line for each action that was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: ["bring service shop from shop:4 back to shop:3"]
differences:
  description: Each field in which the revisions differ, C(path), C(before), C(after).
  returned: success
  type: list
  elements: dict
seconds:
  description: How long it took until users had it.
  returned: success
  type: float
answer:
  description: What was seen last.
  returned: success
  type: str
details:
  description: Why it failed, in the form of C(ecs_deploy).
  returned: failure
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import ecs
from engines.contract import finish
from engines.smoke import Route

_PROBE = {
    "path": {"type": "str", "default": ""},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "json": {"type": "str", "default": ""},
    "header": {"type": "str", "default": ""},
}


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "to": {"type": "str", "default": ""},
            "good": {"type": "list", "elements": "str", "default": []},
            "workers": {"type": "dict", "default": {}},
            "url": {"type": "str", "default": ""},
            "connect_to": {"type": "str", "default": ""},
            "ca_file": {"type": "str", "default": ""},
            "probe": {"type": "dict", "default": {}, "options": _PROBE},
            "timeout": {"type": "int", "default": 600},
            "steady_seconds": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, module.check_mode))


def _run(options: dict[str, Any], check: bool) -> dict[str, Any]:
    request = ecs.RollbackRequest(
        cluster=options["cluster"],
        name=options["service"],
        wait=ecs.Wait(options["timeout"], steady=options["steady_seconds"]),
        to=options["to"],
        good=options["good"],
        url=options["url"],
        route=Route(options["connect_to"], options["ca_file"]),
        probe=ecs.Probe(**options["probe"]),
    )
    released = ecs.workers.roll_back(request, options["workers"], ecs.Clients(), check=check)
    return {**released.as_result(), "previous_arn": released.service.previous_arn}


if __name__ == "__main__":
    main()

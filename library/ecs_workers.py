#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: let no worker of a service run."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_workers
short_description: Let no worker of a service run
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Scales the workers that C(ecs_deploy) has released with a service to no task, and waits until their tasks
    have ended. A release starts them again.
  - A service that is named like a worker, but lacks O(tags)'s C(Environment), is not touched; RV(notes) says
    so.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  cluster:
    description: The ECS cluster's name. Nothing is done where it is empty, or no such cluster is there.
    type: str
    required: true
  service:
    description: The service's name, with which those of its workers begin.
    type: str
    required: true
  tags:
    description: Tags of the platform's services.
    type: dict
    default: {}
  timeout:
    description: For how many seconds none of their tasks may end before that is given up.
    type: int
    default: 600
attributes:
  check_mode:
    description: Says which workers would be stopped, and only reads.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Stop the workers
  ecs_workers:
    cluster: shop
    service: shop
    tags: {Environment: production}
"""

RETURN = r"""
stopped:
  description: The services of the workers that ran, or in check mode run.
  returned: success
  type: list
  elements: str
  sample: [shop-worker-mailer]
notes:
  description: A line for each service that is named like a worker and was left as it is.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from engines import ecs
from engines.contract import finish


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "tags": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module))


def _run(module: AnsibleModule) -> dict[str, object]:
    options = module.params
    stopped, notes = ecs.worker_services.stop(
        options["cluster"],
        options["service"],
        ecs.Clients(),
        timeout=options["timeout"],
        check=module.check_mode,
        tags={key: str(value) for key, value in options["tags"].items()},
    )
    return {"changed": bool(stopped), "stopped": stopped, "notes": list(notes)}


if __name__ == "__main__":
    main()

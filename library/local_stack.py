#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: the rehearsal stack on this machine."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: local_stack
short_description: Start or remove the source and the AWS target of a rehearsal
description:
  - Keeps the source (PostgreSQL, an S3 store, the service, filled with the reference data) and an emulated
    AWS account with its own PostgreSQL, all on the loopback interface and below one folder.
  - V(up) finishes whatever is missing, in any state; a complete stack is unchanged.
  - V(down) ends every process of the stack, tasks of the emulated account too, and deletes the folder.
options:
  state:
    description: V(status) only reports.
    type: str
    choices: [up, down, status]
    default: up
  dir:
    description: The folder of all data and logs. Must be empty, absent, or a stack's.
    type: str
    required: true
  ports:
    description:
      - TCP ports by name (C(source_postgres), C(target_postgres), C(object_store), C(object_store_master),
        C(object_store_volume), C(object_store_filer), C(service), C(aws), C(aws_tls)).
      - The store also takes the port after C(object_store), and the ports 10000 above each of its own.
    type: dict
    default: {}
  database:
    description: C(name) of the database, and C(target_user), its owner on the target.
    type: dict
    default: {}
  passwords:
    description:
      - Passwords other than the well-known ones of local development, of letters, digits, C(_) and C(-).
      - A stack that is there keeps those it was made with.
    type: dict
    default: {}
    suboptions:
      source_database:
        description: That of the source database's superuser.
        type: str
      target_database:
        description: That of the target database's owner.
        type: str
      object_store:
        description: The secret key of the source store.
        type: str
  buckets:
    description: Buckets of the source store.
    type: list
    elements: str
    default: []
  domain:
    description: A domain whose hosted zone the emulated account has from the beginning; empty for none.
    type: str
    default: ''
  account_id:
    description: Number of the emulated account.
    type: str
    default: '000000000000'
  region:
    description: Region of the emulated account and of the source store.
    type: str
    default: us-east-1
  operator_policy:
    description:
      - An IAM policy, such as C(docs/reference/operator-policy.json). With it the emulated account lets the
        user C(operator), whose keys are in the stack's C(operator.cfg), do what it allows and nothing else.
      - A stack that is there keeps the policy it was made with.
    type: path
  operator_names:
    description: Values of the placeholders C(Name) and C(Environment) in the policy.
    type: dict
    default: {}
  subnet:
    description:
      - A private range such as C(10.213.0.0/24). With it the source, the account's tasks and its database
        instances are containers of the Docker engine that C(DOCKER_HOST) names, in a network of that range.
      - Of the ports, C(service), C(source_postgres), C(object_store) and C(aws) are used.
    type: str
  source:
    description:
      - Another application than the one in C(service/) as the source's service.
    type: dict
    suboptions:
      command:
        description: The words of the command that runs it; C(python3) is the interpreter of this project.
        type: list
        elements: str
        required: true
      setup:
        description: Commands that make its schema and data, each as a list of words, run once and in order.
        type: list
        elements: list
        default: []
      environment:
        description: Its environment, and that of O(source.setup).
        type: dict
        default: {}
      health_path:
        description: The path that answers 200 when it can serve.
        type: str
        default: /health
  source_revision:
    description: Schema revision of the source; C(head-1) is the one before the newest.
    type: str
    default: head-1
author: BMII Migrate contributors (@bmii-migrate)
attributes:
  check_mode:
    description: Returns whether the stack would be started or removed, and touches nothing.
    support: full
  diff_mode:
    description: Shows the state of each program before and after.
    support: full
"""

EXAMPLES = r"""
- name: Start the rehearsal
  local_stack:
    dir: "{{ playbook_dir }}/../.rehearsal"
    ports:
      aws: 14566

- name: Remove it
  local_stack:
    state: down
    dir: "{{ playbook_dir }}/../.rehearsal"
"""

RETURN = r"""
endpoints:
  description: Where everything is, without passwords.
  returned: success
  type: dict
  sample:
    aws: http://127.0.0.1:14566
    object_store: http://127.0.0.1:19000
    service: http://127.0.0.1:18000
    source_postgres: postgresql://127.0.0.1:15432/shop
    target_postgres: postgresql://127.0.0.1:25432/shop
programs:
  description: The state of each program (C(RUNNING), C(STOPPED), C(FATAL) …).
  returned: success
  type: dict
  sample: {aws: RUNNING}
log_dir:
  description: The folder of all logs.
  returned: success
  type: str
  sample: /srv/shop/.rehearsal/logs
seconds:
  description: How long each step of V(up) took; empty when nothing was done.
  returned: success
  type: dict
  sample: {aws: 0.9, total: 10.7}
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from rehearsal import stack


def run(module: AnsibleModule) -> dict[str, Any]:
    """Bring the stack into the wanted state, or return what that would change."""
    options = dict(module.params)
    state = options.pop("state")
    config = stack.read_config(options.pop("dir"), **options)
    before = stack.status(config)
    report = (
        stack.plan(config, state) if module.check_mode or state == "status" else stack.apply(config, state)
    )
    return {**asdict(report), "diff": {"before": before.programs, "after": report.programs}}


_PASSWORDS = {
    name: {"type": "str", "no_log": True} for name in ("source_database", "target_database", "object_store")
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["up", "down", "status"], "default": "up"},
            "dir": {"type": "str", "required": True},
            "ports": {"type": "dict", "default": {}},
            "database": {"type": "dict", "default": {}},
            # Not secret themselves; each value in it is.
            "passwords": {"type": "dict", "default": {}, "options": _PASSWORDS, "no_log": False},
            "buckets": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "domain": {"type": "str", "default": ""},
            "account_id": {"type": "str", "default": "000000000000"},
            "region": {"type": "str", "default": "us-east-1"},
            "operator_policy": {"type": "path"},
            "operator_names": {"type": "dict", "default": {}},
            "subnet": {"type": "str"},
            "source": {
                "type": "dict",
                "options": {
                    "command": {"type": "list", "elements": "str", "required": True},
                    "setup": {"type": "list", "elements": "list", "default": []},
                    "environment": {"type": "dict", "default": {}},
                    "health_path": {"type": "str", "default": "/health"},
                },
            },
            "source_revision": {"type": "str", "default": "head-1"},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: run(module))


if __name__ == "__main__":
    main()

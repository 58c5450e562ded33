#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: check the configuration and the prerequisites of a run."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: preflight_check
short_description: Check the configuration and the prerequisites of a run
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Checks the configuration, or the prerequisites of a run, and fails with everything that is wrong at once.
    Each finding names the variable and the remedy.
  - What has the wrong type is a finding like any other. (Only O(scope) is checked by Ansible itself.)
  - Changes nothing, in any mode.
options:
  scope:
    description:
      - V(configuration) looks at the options alone and connects to nothing.
      - V(prerequisites) asks programs, the source and AWS, if O(target) allows their addresses.
    type: str
    choices: [configuration, prerequisites]
    required: true
  target:
    description:
      - V(emulator) allows no address outside this machine, and demands that AWS is emulated.
      - V(aws) allows no endpoint but AWS's own.
      - Any other is a finding.
    type: str
  variables:
    description: Maps a variable of the role C(preflight) to the one that the inventory sets, for messages.
    type: dict
    default: {}
  name:
    description: The platform's name.
    type: str
  region:
    description: The AWS region.
    type: str
  account_id:
    description: The AWS account that may be changed.
    type: str
  parameter_path:
    description: The path of the platform's secrets in Parameter Store.
    type: str
  source_database:
    description: The source database's address, or a reference to it.
    type: str
  source_store:
    description: The source's object store.
    type: dict
    suboptions:
      endpoint:
        description: Its URL.
        type: str
      access_key:
        description: Its access key, or a reference to it.
        type: str
      secret_key:
        description: Its secret key, or a reference to it.
        type: str
      region:
        description: Its region.
        type: str
  source_buckets:
    description: The source's buckets.
    type: list
    elements: str
  target_buckets:
    description: The target's buckets, in the same order.
    type: list
    elements: str
  state_bucket:
    description: The ledger's bucket.
    type: str
  target_database:
    description: The C(host:port) of the target database, if it is there already.
    type: str
  endpoints:
    description: Addresses that are used, each with the variable that sets it.
    type: list
    elements: dict
    suboptions:
      variable:
        description: The variable.
        type: str
        required: true
      url:
        description: A URL or C(host:port).
        type: str
  vpc_cidr:
    description: The range of the target's network.
    type: str
  operator_cidr:
    description: The range from which the target database may be reached.
    type: str
  connected_cidrs:
    description: Ranges to which that network will be connected, and which it must not overlap.
    type: list
    elements: str
  egress:
    description: How private tasks reach AWS.
    type: str
  certificate_arn:
    description: The load balancer's certificate.
    type: str
  container_builder:
    description: How the image is built.
    type: str
  cpu:
    description: CPU units of a task.
    type: int
  memory:
    description: MiB of a task.
    type: int
  desired_count:
    description: How many tasks run.
    type: int
  log_retention_days:
    description: How long logs are kept.
    type: int
  access_logs_bucket:
    description: The bucket of the load balancer's access logs.
    type: str
  access_logs_days:
    description: How long access logs are kept.
    type: int
  alarm_email:
    description: Who is told of alarms.
    type: str
  database:
    description: The RDS instance, as the role C(provision) takes it.
    type: dict
    suboptions:
      name:
        description: The database.
        type: str
      user:
        description: The master user.
        type: str
      application_user:
        description: The role as which the service connects.
        type: str
      instance_identifier:
        description: The instance.
        type: str
      instance_class:
        description: Its size.
        type: str
      allocated_storage:
        description: GiB.
        type: int
      max_allocated_storage:
        description: GiB up to which storage grows by itself.
        type: int
      engine_version:
        description: A full version.
        type: str
      backup_retention_days:
        description: How long automatic backups are kept.
        type: int
      multi_az:
        description: Whether a standby runs in the second zone.
        type: bool
      deletion_protection:
        description: Whether AWS refuses to delete the instance.
        type: bool
  secrets:
    description: The platform's secrets, as the module C(ssm_secrets) takes them.
    type: list
    elements: dict
    suboptions:
      name:
        description: The parameter's name.
        type: str
        required: true
      type:
        description: The parameter's type.
        type: str
      value:
        description: The value, or a reference to it.
        type: str
      generate:
        description: How it is generated.
        type: dict
        suboptions:
          length:
            description: How many characters.
            type: int
      compose:
        description: How it is composed.
        type: str
  minimum_free_mib:
    description: The space that must be free in O(work_dir).
    type: int
  work_dir:
    description: Where images and manifests are kept meanwhile.
    type: path
  inventory_dir:
    description: The inventory's folder. In production no file in it may hold a secret in plain text.
    type: path
attributes:
  check_mode:
    description: Does the same; it never changes anything.
    support: full
  diff_mode:
    description: There is nothing to differ.
    support: none
"""

EXAMPLES = r"""
- name: Check the size of a task
  preflight_check:
    scope: configuration
    target: aws
    name: bmii
    region: eu-central-1
    account_id: "123456789012"
    cpu: 1024
    memory: 2048
    # ... and the other options: what the configuration has to have is missed when it is not given
"""

RETURN = r"""
facts:
  description: What the checks found out; empty for V(configuration).
  returned: success
  type: dict
  contains:
    account_id:
      description: The account of the AWS credentials.
      type: str
    caller:
      description: Whose credentials they are.
      type: str
    source_postgres:
      description: The source database's major version.
      type: int
    pg_dump:
      description: The major version of the client programs that will be used.
      type: int
    not_asked:
      description: What AWS did not answer (an API that the policy does not allow, say), which stops nothing.
      type: list
      elements: str
details:
  description: The findings.
  returned: failure
  type: list
  elements: dict
  contains:
    variable:
      description: What to change.
      type: str
    what:
      description: What is wrong with it.
      type: str
    remedy:
      description: To what to change it.
      type: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.preflight import Settings, configuration, prerequisites

_STRINGS = (
    *(
        "target",
        "name",
        "region",
        "account_id",
        "parameter_path",
        "state_bucket",
        "target_database",
        "vpc_cidr",
    ),
    *("operator_cidr", "egress", "certificate_arn", "container_builder", "access_logs_bucket", "alarm_email"),
)
_INTEGERS = ("cpu", "memory", "desired_count", "log_retention_days", "access_logs_days", "minimum_free_mib")
_LISTS = ("source_buckets", "target_buckets", "connected_cidrs")
_SECRET = {"type": "str", "no_log": True}
_STORE = {
    "endpoint": {"type": "str"},
    "access_key": _SECRET,
    "secret_key": _SECRET,
    "region": {"type": "str"},
}
_PARAMETER = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str"},
    "value": _SECRET,
    "generate": {"type": "dict", "options": {"length": {"type": "int"}}},
    "compose": {"type": "str"},
}
_DATABASE = {
    **{one: {"type": "str"} for one in ("name", "user", "application_user", "instance_identifier")},
    **{one: {"type": "str"} for one in ("instance_class", "engine_version")},
    **{
        one: {"type": "int"}
        for one in ("allocated_storage", "max_allocated_storage", "backup_retention_days")
    },
    **{one: {"type": "bool"} for one in ("multi_az", "deletion_protection")},
}
_ENDPOINT = {"variable": {"type": "str", "required": True}, "url": {"type": "str"}}
_CHECKED = {
    **{name: {"type": "str"} for name in _STRINGS},
    **{name: {"type": "int"} for name in _INTEGERS},
    **{name: {"type": "list", "elements": "str"} for name in _LISTS},
    "source_database": _SECRET,
    "source_store": {"type": "dict", "options": _STORE},
    "endpoints": {"type": "list", "elements": "dict", "options": _ENDPOINT},
    "database": {"type": "dict", "options": _DATABASE},
    # The list itself is not secret; each value in it is.
    "secrets": {"type": "list", "elements": "dict", "options": _PARAMETER, "no_log": False},
    "work_dir": {"type": "path"},
    "inventory_dir": {"type": "path"},
}


class _Tolerant(AnsibleModule):
    """Leaves out what has the wrong type, which is then told with everything else."""

    def _load_params(self) -> None:
        super()._load_params()
        self.misshapen = configuration.take_wrong(self.params, _CHECKED)


def main() -> None:
    """Read the contract, call the engine, return."""
    module = _Tolerant(
        argument_spec={
            "scope": {"type": "str", "choices": ["configuration", "prerequisites"], "required": True},
            "variables": {"type": "dict", "default": {}},
            **_CHECKED,
        },
        supports_check_mode=True,
    )
    names = {key: str(value) for key, value in module.params["variables"].items()}

    def check() -> dict[str, object]:
        settings = Settings.from_options(module.params)
        if module.params["scope"] == "prerequisites":
            facts = prerequisites.check(settings, os.environ, names)
            for one in facts["not_asked"] if settings.real_account else ():
                module.warn(f"AWS did not say {one}")
            return {"changed": False, "facts": facts}
        configuration.check(settings, os.environ, names, module.misshapen)
        return {"changed": False, "facts": {}}

    finish(module, check)


if __name__ == "__main__":
    main()

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
  - A value of the wrong type, or one that cannot be evaluated, is a finding like any other.
  - Changes nothing, in any mode.
options:
  scope:
    description:
      - V(configuration) checks the values alone, without any connection.
      - V(prerequisites) checks programs, the source and AWS, if C(platform_target) allows their addresses.
    type: str
    choices: [configuration, prerequisites]
    required: true
  configuration:
    description:
      - The variables that are set, as the lookup C(configuration) of the role C(preflight) returns them.
      - Each is checked against C(meta/argument_specs.yml) and C(meta/checks.yml) of its role.
    type: dict
    required: true
    suboptions:
      values:
        description: The values, by variable.
        type: dict
        required: true
      unreadable:
        description: What could not be evaluated, and why.
        type: dict
        default: {}
      made_from:
        description: For each variable, the variables that its expression mentions.
        type: dict
        default: {}
      secrets:
        description: The secrets among the values, which are masked in all output.
        type: list
        elements: str
        default: []
  roles_dir:
    description: The folder of the roles that describe the variables.
    type: path
    required: true
  inventory_dir:
    description: The inventory's folder. With a real account no file in it may hold a secret in plain text.
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
- name: Check the configuration
  preflight_check:
    scope: configuration
    configuration: "{{ lookup('configuration', role_path | dirname) }}"
    roles_dir: "{{ role_path | dirname }}"
    inventory_dir: "{{ inventory_dir }}"
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
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.preflight import Settings, configuration, prerequisites, variables


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "scope": {"type": "str", "choices": ["configuration", "prerequisites"], "required": True},
            "configuration": {
                "type": "dict",
                "required": True,
                "options": {
                    "values": {"type": "dict", "required": True},
                    "unreadable": {"type": "dict", "default": {}},
                    "made_from": {"type": "dict", "default": {}},
                    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
                },
            },
            "roles_dir": {"type": "path", "required": True},
            "inventory_dir": {"type": "path"},
        },
        supports_check_mode=True,
    )

    def check() -> dict[str, object]:
        given = variables.Configuration.from_options(module.params["configuration"])
        descriptions = variables.described(Path(module.params["roles_dir"]))
        inventory_dir = module.params["inventory_dir"] or ""
        if module.params["scope"] == "prerequisites":
            _, usable = variables.find(descriptions, given)
            settings = Settings.from_values(usable, inventory_dir)
            facts = prerequisites.check(settings, os.environ)
            for one in facts["not_asked"] if settings.real_account else ():
                module.warn(f"AWS did not say {one}")
            return {"changed": False, "facts": facts}
        configuration.check(given, descriptions, os.environ, inventory_dir)
        return {"changed": False, "facts": {}}

    finish(module, check)


if __name__ == "__main__":
    main()

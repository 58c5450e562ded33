#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: ensure secrets in SSM Parameter Store."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssm_secrets
short_description: Ensure secrets in SSM Parameter Store
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Makes every parameter of a list exist. Its value is given, generated once, or composed of others.
  - No value is ever returned, shown in a diff, or part of a message. A value is read and written in the
    process of the module only.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  path:
    description: The path below which parameters live whose name does not begin with a slash.
    type: str
    default: ""
  parameters:
    description:
      - The parameters, with at most one of O(parameters[].value), O(parameters[].generate) and
        O(parameters[].compose) each.
      - A parameter with none of the three must exist already.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The parameter's name, below O(path) unless it begins with a slash.
        type: str
        required: true
      type:
        description: The parameter's type. AWS cannot change it later.
        type: str
        choices: [SecureString, String]
        default: SecureString
      value:
        description:
          - The value, or where it is found, C(ssm:/name) or C(env:NAME). An empty one counts as not given.
          - The parameter is updated when it holds something else.
        type: str
      generate:
        description: Generate letters and digits when the parameter does not exist. It is never changed later.
        type: dict
        suboptions:
          length:
            description: How many characters, at least 16.
            type: int
            default: 40
      compose:
        description:
          - A text in which C({name}) stands for the value of another parameter, and C({name|url}) for that
            value quoted for use in a URL. Names are as in O(parameters[].name), listed here or stored.
          - The parameter is updated when it holds something else.
        type: str
  tags:
    description: Tags for parameters that are created. One that would be changed has to carry the tag
      C(Environment) of these, if they have one.
    type: dict
    default: {}
  adopt:
    description: The name of the environment, if parameters without that tag may be changed as well.
    type: str
    default: ''
attributes:
  check_mode:
    description: Says what would be created or updated, and writes nothing.
    support: full
  diff_mode:
    description: Shows names and versions, never values.
    support: full
"""

EXAMPLES = r"""
- name: Keep the platform's secrets in Parameter Store
  ssm_secrets:
    path: /shop/production
    parameters:
      - name: db_password
        generate: {length: 40}
      - name: API_KEY
        value: env:SHOP_API_KEY

- name: Compose the database's address from its password
  ssm_secrets:
    path: /shop/production
    parameters:
      - name: DATABASE_URL
        compose: "postgresql+psycopg2://shop_admin:{db_password|url}@db.example.org:5432/shop"
"""

RETURN = r"""
parameters:
  description: What was done to each parameter, in the order of the list; in check mode, what would be.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The parameter's full name.
      type: str
      sample: /shop/production/db_password
    action:
      description: One of C(created), C(updated), C(unchanged).
      type: str
      sample: created
    version:
      description: The parameter's version; in check mode the version there is now, 0 when there is none.
      type: int
      sample: 1
"""

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.secrets import ensure, wanted_from


def main() -> None:
    """Read the contract, call the engine, return."""
    parameter = {
        "name": {"type": "str", "required": True},
        "type": {"type": "str", "choices": ["SecureString", "String"], "default": "SecureString"},
        "value": {"type": "str", "no_log": True},
        "generate": {"type": "dict", "options": {"length": {"type": "int", "default": 40}}},
        "compose": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "str", "default": ""},
            "parameters": {"type": "list", "elements": "dict", "required": True, "options": parameter},
            "tags": {"type": "dict", "default": {}},
            "adopt": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    options = module.params
    finish(
        module,
        lambda: ensure(
            wanted_from(options["parameters"], options["path"]),
            path=options["path"],
            tags=options["tags"],
            adopt=options["adopt"],
            check=module.check_mode,
        ),
    )


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: try a PostgreSQL address, and write a passfile for programs that log in there."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pg_passfile
short_description: Try a PostgreSQL address, and write a passfile for programs that log in there
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Tries an address and returns it as parameters of libpq, as the modules of C(community.postgresql) take
    them (C(connect_params)). No password is among them.
  - With O(passfile) the password is written to a file that only the user can read, in memory where the system
    offers that, and the parameters name the file. O(state=absent) removes it again.
options:
  address:
    description: The database, as libpq or SQLAlchemy URL or as keyword string, or where that is
      (C(env:NAME), C(ssm:/name)). In check mode it may be missing.
    type: str
    required: true
  state:
    description: Whether to try the address (V(present)), or to remove the file with its password (V(absent)).
    type: str
    choices: [present, absent]
    default: present
  passfile:
    description: Write the password to a file for libpq.
    type: bool
    default: false
  verifier:
    description: Return what a server would keep of the password, to set it without telling it. Use C(no_log).
    type: bool
    default: false
  must_work:
    description: Whether it is a failure when the server does not let the address in.
    type: bool
    default: true
attributes:
  check_mode:
    description: Reads only, and is the same in check mode; the file with the password is written there too.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Write a passfile for the database
  pg_passfile:
    address: ssm:/shop/production/DATABASE_URL
    passfile: true
  register: login

- name: Query the database
  community.postgresql.postgresql_query:
    login_db: "{{ login.database }}"
    connect_params: "{{ login.connect_params }}"
    query: SELECT version()

- name: Remove the passfile
  pg_passfile:
    address: ssm:/shop/production/DATABASE_URL
    state: absent
"""

RETURN = r"""
found:
  description: Whether there is such a database. False in check mode only; a run fails then.
  returned: success
  type: bool
works:
  description: Whether the server lets the address in.
  returned: success
  type: bool
user:
  description: The user of the address.
  returned: success
  type: str
database:
  description: The database of the address.
  returned: success
  type: str
connect_params:
  description: The parameters of libpq, without a password.
  returned: success
  type: dict
verifier:
  description: What a server keeps of the password (SCRAM-SHA-256).
  returned: when O(verifier)
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.passfile import keep_password, look, remove, verifier_of
from engines.postgres.session import AbsentError, resolve_target

_NOWHERE = {
    "changed": False,
    "found": False,
    "works": False,
    "user": "",
    "database": "",
    "connect_params": {},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True, "no_log": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "passfile": {"type": "bool", "default": False, "no_log": False},
            "verifier": {"type": "bool", "default": False},
            "must_work": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    address = resolve_target(given["address"], may_be_absent=check, name="address")
    if address is None:
        return _NOWHERE
    if given["state"] == "absent":
        remove(address)
        return {**_NOWHERE, "user": address.parameters.get("user", ""), "database": address.database}
    try:
        login = look(address, must_work=given["must_work"])
    except AbsentError:
        if not check:
            raise
        return _NOWHERE
    if given["passfile"]:
        login = keep_password(address, login)
    return {
        "changed": False,
        "found": True,
        "works": login.works,
        "user": login.user,
        "database": address.database,
        "connect_params": login.parameters,
        **({"verifier": verifier_of(address)} if given["verifier"] else {}),
    }


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: keep a source database from being written to while users are moved."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: source_fence
short_description: Keep a source database from being written to while users are moved
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Puts a statement trigger on every table, partition and inheritance child that refuses INSERT, UPDATE,
    DELETE and TRUNCATE, whatever the session's replication role is. The client gets SQLSTATE 25006.
  - The triggers refuse only while one session of the run holds an advisory lock, and until a deadline that
    the run renews. The fence of a run that was killed, suspended or cut off from the network opens by itself.
  - Tables are covered one by one, each waiting shortly for its writers. Writers that do not end within
    O(patience) are listed, and the fence is removed again.
  - Rows and objects of the source are never changed. What is made is a schema, C(bmii_migrate_fence), and the
    triggers of that name; V(lifted) removes both.
  - Sequences, large objects and changes of the schema are not seen by triggers. Compare them.
options:
  source:
    description: The database, as libpq or SQLAlchemy URL or as keyword string, or where that is
      (C(env:NAME), C(ssm:/name)). Its user has to own the tables. Not through a connection pool.
    type: str
    required: true
  state:
    description:
      - V(held) puts the fence up for this run, unless the run holds it.
      - V(kept) makes the run's fence lasting. It fails if the fence has opened since it was put up.
      - V(lifted) takes the fence away, whichever run has put it up, unless another one holds it.
      - V(read) returns the state of the fence.
    type: str
    choices: [read, held, kept, lifted]
    default: read
  run_id:
    description: The run.
    type: str
    required: true
  environment:
    description: The environment that the source is moved to; the error that writers get names it.
    type: str
    default: ""
  ledger:
    description:
      - The state bucket of the migration, which tells environments of the same name in two accounts apart.
    type: str
    default: ""
  lease:
    description: Seconds for which the fence stands without a sign of life.
    type: float
    default: 60
  limit:
    description: Seconds for which the run may hold it.
    type: float
    default: 3600
  patience:
    description: Seconds to wait for writers.
    type: float
    default: 30
  end_idle:
    description: Whether sessions that are idle in a transaction are ended after O(patience).
    type: bool
    default: false
extends_documentation_fragment:
  - database_scope
attributes:
  check_mode:
    description: Returns what would be done, and what stands against it. Nothing is made.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Keep the source from being written to
  source_fence:
    source: env:SOURCE_DATABASE_URL
    state: held
    run_id: "{{ ledger_run_id }}"
    environment: production

- name: Open it again
  source_fence:
    source: env:SOURCE_DATABASE_URL
    state: lifted
    run_id: "{{ ledger_run_id }}"
"""

RETURN = r"""
mode:
  description: V(absent), V(held) (it refuses while its holder lives), V(lasting) (it refuses until it is
    lifted) or V(open) (it lets everything pass).
  returned: success
  type: str
refuses:
  description: Whether writers are refused now.
  returned: success
  type: bool
run_id:
  description: The run that has put it up.
  returned: success
  type: str
environment:
  description: What the source is moved to.
  returned: success
  type: str
ours:
  description: Whether the migration of O(environment) and O(ledger) has put it up.
  returned: success
  type: bool
since:
  description: Since when it stands as it does.
  returned: success
  type: str
tables:
  description: How many tables have to be covered.
  returned: success
  type: int
bare:
  description: Those of them that are not covered.
  returned: success
  type: list
  elements: str
left:
  description: Tables whose trigger could not be dropped in time. It lets everything pass.
  returned: state is lifted
  type: list
  elements: str
plan:
  description: What V(held) does, a line for each step.
  returned: success
  type: list
  elements: str
obstacles:
  description: What prevents a fence, a line for each reason.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import fence
from engines.contract import finish
from engines.fence import Terms
from engines.postgres.session import Address, parse
from engines.references import resolve
from engines.runs import Owner


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True, "no_log": True},
            "state": {"type": "str", "choices": ["read", "held", "kept", "lifted"], "default": "read"},
            "run_id": {"type": "str", "required": True},
            "environment": {"type": "str", "default": ""},
            "ledger": {"type": "str", "default": ""},
            "lease": {"type": "float", "default": 60},
            "limit": {"type": "float", "default": 3600},
            "patience": {"type": "float", "default": 30},
            "end_idle": {"type": "bool", "default": False},
            "schemas": {"type": "list", "elements": "str", "default": []},
            "exclude_tables": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    lists = {name: tuple(given[name]) for name in ("schemas", "exclude_tables")}
    times = {name: given[name] for name in ("lease", "limit", "patience")}
    whose = {name: given[name] for name in ("run_id", "environment", "ledger")}
    terms = Terms(**whose, end_idle=given["end_idle"], **times, **lists)
    address = parse(resolve(given["source"]), name="source")
    before = fence.inspect(address, terms)
    state = given["state"]
    there = _stands(state, terms, before)
    result: dict[str, Any] = {"changed": not there, "left": []}
    if there or check:
        return {**fence.as_result(before, terms), **result}
    if state == "lifted":
        result["left"] = _lifted(address, terms)
    elif state == "kept":
        fence.keep(terms.run_id)
    else:
        fence.put_up(address, terms, Owner.of_this_run())
    return {**fence.as_result(fence.inspect(address, terms), terms), **result}


def _stands(state: str, terms: Terms, found: fence.Found) -> bool:
    """Return whether there is nothing to do."""
    if state == "held":
        return fence.is_held(terms.run_id)
    return state == "read" or found.mode == {"kept": "lasting", "lifted": "absent"}[state]


def _lifted(address: Address, terms: Terms) -> list[str]:
    left = fence.let_go(terms.run_id)
    return fence.lift(address, terms) if left is None else left


if __name__ == "__main__":
    main()

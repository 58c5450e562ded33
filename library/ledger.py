#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: open, close and read the ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ledger
short_description: Lock the migration, and record what each phase did
description:
  - Keeps one S3 object per run and one with the latest record of each phase, in a state bucket of its own.
  - While a phase is open its run holds a lock, taken with a conditional write. A lock whose process has ended
    on this machine, or whose lease is over, is taken over; any other is refused with its owner and age.
  - The journal of a run is not counted as a change; making the state bucket is.
options:
  bucket:
    description: Name of the state bucket. V(opened) makes it when it is missing.
    type: str
    required: true
  state:
    description:
      - V(read) returns what the ledger holds.
      - V(opened) takes the lock and records that O(phase) has started.
      - V(closed) records how O(phase) ended and gives the lock back.
    type: str
    choices: [read, opened, closed]
    default: read
  phase:
    description: The phase that is opened or closed.
    type: str
  run_id:
    description: The run. V(opened) makes a new one when it is empty.
    type: str
    default: ''
  outcome:
    description: How the phase ended.
    type: str
    choices: [succeeded, failed]
    default: failed
  outputs:
    description: What the phase hands on to later phases. Must not hold secrets.
    type: dict
    default: {}
  evidence:
    description: What proves the phase's result. Must not hold secrets.
    type: dict
    default: {}
  lease:
    description: Seconds after which the lock may be taken over although its holder is not known to be dead.
    type: int
    default: 3600
  region:
    description: Where the state bucket is made.
    type: str
    default: us-east-1
author: BMII Migrate contributors (@bmii-migrate)
attributes:
  check_mode:
    description: Reads what is there; takes no lock and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: What has been done so far
  ledger:
    bucket: bmii-state

- name: Start the storage phase
  ledger:
    bucket: bmii-state
    state: opened
    phase: storage
"""

RETURN = r"""
run_id:
  description: The run that was opened or closed.
  returned: always
  type: str
  sample: 20261122T170000Z-0a1b2c
phases:
  description: The latest record of each phase, with its outcome, times, outputs and evidence.
  returned: always
  type: dict
outputs:
  description: What the phases handed on, merged.
  returned: always
  type: dict
live_since:
  description: When the new world first served users; empty if it does not yet.
  returned: always
  type: str
frozen:
  description: Whether the data phases must leave the target as it is.
  returned: always
  type: bool
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.ledger import ledger
from engines.ledger.owner import Owner
from engines.ledger.store import Store


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["read", "opened", "closed"], "default": "read"},
            "phase": {"type": "str"},
            "run_id": {"type": "str", "default": ""},
            "outcome": {"type": "str", "choices": ["succeeded", "failed"], "default": "failed"},
            "outputs": {"type": "dict", "default": {}},
            "evidence": {"type": "dict", "default": {}},
            "lease": {"type": "int", "default": 3600},
            "region": {"type": "str", "default": "us-east-1"},
        },
        required_if=[("state", "opened", ["phase"]), ("state", "closed", ["phase", "run_id"])],
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check_mode=module.check_mode))


def _run(options: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    store = Store(options["bucket"])
    now = time.time()
    run_id = options["run_id"] or ledger.new_run_id(now)
    changed = options["state"] == "opened" and not store.exists()
    if options["state"] == "read" or check_mode:
        return _answer(ledger.read(store), run_id, changed=changed)
    if changed:
        store.create(options["region"])
    owner = Owner.of_this_run()
    if options["state"] == "opened":
        state = ledger.open_phase(
            store, options["phase"], run_id, owner=owner, now=now, lease=options["lease"]
        )
    else:
        result = {"outputs": options["outputs"], "evidence": options["evidence"]}
        state = ledger.close_phase(
            store, options["phase"], run_id, owner=owner, now=now, outcome=options["outcome"], result=result
        )
    return _answer(state, run_id, changed=changed)


def _answer(state: ledger.State, run_id: str, *, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "run_id": run_id,
        "phases": state.phases,
        "outputs": state.outputs,
        "live_since": state.live_since,
        "frozen": state.frozen,
    }


if __name__ == "__main__":
    main()

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
  - A run holds a lock from its first phase to its end, taken with a conditional write. Another run is refused
    with its owner and age, unless it was killed on this machine and is of the same user, or O(break_lock)
    names it and its lease is over. A run that has lost its lock this way records nothing more.
  - While the run works, a small process renews the lease; it gives the lock back when the run has ended.
  - The journal of a run is not counted as a change; making the state bucket is.
options:
  bucket:
    description: Name of the state bucket. V(opened) makes it when it is missing.
    type: str
    required: true
  state:
    description:
      - V(read) returns what the ledger holds.
      - V(opened) takes or renews the lock and records that O(phase) has started.
      - V(closed) records how O(phase) ended. A failure ends the run.
      - V(ended) records that the run has ended, and releases the lock.
      - V(releasing) records that a release is about to be started, V(serving) that it serves users, and
        V(returned) that the source takes writes again.
      - V(watched) reads from the deployments of O(service) whether it took traffic, and records that.
      - V(recorded) adds O(evidence) to that of O(phase), for a run that may be killed before the phase ends.
    type: str
    choices: [read, opened, closed, ended, releasing, serving, returned, watched, recorded]
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
    description: What later phases need of this one. Must not hold secrets.
    type: dict
    default: {}
  evidence:
    description: What proves the phase's result. Must not hold secrets.
    type: dict
    default: {}
  files:
    description:
      - Files that are kept with the evidence when O(phase) is closed, by their keys in the bucket. One whose
        key is there already is not stored again, so the key has to name the content.
    type: dict
    default: {}
  inputs:
    description: What the run is configured with, of which a fingerprint is kept. Must not hold secrets.
    type: dict
    default: {}
  lease:
    description: Seconds for which the lock is held at a time. After them O(break_lock) may break it.
    type: int
    default: 300
  wait:
    description: Seconds to wait for processes that a killed run of this machine has left.
    type: int
    default: 60
  break_lock:
    description: The run, or its C(user@host), whose lock may be broken once its lease is over.
    type: str
    default: ''
  environment:
    description: The name of the environment that is migrated to.
    type: str
    default: ''
  unfreeze:
    description: The name of the environment, to allow that its data are changed although it serves users.
    type: str
    default: ''
  service:
    description:
      - The ECS service that users are served by, with its C(cluster) and C(name). Unless the ledger says that
        users are served, V(opened), V(watched) and V(read) ask its deployments. Empty asks nothing.
    type: dict
    default: {}
  adopt:
    description:
      - The name of the environment, if it may take over a state bucket without the tag C(Environment), and go
        on with a O(service) that runs although the ledger knows of no release of it.
      - Of such a service, one that carries the environment's tag counts as live, and any other as absent.
    type: str
    default: ''
  account_id:
    description: The only AWS account that may be changed. V(opened) refuses any other; empty asks nothing.
    type: str
    default: ''
  region:
    description: Where the state bucket is made.
    type: str
    default: us-east-1
  tags:
    description: Tags of the state bucket when it is made. The run is added to them as C(RunId).
    type: dict
    default: {}
  runs:
    description: How many of the latest runs V(read) returns.
    type: int
    default: 0
author: BMII Migrate contributors (@bmii-migrate)
attributes:
  check_mode:
    description: Reads the ledger; takes no lock, starts nothing and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: What has been done so far
  ledger:
    bucket: shop-state

- name: Start the storage phase
  ledger:
    bucket: shop-state
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
  description: The outputs of all phases, merged.
  returned: always
  type: dict
live_since:
  description: When the target first served users; empty if it does not yet.
  returned: always
  type: str
standing:
  description: V(not live), V(going live) (a release was started, and whether it took traffic is not known
    yet), V(live) or V(moved back) (users were served, and the source takes writes again).
  returned: always
  type: str
frozen:
  description: Whether the data phases must not change the target.
  returned: always
  type: bool
unfrozen:
  description: Whether O(unfreeze) has lifted that for this run.
  returned: always
  type: bool
lock:
  description: Who holds the lock, in which run, for how long (C(age), seconds), and C(lease_left).
  returned: state is read
  type: dict
runs:
  description: The latest runs, newest first, each with its owner, outcome, times, fingerprint and phases.
  returned: state is read
  type: list
  elements: dict
summary:
  description: Phases, lock and runs as lines of text.
  returned: state is read
  type: list
  elements: str
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import ledger
from engines.contract import finish
from engines.ecs import Clients, traffic
from engines.errors import RefusedError
from engines.ledger import Event, State, Store, lease_keeper
from engines.runs import Owner

# The event that each of these states records.
_NOTED: dict[str, Event] = {"releasing": "asked", "serving": "serving", "returned": "opened"}
_STATES = ["read", "opened", "closed", "ended", "releasing", "serving", "returned", "watched", "recorded"]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "state": {"type": "str", "choices": _STATES, "default": "read"},
            "phase": {"type": "str"},
            "run_id": {"type": "str", "default": ""},
            "outcome": {"type": "str", "choices": ["succeeded", "failed"], "default": "failed"},
            "outputs": {"type": "dict", "default": {}},
            "evidence": {"type": "dict", "default": {}},
            "files": {"type": "dict", "default": {}},
            "inputs": {"type": "dict", "default": {}},
            "lease": {"type": "int", "default": 300},
            "wait": {"type": "int", "default": 60},
            "break_lock": {"type": "str", "default": ""},
            "environment": {"type": "str", "default": ""},
            "unfreeze": {"type": "str", "default": ""},
            "service": {"type": "dict", "default": {}},
            "adopt": {"type": "str", "default": ""},
            "account_id": {"type": "str", "default": ""},
            "region": {"type": "str", "default": "us-east-1"},
            "tags": {"type": "dict", "default": {}},
            "runs": {"type": "int", "default": 0},
        },
        required_if=[
            ("state", "opened", ["phase"]),
            ("state", "closed", ["phase", "run_id"]),
            ("state", "recorded", ["phase", "run_id"]),
            *(("state", state, ["run_id"]) for state in ("ended", *_NOTED)),
        ],
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check_mode=module.check_mode))


def _run(options: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    store = Store(options["bucket"])
    run_id = options["run_id"] or ledger.new_run_id(time.time())
    if options["state"] == "opened":
        return _open(store, options, run_id, check_mode=check_mode)
    if options["state"] == "read" or check_mode:
        report = ledger.report(store, options["runs"])
        return {**_answer(_read(store, options), run_id), **report}
    owner = Owner.of_this_run()
    if options["state"] in _NOTED or options["state"] == "watched":
        return _answer(_note(store, options, run_id, owner), run_id)
    if options["state"] == "recorded":
        changes = {"owner": owner, "evidence": options["evidence"]}
        return _answer(ledger.record(store, run_id, options["phase"], **changes), run_id)
    if options["state"] == "ended":
        ledger.end_run(store, run_id, owner=owner)
        return _answer(ledger.read(store), run_id)
    ledger.keep(store, options["files"])
    result = {"outputs": options["outputs"], "evidence": options["evidence"]}
    state = ledger.close_phase(
        store, options["phase"], run_id, owner=owner, outcome=options["outcome"], result=result
    )
    return _answer(state, run_id)


def _note(store: Store, options: dict[str, Any], run_id: str, owner: Owner) -> ledger.State:
    event = _NOTED.get(options["state"])
    if event is None and not options["service"]:
        return ledger.read(store)
    return ledger.note(store, run_id, owner=owner, event=event or _traffic(options["service"]).traffic)


def _open(store: Store, options: dict[str, Any], run_id: str, *, check_mode: bool) -> dict[str, Any]:
    opening = ledger.Opening(
        phase=options["phase"],
        run_id=run_id,
        owner=Owner.of_this_run(),
        lease=options["lease"],
        wait=options["wait"],
        environment=options["environment"],
        inputs=options["inputs"],
        break_lock=options["break_lock"],
        unfreeze=options["unfreeze"],
        seen=(lambda state: _seen(state, options)) if options["service"] else None,
    )
    unfrozen = opening.thaws
    _require_named(options["adopt"], options["environment"])
    ledger.check_account(options["account_id"], first=not options["run_id"])
    ledger.check_owner(store, options["tags"], first=not options["run_id"], adopt=options["adopt"])
    tags = {**options["tags"], "RunId": run_id} if options["tags"] else {}
    changed = ledger.make_bucket(store, options["region"], tags=tags, check_mode=check_mode)
    if check_mode:
        state = ledger.read(store)
        state = state if state.live_since or not opening.seen else state.after(opening.seen(state), "now")
        return _answer(state, run_id, changed=changed, unfrozen=unfrozen)
    state = ledger.open_phase(store, opening)
    lease_keeper.ensure(store.bucket, run_id, opening.owner, opening.lease)
    return _answer(state, run_id, changed=changed, unfrozen=unfrozen)


def _read(store: Store, options: dict[str, Any]) -> State:
    """Return the state as the next run would find it: with what users saw of the service."""
    state = ledger.read(store)
    if state.live_since or not options["service"]:
        return state
    return state.after(_traffic(options["service"]).traffic, "now")


def _seen(state: State, options: dict[str, Any]) -> Event:
    found = _traffic(options["service"])
    subject = f"service {options['service']['name']} of cluster {options['service']['cluster']}"
    return ledger.known_event(
        state, found.traffic, found.tags, options["tags"], adopt=options["adopt"], subject=subject
    )


def _traffic(service: dict[str, Any]) -> traffic.Seen:
    return traffic.seen(Clients(), service["cluster"], service["name"])


def _require_named(adopt: str, environment: str) -> None:
    if adopt and adopt != environment:
        raise RefusedError(
            f"names {adopt}, but this is {environment or 'an environment without a name'}",
            subject="platform_adopt",
            remedy="Name the environment that takes over what carries no tag, or leave it empty.",
        )


def _answer(state: State, run_id: str, *, changed: bool = False, unfrozen: bool = False) -> dict[str, Any]:
    return {
        "changed": changed,
        "run_id": run_id,
        "phases": state.phases,
        "outputs": state.outputs,
        "live_since": state.live_since,
        "standing": state.standing,
        "frozen": state.frozen and not unfrozen,
        "unfrozen": unfrozen,
    }


if __name__ == "__main__":
    main()

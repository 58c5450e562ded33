#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: release an image on ECS Fargate, and wait until users have it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_deploy
short_description: Release an image on ECS Fargate, and wait until users have it
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Registers a task definition only if it differs from the one that runs (or from the family's latest), with
    the defaults of ECS filled in; creates or updates the service only if it is not as wanted.
  - Waits until the rollout is completed, the new tasks run and are healthy targets, and O(url) answers from
    the wanted image. A release that is deployed already is checked in the same way, which takes a few
    seconds.
  - A failed release is explained (stopped tasks, exit codes, last log lines, target health) and undone. The
    service is then on its last good revision, by its circuit breaker or by this module, and the module fails.
  - O(workers) are released with the service as one unit, after it. When one of them fails, the service and
    the workers before it go back to what ran before; a worker that is new is stopped.
  - C(IMAGE_DIGEST) in the container's environment names the image; the service reports it as C(image) in its
    health.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  state:
    description:
      - V(released) lets users have the release.
      - V(tried) registers it and runs one task of it apart from the service for O(trial_seconds), as
        V(released) does too before it updates a service. For the time before the first release, when there
        is something to be done between the two.
    type: str
    choices: [released, tried]
    default: released
  family:
    description: The task definition's family, and the container's name.
    type: str
    required: true
  image:
    description: The image by digest, C(repository@sha256:...). A tag is refused, since what it names can
      change.
    type: str
    required: true
  container_port:
    description: The port that the container listens on.
    type: int
    default: 8000
  cpu:
    description: CPU units of the task; 1024 is one vCPU.
    type: int
    default: 1024
  memory:
    description: Memory of the task in MiB.
    type: int
    default: 2048
  platform:
    description: The platform that the image was built for.
    type: str
    choices: [linux/amd64, linux/arm64]
    default: linux/amd64
  execution_role_arn:
    description: The role with which ECS pulls the image, reads the secrets and writes the log.
    type: str
    required: true
  task_role_arn:
    description: The role of the application itself.
    type: str
    required: true
  environment:
    description:
      - Environment variables. A truth value becomes C(true) or C(false), a number its text; null means not
        set.
      - They are shown in the diff and can be read by anyone who may describe the task definition. Secrets
        belong in O(secrets).
    type: dict
    default: {}
  secrets:
    description:
      - Environment variables whose values ECS reads when it starts a task. Each value is the name of an SSM
        parameter in the same region (with or without C(ssm:) before it), or the ARN of a parameter or of a
        secret in Secrets Manager.
      - A value that is none of these is refused, and not quoted.
    type: dict
    default: {}
  log_group:
    description: The CloudWatch log group, which must exist.
    type: str
    required: true
  region:
    description: The region of the log group.
    type: str
    required: true
  subnet_ids:
    description: The subnets of the tasks.
    type: list
    elements: str
    required: true
  security_group_ids:
    description: The security groups of the tasks.
    type: list
    elements: str
    required: true
  assign_public_ip:
    description: Whether tasks get a public address; private subnets need none.
    type: bool
    default: false
  target_group_arn:
    description: The load balancer's target group; empty for a service without one.
    type: str
    default: ""
  desired_count:
    description: How many tasks.
    type: int
    default: 1
  autoscaling:
    description:
      - Lets Application Auto Scaling choose the number of tasks. The number that it has chosen is then left
        alone, within C(min) and C(max). When this is not given, autoscaling is not touched.
      - Where the endpoint does not offer the service, as in the rehearsal, it is skipped, and RV(autoscaling)
        says so.
    type: dict
    suboptions:
      min:
        description: The smallest number of tasks.
        type: int
        required: true
      max:
        description: The largest number of tasks.
        type: int
        required: true
      cpu:
        description: The average use of CPU to keep to, in percent; 0 for none.
        type: float
        default: 0
      memory:
        description: The average use of memory to keep to, in percent; 0 for none.
        type: float
        default: 0
  execute_command:
    description: Whether an operator may open a shell in a task (ECS Exec). It needs C(ssmmessages) in the
      task role's policy. Changing it starts the tasks anew.
    type: bool
    default: false
  health_check_grace:
    description: How many seconds after its start a task may fail its health check and the load balancer's.
    type: int
    default: 60
  health_check_command:
    description: The container's own health check, which begins with C(CMD) or C(CMD-SHELL); empty for none.
    type: list
    elements: str
    default: []
  steady_seconds:
    description: For how many seconds a changed release has to stay as it should be before it counts. A task
      can crash after it was found healthy. Users meet such a crash; O(trial_seconds) is there to spare them.
    type: int
    default: 0
  trial_seconds:
    description:
      - For how many seconds one task of the new revision runs by itself, without requests, before a running
        service is updated; with O(health_check_command), from when that has passed. One that ends or is
        unhealthy meanwhile is refused, and users notice nothing.
      - 0 is no trial. The trial task costs its start and these seconds, and needs C(ecs:RunTask) and
        C(ecs:StopTask).
    type: int
    default: 0
  workers:
    description:
      - Services of the same image that nobody sends requests to, in the order in which they are released.
        Each is the service C(SERVICE-worker-NAME), and so is its family.
      - One that is there and no longer listed is ended, after everything else. One that lacks O(tags)'s
        C(Environment) is not, and RV(notes) says so.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name, the end of its service's.
        type: str
        required: true
      command:
        description: What is run instead of the image's command; empty for that.
        type: list
        elements: str
      entrypoint:
        description: What is run instead of the image's entry point; empty for that.
        type: list
        elements: str
      cpu:
        description: CPU units of its task; those of the service if nothing is said.
        type: int
      memory:
        description: Memory of its task in MiB; that of the service if nothing is said.
        type: int
      count:
        description: How many tasks; one if nothing is said.
        type: int
      environment:
        description: Environment variables over those of the service; null means not set.
        type: dict
      secrets:
        description: Secrets besides those of the service, in the form of O(secrets).
        type: dict
      health:
        description: Its container's health check, which begins with C(CMD) or C(CMD-SHELL); empty for none.
        type: list
        elements: str
  workers_may_start:
    description: Whether workers are started where none of the service runs yet. Otherwise they are held,
      RV(held) names them, and none is ended. Two sides must not work on the same jobs.
    type: bool
    default: false
  adopt:
    description: The name of the environment, if it may take over a service of this name that carries no tag
      C(Environment). A service of another environment is refused in any case.
    type: str
    default: ''
  tags:
    description: Tags for the service and its tasks. Other tags stay.
    type: dict
    default: {}
extends_documentation_fragment:
  - ecs_service
attributes:
  check_mode:
    description: Compares, says what would be done, and only reads. It does not request O(url). Options may be
      empty where an earlier phase has yet to make what they name.
    support: full
  diff_mode:
    description: Shows task definition and service before and after; secrets only by the place they are in.
    support: full
"""

EXAMPLES = r"""
- name: Release the service
  ecs_deploy:
    cluster: shop
    service: shop
    family: shop
    image: "{{ container_outputs.image }}"
    execution_role_arn: "{{ provision_outputs.execution_role_arn }}"
    task_role_arn: "{{ provision_outputs.task_role_arn }}"
    environment: {APP_ENV: production, LOG_LEVEL: INFO}
    secrets: {API_KEY: /shop/production/API_KEY}
    log_group: /shop/production
    region: us-east-1
    subnet_ids: "{{ provision_outputs.service_subnet_ids }}"
    security_group_ids: ["{{ provision_outputs.service_security_group_id }}"]
    target_group_arn: "{{ provision_outputs.target_group_arn }}"
    url: "{{ provision_outputs.alb_url }}"
"""

RETURN = r"""
workers:
  description: The revision of each worker that was released, by the name of its service.
  returned: success
  type: dict
  sample: {shop-worker-mailer: "arn:aws:ecs:us-east-1:123456789012:task-definition/shop-worker-mailer:2"}
held:
  description: The services of workers that were not started.
  returned: success
  type: list
  elements: str
notes:
  description: A line for each service named like a worker that was passed over.
  returned: success
  type: list
  elements: str
task_definition_arn:
  description: The revision that runs; in check mode the one that would be used, empty if it is yet to be
    registered.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:123456789012:task-definition/shop:7
registered:
  description: Whether a revision was, or in check mode would be, registered.
  returned: success
  type: bool
differences:
  description: Each field of task definition and service that was not as wanted, C(path), C(before), C(after).
  returned: success
  type: list
  elements: dict
  sample: [{path: task_definition.memory, before: "1024", after: "2048"}]
deployment:
  description: The service's deployment.
  returned: success
  type: dict
  contains:
    id:
      description: The deployment's id.
      type: str
    rollout_state:
      description: ECS's word for it, C(COMPLETED) after a success.
      type: str
actions:
  description: A line for each action that was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [register a revision of shop, "update service shop: taskDefinition"]
seconds:
  description: How long it took until users had it.
  returned: success
  type: float
url:
  description: Where users reach the service.
  returned: success
  type: str
autoscaling:
  description: The result of O(autoscaling); empty without it.
  returned: success
  type: str
  sample: between 1 and 4 tasks
answer:
  description: What was seen last.
  returned: success
  type: str
details:
  description:
    - Why a release failed - C(reason) is C(failed), C(replaced), C(timeout) or C(trial); C(explanation) has
      the stopped tasks, health checks, targets and events; C(restored) has the revision that runs now and
      whether it was seen to answer.
  returned: failure
  type: dict
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines import ecs
from engines.contract import finish
from engines.smoke import Route

_TEXT = {"type": "str", "required": True}
_OPTIONAL_TEXT = {"type": "str", "default": ""}
_AUTOSCALING = {
    "min": {"type": "int", "required": True},
    "max": {"type": "int", "required": True},
    "cpu": {"type": "float", "default": 0},
    "memory": {"type": "float", "default": 0},
}
_TEXTS = {"type": "list", "elements": "str", "required": True}
_WORDS = {"type": "list", "elements": "str"}
# Without defaults of their own: Ansible refuses an option with one that was written without a value.
_WORKER = {
    "name": _TEXT,
    "command": _WORDS,
    "entrypoint": _WORDS,
    "cpu": {"type": "int"},
    "memory": {"type": "int"},
    "count": {"type": "int"},
    "environment": {"type": "dict"},
    "secrets": {"type": "dict", "no_log": False},
    "health": _WORDS,
}

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
            "state": {"type": "str", "choices": ["released", "tried"], "default": "released"},
            "cluster": _TEXT,
            "service": _TEXT,
            "family": _TEXT,
            "image": _TEXT,
            "container_port": {"type": "int", "default": 8000},
            "cpu": {"type": "int", "default": 1024},
            "memory": {"type": "int", "default": 2048},
            "platform": {"type": "str", "choices": ["linux/amd64", "linux/arm64"], "default": "linux/amd64"},
            "execution_role_arn": _TEXT,
            "task_role_arn": _TEXT,
            "environment": {"type": "dict", "default": {}},
            # Places, not values: a value is refused. So they may be shown.
            "secrets": {"type": "dict", "default": {}, "no_log": False},
            "log_group": _TEXT,
            "region": _TEXT,
            "subnet_ids": _TEXTS,
            "security_group_ids": _TEXTS,
            "assign_public_ip": {"type": "bool", "default": False},
            "target_group_arn": _OPTIONAL_TEXT,
            "desired_count": {"type": "int", "default": 1},
            "autoscaling": {"type": "dict", "options": _AUTOSCALING},
            "execute_command": {"type": "bool", "default": False},
            "health_check_grace": {"type": "int", "default": 60},
            "health_check_command": {"type": "list", "elements": "str", "default": []},
            "url": _OPTIONAL_TEXT,
            "connect_to": _OPTIONAL_TEXT,
            "ca_file": _OPTIONAL_TEXT,
            "probe": {"type": "dict", "default": {}, "options": _PROBE},
            "timeout": {"type": "int", "default": 600},
            "steady_seconds": {"type": "int", "default": 0},
            "trial_seconds": {"type": "int", "default": 0},
            "workers": {"type": "list", "elements": "dict", "default": [], "options": _WORKER},
            "workers_may_start": {"type": "bool", "default": False},
            "adopt": {"type": "str", "default": ""},
            "tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    module.params["workers"] = [_filled(one) for one in module.params["workers"]]
    # What is not a place may be a secret put here by mistake: refused, and not shown by Ansible either.
    module.no_log_values.update(
        str(value)
        for one in (module.params, *module.params["workers"])
        for value in one["secrets"].values()
        if not ecs.is_place(value)
    )
    finish(module, lambda: _run(module.params, module.check_mode))


def _run(options: dict[str, Any], check: bool) -> dict[str, Any]:
    if check:
        options = {
            name: ecs.NOT_KNOWN_YET if value == "" and name in _LATER else value
            for name, value in options.items()
        }
    request = _request(options)
    workers = tuple(_worker(request, one) for one in options["workers"])
    unit = ecs.Unit(request, workers, options["workers_may_start"])
    if options["state"] == "tried" and not check:
        released = ecs.Released(ecs.try_out(request, ecs.Clients()))
    else:
        released = (ecs.workers.preview if check else ecs.workers.deploy)(unit, ecs.Clients())
    outcome = released.service
    return {
        **released.as_result(),
        "held": list(released.held),
        "registered": outcome.registered,
        "deployment": outcome.deployment,
        "url": request.url,
        "autoscaling": outcome.scaling.text,
    }


# Outputs of earlier phases, which a dry run on an empty account does not have.
_LATER = frozenset({"cluster", "image", "execution_role_arn", "task_role_arn", "log_group"})


def _filled(worker: dict[str, Any]) -> dict[str, Any]:
    """Return a worker's options, with what counts where nothing is said."""
    nothing: dict[str, Any] = {"count": 1, "environment": {}, "secrets": {}}
    nothing |= {"command": [], "entrypoint": [], "health": []}
    return {name: nothing.get(name) if value is None else value for name, value in worker.items()}


def _worker(service: ecs.DeployRequest, given: dict[str, Any]) -> ecs.DeployRequest:
    """Return the release of a worker: that of the service, apart from what is its own."""
    name = ecs.worker_services.name_of(service.service.name, given["name"])
    return replace(
        service,
        release=replace(
            service.release,
            family=name,
            container_port=0,
            cpu=given["cpu"] or service.release.cpu,
            memory=given["memory"] or service.release.memory,
            environment=_over(service.release.environment, given["environment"], besides=given["secrets"]),
            secrets=_over(service.release.secrets, given["secrets"], besides=given["environment"]),
            health_check_command=given["health"],
            entry_point=given["entrypoint"],
            command=given["command"],
        ),
        service=replace(service.service, name=name, target_group_arn="", desired_count=given["count"]),
        url="",
        probe=ecs.Probe(),
        # A trial task would take jobs as any other does.
        trial=0,
        scaling=None,
    )


def _over(base: Mapping[str, Any], own: Mapping[str, Any], besides: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``own`` over ``base``, without what the worker has of its own in the other of the two."""
    return {**{name: one for name, one in base.items() if name not in besides}, **own}


def _request(options: dict[str, Any]) -> ecs.DeployRequest:
    same = (
        "family",
        "image",
        "container_port",
        "cpu",
        "memory",
        "platform",
        "execution_role_arn",
        "task_role_arn",
    )
    release = ecs.Release(
        **{name: options[name] for name in same},
        log_group=options["log_group"],
        region=options["region"],
        environment=options["environment"],
        secrets=options["secrets"],
        health_check_command=options["health_check_command"],
        health_grace=options["health_check_grace"],
    )
    service = ecs.WantedService(
        cluster=options["cluster"],
        name=options["service"],
        subnet_ids=options["subnet_ids"],
        security_group_ids=options["security_group_ids"],
        assign_public_ip=options["assign_public_ip"],
        target_group_arn=options["target_group_arn"],
        desired_count=options["desired_count"],
        health_grace=options["health_check_grace"],
        execute_command=options["execute_command"],
        tags={key: str(value) for key, value in options["tags"].items()},
        adopt=options["adopt"],
    )
    wait = ecs.Wait(options["timeout"], steady=options["steady_seconds"])
    asked = options["autoscaling"]
    scaling = ecs.Scaling(asked["min"], asked["max"], asked["cpu"], asked["memory"]) if asked else None
    return ecs.DeployRequest(
        release,
        service,
        wait,
        options["url"],
        ecs.Probe(**options["probe"]),
        trial=options["trial_seconds"],
        scaling=scaling,
        route=Route(options["connect_to"], options["ca_file"]),
    )


if __name__ == "__main__":
    main()

"""Which patches the emulator gets, given how it was started."""

from __future__ import annotations

import os
from pathlib import Path

from rehearsal.emulator.patches import (
    account,
    certificates,
    containers,
    enforcement,
    injections,
    rds,
    refusals,
    tasks,
    tokens,
)
from rehearsal.emulator.patches.load_balancer import (
    listen_with_tls,
    measure_target_health,
    pass_health_checks_on,
)
from rehearsal.emulator.patches.rollouts import answer_while_tasks_start, complete_rollouts_on_health
from rehearsal.emulator.services import Databases, Traffic
from rehearsal.stack import Ports, StackConfig


def apply() -> None:
    """Patch the emulator in this process, before it serves."""
    account.decrypt_container_secrets()
    if network := containers.network():
        containers.apply(network, _injected(), tasks.assume_role)
    else:
        tasks.run_as_processes(_injected())
        tasks.give_tasks_their_role()
    tasks.give_tasks_an_interface()
    account.tag_buckets()
    account.filter_network()
    refusals.refuse_full_buckets()
    refusals.refuse_protected_databases()
    refusals.miss_parameter_groups()
    refusals.name_missing_services()
    tasks.start_on_the_wanted_platform()
    tasks.pause_between_failed_starts()
    tasks.report_why_containers_ended()
    traffic = Traffic()
    stopper = tasks.stop_gently(traffic)
    prober = measure_target_health(traffic)
    pass_health_checks_on()
    answer_while_tasks_start()
    complete_rollouts_on_health(prober, stopper)
    tokens.heed()
    certificates.issue_on_validation()
    certificates.keep_used_certificates()
    if "TLS_PORT" in os.environ:
        gateway, folder = int(os.environ["GATEWAY_PORT"]), Path(os.environ["STATE_DIR"]).parent / "tls"
        listen_with_tls(int(os.environ["TLS_PORT"]), gateway, folder)
    if "TARGET_PORT" in os.environ:
        rds.apply(_databases())
    if os.environ.get("AUTH") == "true":
        enforcement.apply()
    injections.take_stack_states()
    account.save_always()


def _databases() -> Databases:
    ports = Ports(target_postgres=int(os.environ["TARGET_PORT"]))
    return Databases(StackConfig(Path(os.environ["STACK_DIR"]), ports))


def _injected() -> dict[str, str]:
    """Return the part of a task's environment that the platform gives."""
    region = os.environ.get("MINISTACK_REGION", "us-east-1")
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
    }

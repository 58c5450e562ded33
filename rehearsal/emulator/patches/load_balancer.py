"""Patches of the load balancer: TLS, the measured health of its targets, and which requests reach them.

One function patches each gap, and a test shows when it can go.
"""

from __future__ import annotations

import random
import secrets
from pathlib import Path
from typing import Any

from rehearsal.emulator.services import Authority, Health, Key, Listener, Prober, TlsServer, Traffic

# The emulator reads the environment when it is imported, so that happens where it is patched.
# ruff: noqa: PLC0415


def measure_target_health(traffic: Traffic) -> Prober:
    """Report the measured health of targets, and forward requests to healthy ones only."""
    from ministack.services import alb

    prober = Prober(lambda: _registered(alb))
    forward = alb._forward_to_tg

    def describe(params: Any) -> Any:
        return _describe_target_health(alb, prober, params)

    async def forward_to_healthy(group: str, *request: Any, **options: Any) -> Any:
        found = alb._tgs.get(group)
        targets = alb._targets.get(group, [])
        if not found or not targets or found.get("TargetType", "instance") == "lambda":
            return await forward(group, *request, **options)
        healthy = [one for one in targets if prober.of(_key(group, found, one)).state == "healthy"]
        method, path, headers, body, query, raw_query, raw_path = _request(request, options)
        # With no healthy target all of them are tried, as on AWS ("fail open").
        target = random.choice(healthy or targets)  # noqa: S311 - no secret depends on it
        answering = alb._proxy_http_target(
            target, found, method, raw_path or path, headers, body, query, raw_query
        )
        return await traffic.counted(_key(group, found, target)[1:], answering)

    alb._describe_target_health = describe
    alb._ACTION_MAP["DescribeTargetHealth"] = describe
    alb._forward_to_tg = forward_to_healthy
    prober.start()
    return prober


def pass_health_checks_on() -> None:
    """Answer for the emulator itself under paths of its own alone, so that ``/health`` is the service's."""
    from ministack import app

    app._HEALTH_PATHS = tuple(path for path in app._HEALTH_PATHS if path.startswith("/_"))


def listen_with_tls(port: int, upstream: int, folder: Path) -> None:
    """Serve HTTPS listeners on ``port``, with certificates of an authority in ``folder``.

    Requests without TLS come to listeners of port 80, whatever other listeners there are.
    """
    from ministack.services import acm, alb

    mark, token = "x-rehearsal-tls", secrets.token_hex()
    authority, dispatch = Authority(folder), alb.dispatch_request

    async def dispatch_by_port(balancer: Any, *request: Any, **more: Any) -> Any:
        method, path, headers, body, query, *_ = request
        port = 443 if headers.get(mark) == token else 80
        headers = {name: value for name, value in headers.items() if name != mark}
        return await dispatch(balancer, method, path, headers, body, query, port, **more)

    def choose(name: str) -> Listener | None:
        found = [
            listener
            for (_, _, _), one in alb._listeners.all_items()
            if one.get("Protocol") == "HTTPS" and (listener := _served(acm, alb, authority, one, name))
        ]
        return next((listener for listener in found if listener.is_for_name), next(iter(found), None))

    alb.dispatch_request = dispatch_by_port
    TlsServer(port, upstream, choose, {mark: token}).start()


def _served(acm: Any, alb: Any, authority: Authority, listener: Any, name: str) -> Listener | None:
    balancers = {arn: one for (_, _, arn), one in alb._lbs.all_items()}
    certificates = {arn: one for (_, _, arn), one in acm._certificates.all_items()}
    arn = next(iter(listener.get("Certificates", [])), "")
    certificate = certificates.get(arn)
    if certificate is None or certificate["Status"] != "ISSUED":
        return None
    names = tuple(certificate["SubjectAlternativeNames"])
    key = certificate.get("_private_key")
    imported = f"{certificate['_pem_body']}\n{certificate['_pem_chain']}\n{key}" if key else ""
    context = authority.context(arn, names, imported)
    return Listener(balancers[listener["LoadBalancerArn"]]["LoadBalancerName"], context, name in names)


def _request(positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    names = ("method", "path", "headers", "body", "query_params", "raw_query_string", "raw_path")
    values = {**dict(zip(names, positional, strict=False)), **named}
    return tuple(values.get(name) for name in names)


def _key(group: str, found: dict[str, Any], target: dict[str, Any]) -> Key:
    return group, str(target["Id"]), int(target.get("Port") or found.get("Port") or 80)


def _registered(alb: Any) -> dict[Key, dict[str, Any]]:
    groups = {arn: group for (_, _, arn), group in alb._tgs.all_items()}
    found = {}
    for (_, arn), targets in list(alb._targets._data.items()):
        group = groups.get(arn)
        if (
            group
            and group.get("TargetType", "instance") != "lambda"
            and group.get("HealthCheckEnabled", True)
        ):
            found.update({_key(arn, group, target): group for target in list(targets)})
    return found


def _describe_target_health(alb: Any, prober: Prober, params: Any) -> Any:
    group = alb._p(params, "TargetGroupArn")
    found = alb._tgs.get(group)
    if found is None:
        return alb._error("TargetGroupNotFound", f"Target group '{group}' not found.")
    asked = {target["Id"] for target in alb._parse_targets_param(params)}
    keys = [_key(group, found, target) for target in alb._targets.get(group, [])]
    keys += [key for key in prober.draining(group) if key not in keys]
    members = "".join(
        _member(key, prober.of(key), str(found.get("HealthCheckPort", "traffic-port")))
        for key in keys
        if not asked or key[1] in asked
    )
    return alb._xml(
        200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"
    )


def _member(key: Key, health: Health, check_port: str) -> str:
    port = key[2] if check_port == "traffic-port" else check_port
    why = (
        f"<Reason>{health.reason}</Reason><Description>{health.description}</Description>"
        if health.reason
        else ""
    )
    return (
        f"<member><Target><Id>{key[1]}</Id><Port>{key[2]}</Port></Target>"
        f"<HealthCheckPort>{port}</HealthCheckPort>"
        f"<TargetHealth><State>{health.state}</State>{why}</TargetHealth></member>"
    )

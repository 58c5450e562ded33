"""Patches of the account itself: secrets, tags, filters, and its state on disk.

One function for each gap. ``tests/rehearsal/emulator/patches`` runs the emulator without them, and fails for
each gap that a newer release has closed, so that its patch can go.
"""

from __future__ import annotations

from typing import Any

from rehearsal.emulator.services import Autosave

# The emulator reads the environment when it is imported, so that happens where it is patched.
# ruff: noqa: PLC0415


def decrypt_container_secrets() -> None:
    """Give containers the plain value of a SecureString, as ECS does, and not its ciphertext."""
    from ministack.services import ecs, ssm

    resolve = ecs._resolve_container_secrets
    read = ssm.resolve_parameter_value

    def decrypted(definition: Any) -> Any:
        values = resolve(definition)
        for entry in definition.get("secrets", []):
            name, source = entry.get("name"), entry.get("valueFrom", "")
            if name in values and "secretsmanager" not in source:
                values[name] = str(read(source, decrypt=True))
        return values

    ecs._resolve_container_secrets = decrypted


def tag_buckets() -> None:
    """Give a bucket the tags of its stack, as CloudFormation does with everything that can be tagged."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    kind = "AWS::S3::Bucket"
    handler = provisioners._RESOURCE_HANDLERS[kind]
    create, update = handler["create"], handler["update"]

    def tagged(properties: dict[str, Any], made: tuple[str, Any]) -> tuple[str, Any]:
        s3._bucket_tags[made[0]] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        return made

    handler["create"] = lambda name, properties, stack: tagged(properties, create(name, properties, stack))
    handler["update"] = lambda name, before, properties, stack: tagged(
        properties, update(name, before, properties, stack)
    )
    provisioners._STACK_TAG_PROPERTY[kind] = ("Tags", "list")


def filter_network() -> None:
    """Filter endpoints and addresses by tag, which the emulator ignores."""
    from ministack.services import ec2

    def filtered(action: str, things: Any, key: str) -> None:
        describe = ec2._ACTION_MAP[action]

        def answer(params: Any) -> Any:
            filters, asked = ec2._parse_filters(params), ec2._parse_member_list(params, key)
            if not filters:
                return describe(params)
            wanted = [one for one in asked or things if ec2._resource_matches_tag_filters(one, filters)]
            names = {f"{key}.{number}": [one] for number, one in enumerate(wanted or ["none"], start=1)}
            kept = {name: value for name, value in params.items() if not name.startswith(f"{key}.")}
            return describe({**kept, **names})

        ec2._ACTION_MAP[action] = answer

    filtered("DescribeVpcEndpoints", ec2._vpc_endpoints, "VpcEndpointId")
    filtered("DescribeAddresses", ec2._addresses, "AllocationId")


def save_always() -> None:
    """Keep the account on disk while it is used, so that a crash does not empty it."""
    from ministack import app
    from ministack.core import persistence

    if persistence.PERSIST_STATE:
        Autosave(app, persistence).install()

"""Patches of CloudFormation where it meets what AWS refuses, and the emulator carries out.

"You can only delete empty buckets" (AWS::S3::Bucket in the CloudFormation template reference); an instance
"can't be deleted when deletion protection is enabled" (AWS::RDS::DBInstance there).
"""

from __future__ import annotations

import functools
from typing import Any

# The emulator reads the environment when it is imported, so that happens where it is patched.
# ruff: noqa: PLC0415


def refuse_full_buckets() -> None:
    """Let a bucket stay in which objects are."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    delete = handler["delete"]

    def refusing(name: str, properties: dict[str, Any]) -> Any:
        if (s3._buckets.get(name) or {}).get("objects"):
            raise ValueError("The bucket you tried to delete is not empty (Service: S3, Status Code: 409)")
        return delete(name, properties)

    handler["delete"] = refusing


def refuse_protected_databases() -> None:
    """Let a database instance stay that is protected."""
    from ministack.services import rds
    from ministack.services.cloudformation import provisioners

    handler = provisioners._RESOURCE_HANDLERS["AWS::RDS::DBInstance"]
    delete = handler["delete"]

    def refusing(name: str, properties: dict[str, Any]) -> Any:
        if (rds._instances.get(name) or {}).get("DeletionProtection"):
            raise ValueError(
                "Cannot delete protected DB Instance, please disable deletion protection and try again. "
                "(Service: Rds, Status Code: 400)"
            )
        return delete(name, properties)

    handler["delete"] = refusing


def miss_parameter_groups() -> None:
    """Let the update of a parameter group fail that was deleted outside CloudFormation.

    The emulator makes it anew; RDS answers ModifyDBParameterGroup with DBParameterGroupNotFound.
    """
    from ministack.services import rds
    from ministack.services.cloudformation import provisioners

    handler = provisioners._RESOURCE_HANDLERS["AWS::RDS::DBParameterGroup"]
    update = handler["update"]

    def refusing(name: str, *rest: Any, **options: Any) -> Any:
        if name not in rds._param_groups:
            raise ValueError(f"DBParameterGroup not found: {name} (Service: Rds, Status Code: 404)")
        return update(name, *rest, **options)

    handler["update"] = refusing


def name_missing_services() -> None:
    """Name the service that is asked for and not emulated, by AWS's list of services.

    The emulator reads botocore's description of every service for that, and answers nobody for 3 s.
    """
    from ministack.core import router

    @functools.cache
    def names() -> frozenset[str]:
        import botocore.session

        found = botocore.session.get_session().get_available_services()
        # As requests are signed: those of service-quotas as servicequotas.
        return frozenset(form for name in found for form in (name, name.replace("-", "")))

    router._is_aws_service_name = lambda scope: scope in names()

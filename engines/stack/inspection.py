"""Reading a stack from CloudFormation, without a change set."""

from __future__ import annotations

from collections.abc import Mapping

from engines import aws
from engines.aws import AwsError, translated
from engines.stack.model import Deployed


def read(name: str, region: str = "") -> Deployed | None:
    """Return the stack ``name``, or None when there is none. Raises ``AwsError``."""
    cloudformation = aws.client("cloudformation", **({"region_name": region} if region else {}))
    try:
        with translated(f"stack {name}"):
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except AwsError as error:
        if error.code == "ValidationError" and "does not exist" in error.what:
            return None
        raise
    if stack["StackStatus"] == "DELETE_COMPLETE":
        return None
    with translated(f"stack {name}"):
        template = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        resources = [one for page in pages for one in page["StackResourceSummaries"]]
    return Deployed(
        status=stack["StackStatus"],
        template=template if isinstance(template, Mapping) else {},
        parameters={one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])},
        tags={one["Key"]: one["Value"] for one in stack.get("Tags", [])},
        outputs={one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])},
        termination_protection=bool(stack.get("EnableTerminationProtection")),
        resources={one["LogicalResourceId"]: one["ResourceStatus"] for one in resources},
    )

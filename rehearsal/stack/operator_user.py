"""The operator of a rehearsal under enforcement: a user who may what the policy allows, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.policy import Document, fill, split
from rehearsal.errors import RehearsalError
from rehearsal.servers import ACCOUNT_ID, REGION, Emulator

USER = "operator"
# The way by which inventories/local leads AWS clients here, and nowhere else.
_PROFILE = "[profile rehearsal]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"


@dataclass(frozen=True)
class Operator:
    """``policy`` is a file with placeholders; ``names`` are the values of ``Name`` and ``Environment``."""

    policy: Path
    names: Mapping[str, str] = field(default_factory=dict)

    def documents(self, account_id: str, region: str) -> list[Document]:
        """Return what IAM is given. Raises ``RehearsalError`` when the file is no policy."""
        values = {"Account": account_id, "Region": region, "Partition": "aws", **self.names}
        try:
            policy = json.loads(self.policy.read_text(encoding="utf-8"))
            return split(fill(policy, values))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RehearsalError(
                f"is no policy that can be read: {error}",
                subject=str(self.policy),
                remedy="Set local_stack_operator_policy to docs/reference/operator-policy.json, or empty it.",
            ) from error


def read(
    policy: str | None,
    names: Mapping[str, str],
    *,
    account_id: str = ACCOUNT_ID,
    region: str = REGION,
    **_: str,
) -> Operator | None:
    """Return the operator, or ``None`` without a policy. Raises ``RehearsalError`` for one of no use."""
    if not policy:
        return None
    operator = Operator(Path(policy).expanduser().absolute(), names)
    operator.documents(account_id, region)
    return operator


def create(aws: Emulator, operator: Operator, credentials: Path) -> None:
    """Make the user, and write the keys into ``credentials``, an AWS configuration file."""
    iam = client(aws)
    attach(iam, operator.documents(aws.account_id, aws.region))
    made = iam.create_access_key(UserName=USER)["AccessKey"]
    credentials.touch(mode=0o600)
    keys = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
    credentials.write_text(_PROFILE.format(**keys), encoding="utf-8")


def attach(iam: Any, documents: list[Document]) -> None:
    """Let the user do what ``documents`` allow, instead of what was allowed before."""
    try:
        iam.create_user(UserName=USER)
    except iam.exceptions.EntityAlreadyExistsException:
        for policy in iam.list_attached_user_policies(UserName=USER)["AttachedPolicies"]:
            iam.detach_user_policy(UserName=USER, PolicyArn=policy["PolicyArn"])
            iam.delete_policy(PolicyArn=policy["PolicyArn"])
    for number, document in enumerate(documents, start=1):
        text = json.dumps(document, separators=(",", ":"))
        made = iam.create_policy(PolicyName=f"{USER}-{number}", PolicyDocument=text)
        iam.attach_user_policy(UserName=USER, PolicyArn=made["Policy"]["Arn"])


def client(aws: Emulator, service: str = "iam") -> Any:
    """Return a client that is the account's root user, whatever the user's own AWS profile says."""
    import boto3  # noqa: PLC0415 - slow to load, and not needed without enforcement
    import botocore.session  # noqa: PLC0415 - as above

    keys = aws.credentials()
    without_profile = botocore.session.Session({"profile": (None, None, None, None)})
    return boto3.session.Session(botocore_session=without_profile).client(
        service,
        endpoint_url=aws.endpoint,
        region_name=aws.region,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )

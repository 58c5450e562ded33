"""The emulator held to policies: each gap seen without its patch, and what a user may who has a policy."""

import base64
import http.client
import json

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.process import free_ports, running
from rehearsal.servers import ministack
from rehearsal.stack import Operator, operator_user

GO = "the emulator does this itself now: remove the patch"
TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::kept", "arn:aws:s3:::kept/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
OF_TASKS = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"aws:SourceAccount": ministack.ACCOUNT_ID}},
}


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(*actions, on):
    return {"Sid": "Allowed", "Effect": "Allow", "Action": list(actions), "Resource": on}


READER = document(
    allow("s3:ListBucket", on="arn:aws:s3:::kept"),
    allow("ssm:GetParameters", on="arn:aws:ssm:us-east-1:*:parameter/here/*"),
    allow("ecr:GetAuthorizationToken", on="*"),
    allow("ecr:InitiateLayerUpload", on="arn:aws:ecr:us-east-1:*:repository/mine"),
)


class _Unpatched(ministack.Emulator):
    def _settings(self):
        return {**super()._settings(), "BMII_EMULATOR_UNPATCHED": "1"}


class Account:
    """An account that enforces, with something in it, and a user who may little."""

    def __init__(self, server, folder):
        self.port = server.port
        self.root = self._clients(server, ministack.ACCESS_KEY, ministack.SECRET_KEY)
        self.root("s3").create_bucket(Bucket="kept")
        self.root("s3").put_bucket_policy(Bucket="kept", Policy=json.dumps(document(TLS_ONLY)))
        for name in ("mine", "yours"):
            self.root("ecr").create_repository(repositoryName=name)
        self.root("iam").create_role(RoleName="task", AssumeRolePolicyDocument=json.dumps(document(OF_TASKS)))
        policy = folder / "policy.json"
        policy.write_text(json.dumps(READER), encoding="utf-8")
        keys = folder / "operator.cfg"
        names = {"Name": "bmii", "Environment": "local"}
        operator_user.create(server, Operator(policy, names), keys)
        assert keys.stat().st_mode & 0o777 == 0o600
        values = dict(line.split(" = ") for line in keys.read_text(encoding="utf-8").splitlines()[1:])
        self.user = self._clients(server, values["aws_access_key_id"], values["aws_secret_access_key"])

    @staticmethod
    def _clients(server, key, secret):
        keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "us-east-1"}
        return lambda name: boto3.client(name, endpoint_url=server.endpoint, **keys)

    def upload(self, repository, *, token=True):
        """Begin an upload to the registry, and return the status of the answer."""
        data = self.user("ecr").get_authorization_token()["authorizationData"][0]
        headers = {"Authorization": f"Basic {data['authorizationToken']}"} if token else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", f"/v2/{repository}/blobs/uploads/", b"", headers)
        status = connection.getresponse().status
        connection.close()
        return status


def account(tmp_path_factory, kind):
    folder = tmp_path_factory.mktemp("enforcing")
    server = kind(free_ports(1)[0], folder / "data", enforce=True)
    server.initialise()
    return server, folder


@pytest.fixture(scope="module")
def enforcing(servers, tmp_path_factory):
    server, folder = account(tmp_path_factory, ministack.Emulator)
    with running(server.program(), folder / "aws.log"):
        yield Account(server, folder)


@pytest.fixture(scope="module")
def unpatched(servers, tmp_path_factory):
    server, folder = account(tmp_path_factory, _Unpatched)
    with running(server.program(), folder / "aws.log"):
        yield Account(server, folder)


def refused(call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"]


def test_a_user_may_what_the_policy_allows_and_nothing_else(enforcing):
    assert refused(enforcing.user("s3").delete_bucket, Bucket="kept") == "AccessDenied"
    assert refused(enforcing.user("s3").list_objects_v2, Bucket="other") in {"AccessDenied", "NoSuchBucket"}
    assert refused(enforcing.user("ec2").describe_vpcs) == "UnauthorizedOperation"
    assert enforcing.root("ec2").describe_vpcs()["Vpcs"] is not None


def test_loopback_counts_as_tls(enforcing, unpatched):
    assert enforcing.user("s3").list_objects_v2(Bucket="kept")["KeyCount"] == 0
    assert refused(unpatched.user("s3").list_objects_v2, Bucket="kept") == "AccessDenied", GO


def test_a_resource_that_is_not_known_is_judged_by_the_action(enforcing, unpatched):
    asked = {"Names": ["/here/one"]}
    assert enforcing.user("ssm").get_parameters(**asked)["InvalidParameters"] == ["/here/one"]
    assert refused(unpatched.user("ssm").get_parameters, **asked) == "AccessDeniedException", GO
    assert refused(enforcing.user("ssm").delete_parameters, **asked) == "AccessDeniedException"


def test_a_task_gets_the_credentials_of_a_role_that_asks_for_the_account(enforcing, unpatched):
    wanted = {"RoleArn": f"arn:aws:iam::{ministack.ACCOUNT_ID}:role/task", "RoleSessionName": "task"}
    assert enforcing.root("sts").assume_role(**wanted)["Credentials"]
    assert refused(unpatched.root("sts").assume_role, **wanted) == "AccessDenied", GO
    assert refused(enforcing.user("sts").assume_role, **wanted) == "AccessDenied"


def test_the_registry_judges_who_got_the_token(enforcing, unpatched):
    assert (enforcing.upload("mine"), enforcing.upload("yours")) == (202, 403)
    assert enforcing.upload("mine", token=False) == 403
    assert unpatched.upload("yours") == 202, GO


def test_a_token_of_nobody_opens_nothing(enforcing):
    connection = http.client.HTTPConnection("127.0.0.1", enforcing.port, timeout=30)
    token = base64.b64encode(b"AWS:AKIANOBODY").decode()
    connection.request("POST", "/v2/mine/blobs/uploads/", b"", {"Authorization": f"Basic {token}"})
    assert connection.getresponse().status == 403
    connection.close()


def test_another_policy_takes_the_place_of_the_first(enforcing, tmp_path):
    iam = enforcing.root("iam")
    operator_user.attach(iam, [document(allow("ec2:DescribeVpcs", on="*"))])
    try:
        assert refused(enforcing.user("s3").list_objects_v2, Bucket="kept") == "AccessDenied"
        assert enforcing.user("ec2").describe_vpcs()["Vpcs"] is not None
    finally:
        operator_user.attach(iam, [READER])

"""AWS's errors in words a user can act on; the answers are those of AWS's protocols, over real HTTP."""

import multiprocessing
import os

import pytest
from botocore.config import Config

from engines.aws import AwsError, client, translated
from tests.engines.preflight.fake_aws import FakeAws, as_json


@pytest.fixture
def fake(servers, monkeypatch, tmp_path):
    server = FakeAws()
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-south-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()


def _refused(ask):
    with pytest.raises(AwsError) as caught, translated("it"):
        ask()
    return caught.value


def test_a_bare_403_says_what_to_grant_and_where(fake):
    fake.answers["HEAD"] = (403, "")

    error = _refused(lambda: client("s3").head_bucket(Bucket="bmii-state"))

    assert '"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bmii-state"' in error.remedy


def test_a_denial_without_a_resource_names_the_action(fake):
    fake.answers["PutParameter"] = as_json(400, __type="AccessDeniedException", message="no")

    error = _refused(lambda: client("ssm").put_parameter(Name="/x", Value="canary", Type="String"))

    assert '"Action": "ssm:PutParameter"' in error.remedy
    assert "canary" not in f"{error}{error.remedy}{error.__cause__.response}"


def test_a_client_is_made_once_for_each_process_and_for_what_the_environment_says(fake, monkeypatch):
    first = client("ssm")
    assert client("ssm") is first
    assert client("ssm", region_name="eu-central-1") is not first
    assert client("ssm", config=Config()) is not client("ssm", config=Config())
    reader, writer = multiprocessing.Pipe(duplex=False)
    if not (forked := os.fork()):
        try:
            writer.send(client("ssm") is first)
        finally:
            os._exit(0)
    writer.close()
    os.waitpid(forked, 0)
    assert not reader.recv(), "two processes would speak through one connection"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    assert client("ssm") is not first


def test_a_busy_aws_is_asked_again_and_then_named_busy(fake):
    fake.answers["PutParameter"] = as_json(400, __type="ThrottlingException", message="Rate exceeded")

    ssm = client("ssm", config=Config(retries={"mode": "standard", "max_attempts": 2}))
    error = _refused(lambda: ssm.put_parameter(Name="/x", Value="v", Type="String"))

    assert fake.asked == ["PutParameter"] * 3
    assert error.is_passing
    assert "run the same command again" in error.remedy

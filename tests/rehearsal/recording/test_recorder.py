"""The recording proxy: it passes on every kind of request unharmed, and knows what was asked."""

from __future__ import annotations

import os
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from rehearsal.recording.calls import classify
from rehearsal.recording.recorder import recording

SCOPE = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("service", "action", "ask"),
    [
        ("s3", "s3:ListAllMyBuckets", "list_buckets"),
        ("ecs", "ecs:ListClusters", "list_clusters"),
        ("ec2", "ec2:DescribeVpcs", "describe_vpcs"),
        ("sts", "sts:GetCallerIdentity", "get_caller_identity"),
    ],
)
def test_a_fault_is_put_into_as_many_answers_as_asked_and_in_each_protocol(aws, service, action, ask):
    once = Config(retries={"total_max_attempts": 1})
    with recording(aws.endpoint) as recorder:
        client = boto3.client(service, endpoint_url=recorder.endpoint, config=once)
        for fault, code in (
            ("denied", "AccessDenied"),
            ("throttled", "Throttling|SlowDown"),
            ("failed", "Internal"),
        ):
            recorder.faults.add(action, fault)
            with pytest.raises(ClientError, match=code):
                getattr(client, ask)()
        recorder.faults.add(action, "lost")
        with pytest.raises(ConnectionClosedError):
            getattr(client, ask)()
        getattr(client, ask)()
        assert recorder.faults.left == []


def _call(method, path, service, body=b"", **headers):
    known = {"host": "127.0.0.1:1", "authorization": SCOPE.format(service), **headers}
    return classify(method, path, known, body, "000000000000")


@pytest.mark.parametrize(
    ("call", "action", "writes"),
    [
        (("GET", "/bucket?list-type=2", "s3"), "s3:ListBucket", False),
        (("GET", "/bucket/key", "s3"), "s3:GetObject", False),
        (("HEAD", "/bucket/key", "s3"), "s3:GetObject", False),
        (("PUT", "/bucket", "s3"), "s3:CreateBucket", True),
        (("PUT", "/bucket/key", "s3"), "s3:PutObject", True),
        (("POST", "/bucket/key?uploads", "s3"), "s3:PutObject", True),
        (("DELETE", "/bucket/key", "s3"), "s3:DeleteObject", True),
        (("HEAD", "/v2/bmii/manifests/x", ""), "ecr:BatchGetImage", False),
        (("HEAD", "/v2/bmii/blobs/sha256:0", ""), "ecr:BatchCheckLayerAvailability", False),
        (("POST", "/v2/bmii/blobs/uploads/", ""), "ecr:InitiateLayerUpload", True),
        (("PATCH", "/v2/bmii/blobs/uploads/0", ""), "ecr:UploadLayerPart", True),
        (("PUT", "/v2/bmii/manifests/x", ""), "ecr:PutImage", True),
    ],
)
def test_what_a_rest_call_asks_for(call, action, writes):
    found = _call(*call)
    assert (found.action, found.mutates) == (action, writes)


@pytest.mark.parametrize(
    ("action", "writes"),
    [
        ("DescribeStacks", False),
        ("CreateChangeSet", True),
        ("DeleteChangeSet", True),
        ("UpdateStack", True),
        ("DetectStackDrift", False),
        ("SomethingNew", True),
    ],
)
def test_what_a_query_call_asks_for(action, writes):
    kind = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    found = _call("POST", "/", "cloudformation", f"Action={action}&Version=2010-05-15".encode(), **kind)
    assert (found.action, found.mutates) == (f"cloudformation:{action}", writes)


@pytest.mark.parametrize(
    ("action", "writes"), [("GetParameters", False), ("PutParameter", True), ("DeleteParameter", True)]
)
def test_what_a_json_call_asks_for(action, writes):
    found = _call("POST", "/", "ssm", b'{"Name": "/a"}', **{"x-amz-target": f"AmazonSSM.{action}"})
    assert (found.action, found.mutates) == (f"ssm:{action}", writes)


@pytest.mark.parametrize("path", ["/_alb/bmii/rank", "/_ministack/health", "/v2/"])
def test_what_is_no_api_is_no_call(path):
    assert _call("POST", path, "") is None


def test_everything_passes_unharmed(aws):
    with recording(aws.endpoint) as recorder:
        s3 = boto3.client("s3", endpoint_url=recorder.endpoint)
        s3.create_bucket(Bucket="recorded")
        body = os.urandom(3 << 20)
        s3.put_object(Bucket="recorded", Key="a b/ü+%", Body=body, Metadata={"x": "y"})
        held = s3.get_object(Bucket="recorded", Key="a b/ü+%")
        assert (held["Body"].read(), held["Metadata"]) == (body, {"x": "y"})
        assert s3.head_object(Bucket="recorded", Key="a b/ü+%")["ContentLength"] == len(body)
        s3.delete_object(Bucket="recorded", Key="a b/ü+%")
        with urllib.request.urlopen(f"{recorder.endpoint}/_ministack/health") as page:
            assert page.status == 200
        assert [call.action.partition(":")[2] for call in recorder.writes] == [
            *("CreateBucket", "PutObject", "DeleteObject")
        ]
        assert recorder.writes[0].resource == "arn:aws:s3:::recorded"
        recorder.forget()
        assert recorder.calls == []

"""A denial is reported with what to grant: the action, the resource, and the statement to add."""

import json

import pytest

from engines import permissions
from engines.permissions import Request, remedy

EMPTY = {"Bucket": "bmii-raw"}


def _statement(text):
    return json.loads(text.partition(": ")[2])


@pytest.mark.parametrize(
    ("operation", "parameters", "action", "resource"),
    [
        ("HeadBucket", EMPTY, "s3:ListBucket", "arn:aws:s3:::bmii-raw"),
        ("ListObjectsV2", {**EMPTY}, "s3:ListBucket", "arn:aws:s3:::bmii-raw"),
        ("PutBucketEncryption", EMPTY, "s3:PutEncryptionConfiguration", "arn:aws:s3:::bmii-raw"),
        ("PutBucketVersioning", EMPTY, "s3:PutBucketVersioning", "arn:aws:s3:::bmii-raw"),
        ("HeadObject", {**EMPTY, "Key": "a/b"}, "s3:GetObject", "arn:aws:s3:::bmii-raw/a/b"),
        (
            "DeleteObjects",
            EMPTY,
            ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            "arn:aws:s3:::bmii-raw/*",
        ),
    ],
)
def test_what_s3_does_not_name_is_named(operation, parameters, action, resource):
    said = remedy("Forbidden", Request("s3", operation, parameters))

    assert _statement(said) == {"Effect": "Allow", "Action": action, "Resource": resource}


def test_the_partition_is_the_client_s():
    said = remedy("Forbidden", Request("s3", "HeadBucket", EMPTY, "aws-cn"))

    assert _statement(said)["Resource"] == "arn:aws-cn:s3:::bmii-raw"


def test_what_aws_names_is_taken_from_its_message():
    message = (
        "User: arn:aws:iam::1:user/ada is not authorized to perform: ecs:RunTask on resource: "
        "arn:aws:ecs:eu-south-1:1:task-definition/bmii:7 because no identity-based policy allows the "
        "ecs:RunTask action"
    )

    statement = _statement(remedy(message, Request("ecs", "RunTask", {})))

    assert statement["Action"] == "ecs:RunTask"
    assert statement["Resource"] == "arn:aws:ecs:eu-south-1:1:task-definition/bmii:7"


def test_an_explicit_deny_is_not_answered_with_an_allow():
    message = (
        "User: ada is not authorized to perform: rds:DeleteDBInstance on resource: arn:aws:rds:x:1:db:bmii "
        "with an explicit deny in a service control policy"
    )

    said = remedy(message)

    assert "denies rds:DeleteDBInstance on arn:aws:rds:x:1:db:bmii explicitly" in said
    assert "Effect" not in said


def test_of_an_unknown_request_nothing_is_said():
    assert remedy("Forbidden") == ""


def test_head_s_bare_number_is_a_denial():
    assert {"403", "Forbidden", "AccessDenied"} <= permissions.DENIED


def test_one_of_many_denials_needs_few_words():
    request = Request("s3", "GetObject", {"Bucket": "raw", "Key": "a"})

    assert permissions.needs("Access Denied", request) == "needs s3:GetObject on arn:aws:s3:::raw/a"
    assert permissions.needs("Access Denied") == ""


def test_what_a_stock_module_says_of_a_denial_gets_its_remedy():
    said = "Unable to put object: An error occurred (AccessDenied) when calling the PutObject operation: no"
    explained = permissions.explain(said, "s3", {"Bucket": "bmii-state", "Key": "templates/a.json"})

    assert explained.startswith(f"{said}. Add to the policy of these credentials: ")
    wanted = {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::bmii-state/templates/a.json",
    }
    assert _statement(explained.partition("credentials")[2]) == wanted
    assert permissions.explain("bucket is missing", "s3", {}) == "bucket is missing"

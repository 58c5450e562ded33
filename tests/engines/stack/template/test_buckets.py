"""Buckets in the template: any number, each entry's own, and no more rights than the inventory gives."""

from __future__ import annotations

import json

import pytest

from engines.errors import ConfigurationError
from engines.stack import Bucket, bucket_ids, with_buckets

TEMPLATE = {"Resources": {"TaskRole": {"Type": "AWS::IAM::Role", "Properties": {}}}, "Outputs": {}}
_IAM = 10_240  # characters that a role's own policies may have


def _statements(*buckets: Bucket) -> dict[str, dict[str, object]]:
    [policy] = with_buckets(TEMPLATE, buckets)["Resources"]["TaskRole"]["Properties"]["Policies"]
    return {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}


def test_no_bucket_changes_nothing() -> None:
    assert with_buckets(TEMPLATE, []) == TEMPLATE
    assert (
        "Policies" not in with_buckets(TEMPLATE, [Bucket("a", "s-a", access="none")])["Resources"]["TaskRole"]
    )


def test_entries_that_share_a_bucket_make_it_once() -> None:
    rule = {"Id": "old", "Status": "Enabled", "ExpirationInDays": 1}
    made = with_buckets(
        TEMPLATE,
        [
            Bucket("a", "s", "a/", versioning=False, lifecycle=(rule,)),
            Bucket("b", "s", "b/", versioning=False),
        ],
    )

    assert set(made["Resources"]) == {"TaskRole", "ABucket", "ABucketPolicy"}
    asked = made["Resources"]["ABucket"]["Properties"]
    assert "VersioningConfiguration" not in asked
    assert [one["Id"] for one in asked["LifecycleConfiguration"]["Rules"]] == ["abandoned-uploads", "old"]


def test_the_service_may_do_what_each_entry_says() -> None:
    found = _statements(
        Bucket("a", "s-a"),
        Bucket("b", "s-b", access="read"),
        Bucket("c", "s-c", access="none"),
        Bucket("d", "s-d", "d/"),
    )

    assert set(found) == {"ListBuckets", "ListPrefix3", "UseObjects", "ReadObjects"}
    assert [one["Fn::GetAtt"][0] for one in found["ListBuckets"]["Resource"]] == ["ABucket", "BBucket"]
    assert found["ListPrefix3"]["Condition"] == {"StringLike": {"s3:prefix": ["d/*"]}}
    assert found["UseObjects"]["Resource"] == [
        {"Fn::Sub": "${ABucket.Arn}/*"},
        {"Fn::Sub": "${DBucket.Arn}/d/*"},
    ]
    assert found["ReadObjects"]["Action"] == ["s3:GetObject"]
    assert "CBucket" not in json.dumps(found)


def test_the_rights_on_forty_buckets_fit_into_one_policy() -> None:
    found = _statements(*(Bucket(f"n{one}", f"{one:063}") for one in range(40)))
    longest = len(f"arn:aws:s3:::{'b' * 63}/*") + 3

    assert sum(len(one["Resource"]) for one in found.values()) == 80
    assert 80 * longest + 400 < _IAM


@pytest.mark.parametrize("names", [("a-b", "aB"), ("access-logs",), ("-",)])
def test_names_that_the_template_cannot_distinguish_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="logical id"):
        bucket_ids([Bucket(name, f"s-{number}") for number, name in enumerate(names)])


def test_an_unknown_access_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no access"):
        Bucket.from_options({"name": "a", "target": "s-a", "access": "own"})


def test_pages_that_may_use_a_bucket_are_the_inventorys() -> None:
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://lab.example"]}
    given = Bucket.from_options({"name": "a", "target": "s", "cors": [rule]})
    made = with_buckets(TEMPLATE, [given, Bucket("b", "t")])["Resources"]

    assert made["ABucket"]["Properties"]["CorsConfiguration"] == {"CorsRules": [rule]}
    assert "CorsConfiguration" not in made["BBucket"]["Properties"]

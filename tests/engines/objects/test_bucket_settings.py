"""What a source bucket is configured with and the target will not be is named, with what to do."""

from __future__ import annotations

import json

import pytest

from engines.objects.bucket_settings import settings_not_copied
from tests.engines.objects.in_memory import mirrored
from tests.engines.objects.memory_store import MemoryStore
from tests.engines.objects.scripted import answer, refuse

PUBLIC = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:GetObject", "Resource": "*"}
OWN = {**PUBLIC, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
CASES = {
    "policy": (json.dumps({"Statement": [OWN]}), "a policy of 1 statements: grant"),
    "acl": (
        "<AccessControlPolicy><AccessControlList><Grant><Grantee>"
        "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee></Grant></AccessControlList>"
        "</AccessControlPolicy>",
        "an ACL that opens it to everybody: the target stays private",
    ),
    "cors": (
        f"<CORSConfiguration {NAMESPACE}><CORSRule/><CORSRule/></CORSConfiguration>",
        "2 CORS rules that the target lacks: ",
    ),
    "encryption": (
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
        "<SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>"
        "</ServerSideEncryptionConfiguration>",
        "default encryption aws:kms",
    ),
    "lifecycle": (
        "<LifecycleConfiguration><Rule/></LifecycleConfiguration>",
        "1 lifecycle rules that the target lacks: ",
    ),
    "logging": ("<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>", "1 access log: "),
    "notification": (
        "<NotificationConfiguration><QueueConfiguration/></NotificationConfiguration>",
        "1 notifications: ",
    ),
    "object-lock": (
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>",
        "object lock: ",
    ),
    "replication": ("<ReplicationConfiguration><Rule/></ReplicationConfiguration>", "1 replication rules: "),
    "tagging": ("<Tagging><TagSet><Tag/></TagSet></Tagging>", "1 tags of the bucket: "),
    "website": ("<WebsiteConfiguration/>", "a website of its objects: the target stays private"),
}
PLAIN = {
    "acl": "<AccessControlPolicy><Owner/></AccessControlPolicy>",
    "encryption": "<ServerSideEncryptionConfiguration><Rule><SSEAlgorithm>AES256</SSEAlgorithm></Rule>"
    "</ServerSideEncryptionConfiguration>",
    "logging": "<BucketLoggingStatus/>",
    "notification": "<NotificationConfiguration/>",
    "policy": "",
}


class Configured(MemoryStore):
    """A bucket with the configuration that ``settings`` holds, and without the rest."""

    def __init__(self, **more):
        super().__init__(**more)
        self.settings = {}

    def first(self, asked):
        if asked.key or not (asked.query.keys() & {*CASES, "policy"}):
            return None
        found = self.settings.get(next(iter(asked.query.keys() & {*CASES, "policy"})))
        if found is None:
            return refuse("NoSuchConfiguration", 404)
        return found if callable(found) else answer(200, found.encode())


def named(serve, settings, held=None):
    source, target = serve(Configured()), serve(Configured())
    source.settings, target.settings = settings, held or {}
    with source.endpoint.connect() as store, target.endpoint.connect() as other:
        return list(settings_not_copied(store, other))


@pytest.mark.parametrize("name", CASES)
def test_each_part_of_the_configuration_is_named(serve, name):
    text, reported = CASES[name]
    [sentence] = named(serve, {name: text})
    assert sentence.startswith(f"bucket: {reported}")


def test_a_policy_that_opens_objects_to_everybody_is_named_as_that(serve):
    for statements in ([OWN, PUBLIC], PUBLIC):
        [sentence] = named(serve, {"policy": json.dumps({"Statement": statements})})
        assert "opens objects to everybody: the target stays private" in sentence


@pytest.mark.parametrize("settings", [{}, PLAIN], ids=["nothing", "what every bucket has"])
def test_what_the_target_has_as_well_is_not_named(serve, settings):
    assert named(serve, settings) == []


def test_a_store_that_answers_something_else_has_no_such_configuration(serve):
    source = serve(MemoryStore())
    with source.endpoint.connect() as store:
        assert list(settings_not_copied(store, store)) == []


def test_what_may_not_be_read_is_named_in_one_sentence(serve):
    refused = {name: refuse("AccessDenied", 403) for name in ("policy", "cors")}
    assert named(serve, {**refused, "tagging": "<Tagging>"}) == [
        "bucket: configuration that may not be read (policy, CORS, tags)"
    ]


CORS = (
    f"<CORSConfiguration {NAMESPACE}><CORSRule><AllowedMethod>GET</AllowedMethod>"
    "<AllowedOrigin>https://lab.example</AllowedOrigin></CORSRule>{}</CORSConfiguration>"
)


def test_rules_are_named_as_the_inventory_gives_them(serve):
    [sentence] = named(serve, {"cors": CORS.format("")})
    _, _, written = sentence.partition("platform_buckets: ")
    assert written == 'cors: [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://lab.example"]}]'


def test_a_rule_that_the_target_has_is_not_named(serve):
    assert named(serve, {"cors": CORS.format("")}, {"cors": CORS.format("")}) == []
    other = "<CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>"
    [sentence] = named(serve, {"cors": CORS.format(other)}, {"cors": CORS.format("")})
    assert sentence.startswith("bucket: 1 CORS rules")
    assert "PUT" in sentence
    assert "GET" not in sentence


def test_a_run_reports_it_with_what_is_not_copied(serve, target):
    source = serve(Configured())
    source.settings = {"cors": CASES["cors"][0]}
    source.put("a", b"1")
    done = mirrored(source, target)
    [one] = [one for one in done["not_copied"] if one["what"].startswith("bucket: ")]
    assert (one["objects"], one["what"].split(":")[1]) == (0, " 2 CORS rules that the target lacks")
    # Nothing of a bucket's configuration is written.
    assert {asked.method for asked in target.asked if not asked.key} <= {"GET", "HEAD"}

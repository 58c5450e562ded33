"""Prerequisites, really asked: each that is missing is reported with its variable."""

import dataclasses
import os

import psycopg
import pytest

from engines.preflight.errors import PrerequisitesError
from engines.preflight.model import Settings
from engines.preflight.prerequisites import checks, machine, source
from tests.local_clients import client

CANARY = "canary-3c9d"


@pytest.fixture(scope="module")
def ready(aws, postgres_server, object_store, tmp_path_factory):
    """Settings that this machine meets."""
    store = client(object_store.endpoint, (object_store.access_key, object_store.secret_key))
    store.create_bucket(Bucket="preflight-raw")
    return Settings(
        target="emulator",
        region="us-east-1",
        account_id="000000000000",
        source_database=postgres_server.url(),
        source_store={
            "endpoint": object_store.endpoint,
            "access_key": object_store.access_key,
            "secret_key": object_store.secret_key,
            "region": "us-east-1",
        },
        source_buckets=["preflight-raw"],
        endpoints=[{"variable": "platform_aws_endpoint", "url": aws.endpoint}],
        container_builder="oci",
        minimum_free_mib=1,
        work_dir=str(tmp_path_factory.mktemp("work") / "not" / "yet"),
    )


def _find(settings):
    findings, _ = checks.find(settings, os.environ)
    return findings


def test_with_all_prerequisites_it_passes_and_returns_facts(ready):
    facts = checks.check(ready, os.environ)

    assert facts["account_id"] == "000000000000"
    assert facts["source_postgres"] >= 15
    assert facts["pg_dump"] >= facts["source_postgres"]


def _store(settings, **changes):
    return {"source_store": {**settings.source_store, **changes}}


@pytest.mark.parametrize(
    ("fault", "variable", "said"),
    [
        (lambda s: {"account_id": "123456789012"}, "platform_account_id", "belong to account 000000000000"),
        (lambda s: {"source_buckets": ["preflight-raw", "gone"]}, "platform_buckets", "'gone'"),
        (lambda s: _store(s, secret_key=CANARY), "platform_source_store", "bucket preflight-raw"),
        (lambda s: _store(s, endpoint="http://127.0.0.1:9"), "platform_source_store", "127.0.0.1:9"),
        (
            lambda s: {"source_database": f"postgresql://u:{CANARY}@127.0.0.1:9/db"},
            "platform_source_database",
            "127.0.0.1:9",
        ),
        (
            lambda s: {"source_database": s.source_database.rpartition("/")[0] + "/gone"},
            "platform_source_database",
            "gone",
        ),
        (
            lambda s: {"source_database": s.source_database.replace(":postgres@", f":{CANARY}@")},
            "platform_source_database",
            "wrong user or password",
        ),
        (lambda s: {"source_database": "env:PREFLIGHT_GONE"}, "platform_source_database", "PREFLIGHT_GONE"),
        (
            lambda s: {"endpoints": [{"variable": "platform_source_url", "url": "http://127.0.0.1:9"}]},
            "platform_source_url",
            "127.0.0.1:9",
        ),
        (lambda s: {"minimum_free_mib": 1 << 40}, "preflight_minimum_free_mib", "MiB free"),
    ],
)
def test_each_thing_that_is_missing_is_reported_by_its_variable(ready, fault, variable, said):
    findings = _find(dataclasses.replace(ready, **fault(ready)))

    assert [finding.variable for finding in findings] == [variable]
    assert said in findings[0].what
    assert findings[0].remedy
    assert CANARY not in str(findings[0])


@pytest.mark.parametrize(
    ("constant", "version", "said"),
    [
        ("SOURCE_POSTGRES", 99, "the oldest that can be moved"),
        ("TARGET_POSTGRES", 9, "than the target's 9"),
    ],
)
def test_a_database_of_another_age_is_reported(ready, monkeypatch, constant, version, said):
    monkeypatch.setattr(source, constant, version)
    # Production's rule, with endpoints that the guard lets pass.
    monkeypatch.setattr(checks, "find_wrong_addresses", lambda *_: [])

    findings = _find(dataclasses.replace(ready, target="aws", name="preflight"))

    reported = [finding for finding in findings if finding.variable == "platform_source_database"]
    assert said in reported[0].what


def test_client_programs_that_cannot_read_the_source_are_reported(ready, monkeypatch):
    monkeypatch.setattr(source.client_tools, "_folders", lambda _: iter(()))

    (finding,) = _find(ready)

    assert finding.variable == "pg_dump"
    assert "postgresql-client-" in finding.remedy


@pytest.mark.parametrize(("target", "offered"), [("emulator", True), ("aws", False)])
def test_a_docker_engine_must_answer_when_it_is_the_builder(monkeypatch, tmp_path, target, offered):
    monkeypatch.setenv("PATH", str(tmp_path))

    (finding,) = machine.builder(Settings(target=target, container_builder="docker"))

    assert finding.variable == "platform_container_builder"
    # An image of the other builder could not start on a real account.
    assert ("oci" in finding.remedy) is offered


@pytest.fixture
def read_by(postgres_server):
    """Return the address of a database with a table that its user does not own, and that user's name."""
    postgres_server.create_database("preflight_fenced")
    with psycopg.connect(postgres_server.url("preflight_fenced"), autocommit=True) as session:
        session.execute("CREATE ROLE preflight_reader LOGIN PASSWORD 'reader'")
        session.execute("CREATE TABLE kept (id int)")
        yield postgres_server.url("preflight_fenced", "preflight_reader", "reader"), session
        session.execute("DROP OWNED BY preflight_reader")
        session.execute("DROP TABLE kept")
        session.execute("DROP ROLE preflight_reader")


def test_who_may_not_close_the_source_is_reported_before_anything_is_moved(ready, read_by):
    address, owner = read_by
    reader = dataclasses.replace(ready, source_database=address, source_fence="ask")

    owned, created = _find(reader)

    assert {owned.variable, created.variable} == {"platform_source_database"}
    assert "does not own public.kept" in owned.what
    assert "GRANT CREATE ON DATABASE preflight_fenced" in created.remedy
    assert all("migrate_source_fence: none" in one.remedy for one in (owned, created))
    # Nobody closes it, or that table is not copied.
    assert _find(dataclasses.replace(reader, source_fence="none")) == []
    left_out = dataclasses.replace(reader, database_exclude_tables=["public.kept"])
    assert [one.what for one in _find(left_out)] == [created.what]

    owner.execute("GRANT CREATE ON DATABASE preflight_fenced TO preflight_reader")
    owner.execute("CREATE ROLE preflight_owner")
    owner.execute("ALTER TABLE kept OWNER TO preflight_owner")
    owner.execute("GRANT preflight_owner TO preflight_reader")
    try:
        assert _find(reader) == []
    finally:
        owner.execute("ALTER TABLE kept OWNER TO CURRENT_USER")
        owner.execute("DROP ROLE preflight_owner")


def test_credentials_that_do_not_work_are_reported(ready, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")

    assert [finding.variable for finding in _find(ready)] == ["AWS credentials"]


def test_everything_is_reported_at_once(ready):
    bad = dataclasses.replace(
        ready, account_id="123456789012", source_buckets=["gone"], minimum_free_mib=1 << 40
    )

    with pytest.raises(PrerequisitesError) as caught:
        checks.check(bad, os.environ)

    lines = str(caught.value).splitlines()
    assert lines[0] == "Prerequisites are missing. Nothing has been touched."
    assert sorted(line.split(":")[0] for line in lines[1:]) == [
        "- platform_account_id",
        "- platform_buckets",
        "- preflight_minimum_free_mib",
    ]


def test_a_refused_address_is_never_connected_to(ready):
    # Reserved for documentation: a connection would fail, and be told as unreachable as well.
    outside = dataclasses.replace(ready, endpoints=[{"variable": "v", "url": "http://203.0.113.7"}])

    findings, facts = checks.find(outside, os.environ)

    assert [finding.variable for finding in findings] == ["v"]
    assert "outside this machine" in findings[0].what
    assert facts == {}

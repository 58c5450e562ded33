"""One side of a copy: what is asked of the configuration, and what is never shown."""

from __future__ import annotations

import pytest

from engines.aws import AwsError
from engines.errors import ConfigurationError
from engines.objects.s3.endpoint import Endpoint

KEYS = {"access_key": "an-access-key", "secret_key": "a-secret-key"}


def test_keys_are_resolved_and_never_shown(monkeypatch):
    monkeypatch.setenv("STORE_SECRET", "a-secret-key")
    options = {"bucket": "raw", "endpoint": "http://127.0.0.1:9", "access_key": "an-access-key"}
    endpoint = Endpoint.from_options(options | {"secret_key": "env:STORE_SECRET", "prefix": None})
    assert endpoint.secret_key == "a-secret-key"
    store = endpoint.connect()
    for text in (repr(endpoint), str(endpoint), endpoint.name, repr(store), store.name):
        assert "a-secret-key" not in text
        assert "an-access-key" not in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no bucket is named"),
        ({"bucket": "raw", "access_key": "a"}, "only one of access_key and secret_key"),
        ({"bucket": "raw", "secret_key": "a"}, "only one of access_key and secret_key"),
        ({"bucket": "raw", "session_token": "a"}, "session_token is given without the keys"),
        ({"bucket": "raw", "endpoint": "minio:9000"}, "not a plain http"),
        ({"bucket": "raw", "endpoint": "ftp://minio"}, "not a plain http"),
        ({"bucket": "raw", "endpoint": "http://me:hidden@minio"}, "not a plain http"),
    ],
)
def test_a_wrong_configuration_is_named_but_not_quoted(options, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        Endpoint.from_options(options)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "environment", "name"),
    [
        ({"bucket": "raw"}, "", "s3://raw"),
        ({"bucket": "raw", "prefix": "a/"}, "", "s3://raw/a"),
        ({"bucket": "raw"}, "http://127.0.0.1:4566", "http://127.0.0.1:4566/raw"),
        (
            {"bucket": "raw", "endpoint": "http://minio:9000/"},
            "http://127.0.0.1:4566",
            "http://minio:9000/raw",
        ),
    ],
)
def test_an_endpoint_is_called_by_where_it_really_is(monkeypatch, given, environment, name):
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", environment)
    assert Endpoint(**given).name == name


def test_a_store_that_is_not_aws_has_its_buckets_in_the_path():
    address = Endpoint(bucket="raw", endpoint="https://127.0.0.1:9/s3/", **KEYS).connect().address
    assert (address.url, address.base, address.region) == ("https://127.0.0.1:9", "/s3/raw", "us-east-1")


@pytest.mark.parametrize(
    ("bucket", "region", "url", "base"),
    [
        ("raw", "eu-central-1", "https://raw.s3.eu-central-1.amazonaws.com", ""),
        ("with.dots", "eu-central-1", "https://s3.eu-central-1.amazonaws.com", "/with.dots"),
        ("raw", "cn-north-1", "https://raw.s3.cn-north-1.amazonaws.com.cn", ""),
    ],
)
def test_without_an_endpoint_it_is_aws_by_the_default_chain(monkeypatch, bucket, region, url, base):
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "chain")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "chain")
    address = Endpoint(bucket=bucket, region=region, prefix="p/").connect().address
    assert (address.url, address.base, address.prefix, address.region) == (url, base, "p/", region)


def test_no_credentials_at_all_is_a_clear_error(monkeypatch, tmp_path):
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    with pytest.raises(AwsError, match="no AWS credentials were found"):
        Endpoint(bucket="raw", endpoint="http://127.0.0.1:9").connect()


@pytest.mark.parametrize(
    ("name", "bucket", "host"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "raw", "raw.s3-fips.us-east-1"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "raw", "raw.s3.dualstack.us-east-1"),
        (
            "",
            "arn:aws:s3:us-east-1:123456789012:accesspoint/lab",
            "lab-123456789012.s3-accesspoint.us-east-1",
        ),
    ],
)
def test_endpoints_of_aws_are_those_that_the_environment_asks_for(monkeypatch, name, bucket, host):
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(variable, raising=False)
    if name:
        monkeypatch.setenv(name, "true")
    address = Endpoint(bucket=bucket, region="us-east-1", **KEYS).connect().address
    assert (address.url, address.base) == (f"https://{host}.amazonaws.com", "")

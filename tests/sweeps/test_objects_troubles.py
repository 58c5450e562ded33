"""What is wrong with a store or its address is told in words that say what to do, and ends the run soon."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from rehearsal.process import free_ports
from tests.sweeps.objects_sandbox import BucketPair, fill, microburst
from tests.sweeps.objects_wire import Wire

SECRET = "never-to-be-shown"


@pytest.fixture
def pair(object_pair):
    fill(object_pair.source, 5, 8)
    return object_pair


def reported(pair, *, side, module="s3_mirror", **changes):
    """Return the message of a module one of whose sides is changed; it must be one line without a secret."""
    option = {**getattr(pair, side).option, **changes}
    answer = pair.run(
        module, **{side: option, "manifest": None if module == "s3_compare" else str(pair.manifest)}
    )
    assert answer["failed"]
    assert "defect" not in answer["msg"], answer["msg"]
    assert SECRET not in answer["text"]
    assert "minioadmin" not in answer["text"]
    assert "\n" not in answer["msg"]
    return answer["msg"]


MODULES = pytest.mark.parametrize("module", ["s3_mirror", "s3_compare"])


@MODULES
def test_unknown_keys(pair, module):
    message = reported(pair, side="source", module=module, access_key="nobody", secret_key=SECRET)
    assert "InvalidAccessKeyId" in message


@MODULES
def test_a_wrong_secret(pair, module):
    assert "SignatureDoesNotMatch" in reported(pair, side="source", module=module, secret_key=SECRET)


@MODULES
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_bucket_that_is_not_there(pair, module, side):
    message = reported(pair, side=side, module=module, bucket="not-there")
    assert "not-there" in message
    assert "NoSuchBucket" in message


@pytest.mark.parametrize(("module", "side"), [("s3_mirror", "source"), ("s3_compare", "target")])
def test_nothing_listens(pair, module, side):
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    message = reported(pair, side=side, module=module, endpoint=endpoint)
    assert endpoint in message
    assert "Check the network and the endpoint" in message


def test_a_host_that_does_not_exist(pair):
    message = reported(pair, side="source", endpoint="http://no-such-host.invalid:9000")
    assert "no-such-host.invalid" in message


def test_a_certificate_that_nobody_vouches_for(pair, object_store, tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Wire(object_store.ports.s3, tls=context) as wire:
        message = reported(pair, side="source", endpoint=wire.endpoint)
        assert "certificate" in message.lower()
        assert wire.endpoint in message
        # With the authority named, as for any AWS client, it is a store like others.
        environment = {"AWS_CA_BUNDLE": str(certificate)}
        through = BucketPair(pair.source.through(wire.endpoint), pair.target, pair.folder)
        answer = through.start(environment=environment).answer()
        assert "msg" not in answer, answer["msg"]


ANSWERS = {
    "ExpiredToken": (400, "expired"),
    "RequestTimeTooSkewed": (403, "RequestTimeTooSkewed"),
    "AuthorizationHeaderMalformed": (400, "AuthorizationHeaderMalformed"),
    "PermanentRedirect": (301, "PermanentRedirect"),
    "AccessDenied": (403, "AccessDenied"),
}


def test_an_answer_that_every_request_would_get_ends_the_run_soon(pair, object_store, tmp_path):
    with Wire(object_store.ports.s3) as wire, microburst(wire.endpoint, tmp_path) as (port, rules):
        wire.host = f"127.0.0.1:{port}"
        endpoint = f"http://{wire.host}"
        for code, (status, words) in ANSWERS.items():
            for when in ("ListObjectsV2", "GetObject"):
                error = {"code": code, "status": status, "message": "no"}
                rules([{"service": "s3", "operation": when, "error": error}])
                assert words in reported(pair, side="source", endpoint=endpoint), (code, when)
        assert pair.target.listing() == []
        rules([])
        answer = BucketPair(pair.source.through(endpoint), pair.target, pair.folder, pair.number).run()
        assert "msg" not in answer, answer["msg"]


def test_a_slow_link_takes_its_time(object_pair, aws, object_store):
    """At 1 MB/s, in both directions."""
    for number in range(3):
        object_pair.source.put(f"slow/{number}", bytes(1_000_000))
    with Wire(object_store.ports.s3, rate=1_000_000) as source, Wire(aws.port, rate=1_000_000) as target:
        pair = BucketPair(
            object_pair.source.through(source.endpoint),
            object_pair.target.through(target.endpoint),
            object_pair.folder,
        )
        assert pair.run()["copied"] == 3
    assert object_pair.target.everything() == object_pair.source.everything()

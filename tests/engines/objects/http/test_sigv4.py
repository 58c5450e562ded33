"""Signatures are those of botocore, whatever the name of an object."""

from __future__ import annotations

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from engines.objects.http.sigv4 import EMPTY, UNSIGNED, Signer, encoded, query_of

KEYS = [
    "plain",
    "a b+c%d",
    "a//b",
    "/lead",
    "./a/../b",
    "..",
    "end/",
    "ü/日本",
    "q?x=1#y&z",
    "\x07bell",
    "~-_.",
]
HOST = "store.example:9000"


def signature(authorization: str) -> str:
    return authorization.rpartition("Signature=")[2]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("token", [None, "a-token"])
@pytest.mark.parametrize("digest", [EMPTY, UNSIGNED])
def test_a_request_is_signed_as_botocore_signs_it(key, token, digest):
    credentials = Credentials("an-access-key", "a-secret-key", token)
    query = query_of([("uploadId", "a+b/c="), ("partNumber", "1"), ("tagging", "")])
    headers = {"host": HOST, "x-amz-meta-a": "two  words", "content-type": "text/csv; charset=utf-8"}
    ours = Signer(credentials, "eu-central-1").headers("PUT", f"/raw/{encoded(key)}", query, headers, digest)
    request = AWSRequest(
        "PUT",
        f"http://{HOST}/raw/{encoded(key)}?{query}",
        headers={**headers, "X-Amz-Content-SHA256": digest},
    )
    request.context["timestamp"] = ours["x-amz-date"]
    signer = S3SigV4Auth(credentials, "s3", "eu-central-1")
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    # As add_auth() does it, at the moment of our own signature.
    canonical = signer.canonical_request(request).replace(EMPTY, digest)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    assert signature(ours["authorization"]) == expected
    assert ours.get("x-amz-security-token") == token


def test_credentials_that_renew_themselves_are_asked_each_time():
    class Renewed:
        asked = 0

        def get_frozen_credentials(self):
            self.asked += 1
            return Credentials(f"key-{self.asked}", f"secret-{self.asked}")

    signer = Signer(Renewed(), "us-east-1")
    signed = [signer.headers("GET", "/", "", {"host": HOST}, EMPTY)["authorization"] for _ in range(2)]
    assert ["key-1" in signed[0], "key-2" in signed[1]] == [True, True]
    assert signature(signed[0]) != signature(signed[1])

"""What a store or the way to it may do wrong, done to order by a server that follows a script."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from engines.aws import AwsError, translated
from engines.objects.errors import (
    AlteredError,
    ChangedError,
    IntegrityError,
    affects_every_object,
    is_transient,
    reason_of,
    target_changed,
)
from engines.objects.plan import CopyTask
from engines.objects.s3 import client as module
from engines.objects.s3.endpoint import Endpoint
from engines.objects.s3.object_reader import read
from engines.objects.transfer.buffers import Buffers
from engines.objects.transfer.multipart import Checksums, CopyContext
from engines.objects.transfer.object_copy import ObjectCopier
from tests.engines.objects.scripted import (
    BODY,
    ETAG,
    answer,
    bad_chunk,
    bad_length,
    chunked,
    continuing,
    cut,
    half_a_chunk,
    hang_up,
    refuse,
    source,
    until_the_end,
)

MIB = 1 << 20


@pytest.mark.parametrize("way", [answer(200, b"abcdefg"), chunked, until_the_end, continuing])
def test_an_answer_is_read_however_it_is_framed(server, store, way):
    server.script = [way, way]
    assert [store.read("GetObject", key="k") for _ in range(2)] == [b"abcdefg", b"abcdefg"]


@pytest.mark.parametrize(
    "fault",
    [
        refuse("SlowDown", 503),
        refuse("InternalError", 500),
        refuse("BadDigest", 400),
        refuse("RequestTimeout", 400),
        refuse("ConditionalRequestConflict", 409),
        answer(429),
        hang_up,
        cut(10, b"the whole answer"),
        bad_length,
        bad_chunk,
        half_a_chunk,
    ],
)
def test_what_passes_is_asked_again(server, store, fault):
    server.script = [fault, fault, fault]
    server.otherwise = answer(200, b"at last")
    assert store.read("GetObject", key="k") == b"at last"
    assert len(server.seen) >= 4


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("NoSuchKey", 404), ("PreconditionFailed", 412)]
)
def test_what_does_not_pass_is_asked_once(server, store, code, status):
    server.otherwise = refuse(code, status)
    with pytest.raises(ClientError, match=code):
        store.read("GetObject", key="k")
    assert len(server.seen) == 1


def test_a_denial_says_what_to_grant_of_one_object_and_of_all(server, store):
    server.otherwise = refuse("AccessDenied", 403)
    with pytest.raises(ClientError) as caught:
        store.read("GetObject", key="k")
    needed = f"s3:GetObject on arn:aws:s3:::{store.address.bucket}/{store.address.prefix}k"
    assert reason_of(caught.value).endswith(f"(needs {needed})")
    with pytest.raises(AwsError) as denied, translated("listing"):
        store.read("ListObjectsV2")
    assert '"Action": "s3:ListBucket"' in denied.value.remedy


def test_expired_credentials_are_reported_at_once_and_in_words(server, store):
    server.otherwise = refuse("ExpiredToken", 400)
    with pytest.raises(AwsError, match="The credentials have expired") as caught, translated("reading"):
        store.read("GetObject", key="k")
    assert affects_every_object(caught.value.__cause__)
    assert len(server.seen) == 1


def test_a_bucket_of_another_region_is_reported(server, store):
    server.otherwise = answer(301, **{"x-amz-bucket-region": "eu-west-3"})
    with pytest.raises(ClientError, match="the bucket is in the region eu-west-3"):
        store.read("ListObjectsV2")
    assert len(server.seen) == 1


def test_a_store_that_is_never_well_again_is_given_up(server, store):
    server.otherwise = refuse("SlowDown", 503)
    with pytest.raises(ClientError, match="SlowDown"):
        store.read("GetObject", key="k")
    assert len(server.seen) == module.TRIES


def test_a_kept_connection_that_the_store_has_closed_is_no_failure(server, store):
    assert store.read("GetObject", key="k") == b""

    def goodbye(handler):
        answer(200, b"x")(handler)
        handler.wfile.flush()
        hang_up(handler)

    server.script = [goodbye, answer(200, b"y")]
    assert [store.read("GetObject", key="k") for _ in range(2)] == [b"x", b"y"]


@pytest.mark.parametrize("after", [0, 1, 100_000])
def test_a_body_that_breaks_off_is_taken_up_where_it_broke(server, store, after):
    server.script = [cut(after), cut(after), cut(after)]
    server.otherwise = cut(len(BODY))
    found, digest = read(store, "k")
    assert (found.size, digest) == (len(BODY), hashlib.sha256(BODY).hexdigest())
    ranges = [asked.headers.get("range") for asked in server.seen]
    assert ranges == [None, *(f"bytes={after * number}-{len(BODY) - 1}" for number in (1, 2, 3))]
    # Of one version, or not at all.
    assert {asked.headers.get("if-match") for asked in server.seen[1:]} == {'"e"'}


def test_a_body_that_always_breaks_off_at_the_same_place_is_given_up(server, store, monkeypatch):
    monkeypatch.setattr("engines.objects.s3.object_reader.TRIES", 3)
    server.script = [cut(1000)]
    server.otherwise = cut(0)
    with pytest.raises(IntegrityError, match="again and again"):
        read(store, "k")


@pytest.mark.parametrize("is_hurried", [True, False])
def test_who_is_in_a_hurry_leaves_a_refused_object_for_later(server, store, is_hurried):
    server.otherwise = refuse("SlowDown", 503)
    with pytest.raises(ClientError, match="SlowDown"):
        (store.hurried() if is_hurried else store).read("GetObject", key="k")
    assert len(server.seen) == (3 if is_hurried else module.TRIES)


def test_a_store_that_names_a_time_is_left_alone_so_long(server, store, clock):
    server.script = [answer(503, **{"Retry-After": "7"}), answer(503, **{"Retry-After": "soon"})]
    server.otherwise = answer(200, b"x")
    assert store.read("GetObject", key="k") == b"x"
    assert clock.slept[0] == 7
    assert clock.slept[1] < 1
    server.script = [answer(503, **{"Retry-After": "7"})]
    with pytest.raises(ClientError):
        store.hurried().read("GetObject", key="k")


def copier(store: object, server: object, part_size: int = 5 * MIB) -> Callable[[CopyTask], object]:
    def move(order):
        with ThreadPoolExecutor(4) as pool:
            context = CopyContext(
                store, store, part_size, pool, Buffers(), Checksums(), lambda *_: None, lambda _: None
            )
            return ObjectCopier(context).copy(order)

    return move


def test_checksums_that_a_store_does_not_understand_are_left_out_from_then_on(server, store):
    def picky(handler):
        if handler.headers.get("x-amz-checksum-sha256"):
            return refuse("NotImplemented", 501)(handler)
        return source(handler)

    server.otherwise = picky
    done = copier(store, server)(CopyTask("k", len(BODY), "e"))
    assert done.record.sha256 == hashlib.sha256(BODY).hexdigest()
    written = [asked for asked in server.seen if asked.command == "PUT"]
    assert len(written) == 2
    # The body is still signed: a damaged one would be refused.
    assert {asked.headers["x-amz-content-sha256"] for asked in written} == {done.record.sha256}


@pytest.mark.parametrize("part_size", [len(BODY), len(BODY) // 4])
def test_an_answer_to_a_write_that_breaks_off_after_its_headers_has_said_all(server, store, part_size):
    def short(handler):
        if handler.command != "PUT":
            return source(handler)
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nETag: "t"\r\nContent-Length: 9\r\n\r\nab')
        return hang_up(handler)

    server.otherwise = short
    done = copier(store, server, part_size)(CopyTask("k", len(BODY), "e"))
    assert done.record.sha256 == hashlib.sha256(BODY).hexdigest()
    writes = len({asked.path for asked in server.seen if asked.command == "PUT"})
    assert len([asked for asked in server.seen if asked.command == "PUT"]) == writes


@pytest.mark.parametrize("listed", [2 * len(BODY), len(BODY) // 2, 1])
@pytest.mark.parametrize("etag", ["e", ""])
def test_a_body_of_another_length_than_was_listed_is_not_written(server, store, listed, etag):
    server.otherwise = source
    with pytest.raises(AlteredError, match=f"its body has {len(BODY)} bytes, its listing {listed}") as caught:
        copier(store, server, len(BODY))(CopyTask("k", listed, etag))
    assert not is_transient(caught.value)
    assert {asked.command for asked in server.seen} == {"GET"}


def test_a_version_that_was_not_asked_for_is_one_that_changed(server, store):
    server.otherwise = source
    with pytest.raises(ChangedError):
        copier(store, server)(CopyTask("k", len(BODY), "other"))
    assert {asked.command for asked in server.seen} == {"GET"}


def test_a_large_object_is_sent_in_parts_with_checksums_and_hashed_as_one(server, store):
    server.otherwise = source
    done = copier(store, server, len(BODY) // 4)(CopyTask("k", len(BODY), "e"))
    assert done.record.sha256 == hashlib.sha256(BODY).hexdigest()
    assert done.record.target_etag == "whole-4"
    parts = {asked.path: asked.body for asked in server.seen if asked.command == "PUT"}
    assert b"".join(body for _, body in sorted(parts.items())) == BODY
    assert all(asked.headers["x-amz-checksum-crc32"] for asked in server.seen if asked.command == "PUT")


def crc(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def checking(handler):
    """Take what is written, and say which checksum it had."""
    if handler.command == "PUT":
        answer(200, ETag='"t"', **{"x-amz-checksum-crc32": crc(handler.server.seen[-1].body)})(handler)
    elif handler.command == "POST" and "uploads" not in handler.path:
        whole = f"<R><ETag>t</ETag><ChecksumCRC32>{crc(BODY)}</ChecksumCRC32></R>"
        answer(200, whole.encode())(handler)
    else:
        source(handler)


def has_signed_digest(asked):
    """Return whether a request has a digest of its body that is signed, and that every store checks."""
    digest = base64.b64encode(hashlib.md5(asked.body, usedforsecurity=False).digest()).decode()
    is_signed = "content-md5" in asked.headers["authorization"].partition("SignedHeaders=")[2]
    return is_signed and asked.headers["content-md5"] == digest


def test_over_plain_http_parts_have_a_digest_until_the_store_shows_that_it_checks_them(server, store):
    server.otherwise = checking
    with ThreadPoolExecutor(1) as pool:
        context = CopyContext(
            store, store, len(BODY) // 4, pool, Buffers(), Checksums(), lambda *_: None, lambda _: None
        )
        assert (
            ObjectCopier(context).copy(CopyTask("k", len(BODY), "e")).record.sha256
            == hashlib.sha256(BODY).hexdigest()
        )
    first, *others = [asked for asked in server.seen if asked.command == "PUT"]
    assert has_signed_digest(first)
    assert len(others) >= 3
    assert {asked.headers["content-md5"] for asked in others} == {None}
    assert all(asked.headers["x-amz-checksum-crc32"] == crc(asked.body) for asked in (first, *others))


def test_a_store_that_says_nothing_of_checksums_gets_a_digest_of_every_part(server, store):
    server.otherwise = source
    copier(store, server, len(BODY) // 4)(CopyTask("k", len(BODY), "e"))
    written = [asked for asked in server.seen if asked.command == "PUT"]
    assert len(written) >= 4
    assert all(has_signed_digest(asked) for asked in written)


def test_another_checksum_of_a_part_is_noticed(server, store):
    def other(handler):
        if handler.command == "PUT":
            return answer(200, ETag='"t"', **{"x-amz-checksum-crc32": "AAAAAA=="})(handler)
        return source(handler)

    server.otherwise = other
    with pytest.raises(IntegrityError, match="something else than was sent"):
        copier(store, server, len(BODY) // 4)(CopyTask("k", len(BODY), "e"))
    assert server.seen[-1].command == "DELETE"


def test_an_object_that_shrinks_between_two_parts_is_not_filled_up_with_another(server, store):
    def shrinking(handler):
        asked = handler.headers.get("range") or ""
        if handler.command == "GET" and not asked.startswith("bytes=0-"):
            start = int(asked[6:].split("-")[0])
            span = f"bytes {start}-{start + 9}/{start + 10}"
            return answer(206, BODY[start : start + 10], **ETAG, **{"Content-Range": span})(handler)
        return source(handler)

    server.otherwise = shrinking
    with pytest.raises(IntegrityError, match="replaced while it was copied"):
        copier(store, server, len(BODY) // 4)(CopyTask("k", len(BODY), "e"))
    assert "DELETE" in {asked.command for asked in server.seen}


def test_a_success_that_ends_in_an_error_is_none(server, store):
    def failing(handler):
        if handler.command == "POST" and "uploads" not in handler.path:
            return answer(200, b"<Error><Code>InternalError</Code><Message>x</Message></Error>")(handler)
        return source(handler)

    server.otherwise = failing
    with pytest.raises(ClientError, match="InternalError"):
        copier(store, server, len(BODY) // 4)(CopyTask("k", len(BODY), "e"))
    assert server.seen[-1].command == "DELETE"


def test_another_checksum_of_the_whole_is_noticed(server, store):
    def other(handler):
        if handler.command == "POST" and "uploads" not in handler.path:
            return answer(200, b"<R><ETag>t</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></R>")(handler)
        return source(handler)

    server.otherwise = other
    with pytest.raises(IntegrityError, match="made something else"):
        copier(store, server, len(BODY) // 4)(CopyTask("k", len(BODY), "e"))


def test_an_upload_whose_completion_was_answered_into_the_void_is_looked_at_again(server, store):
    completed = []

    def lost(handler):
        if handler.command == "POST" and "uploads" not in handler.path:
            completed.append(1)
            return hang_up(handler) if len(completed) == 1 else refuse("NoSuchUpload", 404)(handler)
        return source(handler)

    server.otherwise = lost
    with pytest.raises(ClientError) as caught:
        copier(store, server, len(BODY) // 4)(CopyTask("k", len(BODY), "e"))
    assert target_changed(caught.value)


def test_a_failed_part_ends_the_upload_and_is_the_reason(server, store):
    def broken(handler):
        if "partNumber=2" in handler.path:
            return refuse("AccessDenied", 403)(handler)
        return source(handler)

    server.otherwise = broken
    with pytest.raises(ClientError, match="AccessDenied"):
        copier(store, server, len(BODY) // 4)(CopyTask("k", len(BODY), "e"))
    assert server.seen[-1].command == "DELETE"


def test_a_store_that_is_not_there_is_reported(monkeypatch):
    monkeypatch.setattr(module, "TRIES", 2)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    with (
        Endpoint(
            bucket="raw", endpoint="http://127.0.0.1:1", access_key="a", secret_key="b"
        ).connect() as gone,
        pytest.raises(BotoCoreError, match=r"Could not connect to the endpoint URL.*127\.0\.0\.1:1"),
    ):
        gone.read("GetObject", key="k")

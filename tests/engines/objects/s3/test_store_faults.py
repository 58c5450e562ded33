"""Faults of a store as a whole: credentials, clock, silence; and how long it asks to be left alone."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from email.utils import formatdate

import pytest
from botocore.exceptions import ClientError

from engines.aws import AwsError, translated
from engines.objects.concurrency import parallel_map
from engines.objects.errors import IntegrityError, SilentStoreError, affects_every_object
from engines.objects.progress import Progress
from engines.objects.s3 import client as module
from engines.objects.s3.attributes import tags_as_xml
from engines.objects.s3.endpoint import Endpoint
from engines.objects.s3.object_reader import open_object, tags
from tests.engines.objects.scripted import answer, refuse


def test_a_time_to_wait_may_be_a_date(server, store, clock):
    server.script = [answer(503, **{"Retry-After": formatdate(clock.now + 5, usegmt=True)})]
    server.otherwise = answer(200, b"x")
    assert store.read("GetObject", key="k") == b"x"
    assert clock.slept == [5]


@pytest.mark.parametrize(("ahead", "words"), [(-3600, "ahead of"), (3600, "behind")])
@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "SignatureDoesNotMatch"])
def test_a_clock_that_is_wrong_is_reported_as_that(server, store, code, ahead, words):
    body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
    server.otherwise = answer(403, body, Date=formatdate(time.time() + ahead, usegmt=True))
    message = f"clock is 3[56][0-9][0-9] seconds {words} the store's"
    with pytest.raises(AwsError, match=message) as caught, translated("reading"):
        store.read("GetObject", key="k")
    assert "clock" in caught.value.remedy
    assert len(server.seen) == 1


def test_a_denial_is_no_matter_of_the_clock_where_that_is_right(server, store):
    body = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
    server.otherwise = answer(403, body, Date=formatdate(time.time() + 60, usegmt=True))
    with pytest.raises(ClientError, match="AccessDenied"):
        store.read("GetObject", key="k")


def test_credentials_that_expire_in_the_middle_are_looked_for_again(server, monkeypatch):
    monkeypatch.setenv("LAB_KEY", "first")
    options = {"bucket": "b", "endpoint": f"http://127.0.0.1:{server.server_port}"}
    endpoint = Endpoint.from_options({**options, "access_key": "env:LAB_KEY", "secret_key": "s"})

    def only_the_second(handler):
        known = "Credential=second/" in handler.headers["authorization"]
        (answer(200, b"x") if known else refuse("ExpiredToken", 400))(handler)

    server.otherwise = only_the_second
    with endpoint.connect() as store:
        with pytest.raises(ClientError, match="ExpiredToken"):
            store.read("GetObject", key="k")
        monkeypatch.setenv("LAB_KEY", "second")
        assert list(parallel_map(lambda _: store.read("GetObject", key="k"), range(8), 4)) == [b"x"] * 8


def test_a_store_that_answers_nothing_is_reported_and_given_up(server, store, monkeypatch):
    monkeypatch.setattr("engines.objects.http.connections.ANSWER_SECONDS", 0.3)
    monkeypatch.setattr("engines.objects.progress.SILENT", 0.2)
    monkeypatch.setattr("engines.objects.progress._EVERY", 0.05)
    # It is not given up before its silence was reported, however late the thread is that does it.
    monkeypatch.setattr(module, "_SILENT", 10**9)
    monkeypatch.setattr(module, "TRIES", 1000)
    gate = threading.Event()
    server.otherwise = lambda _: gate.wait(250)
    seen = []

    def emit(event, **fields):
        seen.append((event, fields))
        if event == "objects.silent":
            monkeypatch.setattr(module, "_SILENT", 0)

    try:
        with (
            Progress(emit, "t", store),
            pytest.raises(SilentStoreError, match="takes requests, but has not answered any") as caught,
        ):
            store.read("GetObject", key="k")
    finally:
        gate.set()
    assert affects_every_object(caught.value)
    assert [fields["store"] for event, fields in seen if event == "objects.silent"][:1] == [store.name]


def test_tags_that_were_cut_short_are_asked_for_again(server, store):
    whole = tags_as_xml({"a": "b"}).encode()
    server.script = [answer(200, whole[:-20]), answer(200, b""), answer(200, whole)]
    assert tags(store, "k") == {"a": "b"}
    server.otherwise = answer(200, whole[:-20])
    with pytest.raises(IntegrityError, match="could not be read whole"):
        tags(store, "k")
    assert len(server.seen) == 6


def without_a_length(handler):
    handler.send_response_only(200)
    handler.send_header("ETag", '"e"')
    handler.end_headers()
    handler.wfile.write(b"some of it")
    handler.close_connection = True


def test_an_object_whose_length_nobody_says_leaves_no_connection_open(server, store):
    server.otherwise = without_a_length
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()  # what earlier tests have left is not this one's
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(IntegrityError, match="its length is not reported"), open_object(store, "k"):
            pass
        gc.collect()
    assert [str(one.message) for one in warned] == []


def test_a_store_is_not_silent_while_it_takes_a_body_slowly(server, store, monkeypatch):
    monkeypatch.setattr("engines.objects.http.connections._SENT", 1000)
    heard = []
    note = type(store.connections).note
    monkeypatch.setattr(type(store.connections), "note", lambda pool: heard.append(1) or note(pool))
    store.call("PutObject", "PUT", "k", body=b"x" * 100_000).skip()
    assert len(heard) > 100

"""What travels with an object, in the form that each store has it."""

from __future__ import annotations

import pytest

from engines.objects.errors import IntegrityError
from engines.objects.s3.attributes import Attributes, not_copied, tags_as_xml, tags_of


def test_headers_metadata_and_expiry_are_taken_from_an_answer():
    answer = {
        "content-type": "text/csv",
        "cache-control": "",
        "expires": "Thu, 02 Jan 2031 03:04:05 GMT",
        "etag": '"e"',
        "x-amz-meta-one": "1",
        "x-amz-meta-empty": "",
    }
    found = Attributes.of(answer, {"a": "b c"})
    assert found.headers == {"ContentType": "text/csv", "Expires": "Thu, 02 Jan 2031 03:04:05 GMT"}
    assert found.metadata == {"one": "1", "empty": ""}
    assert found.request()["x-amz-tagging"] == "a=b+c"
    assert found.request()["expires"] == "Thu, 02 Jan 2031 03:04:05 GMT"


@pytest.mark.parametrize(
    "reported",
    [
        "Zürich 東京".encode().decode("latin-1"),
        "=?UTF-8?B?WsO8cmljaCDmnbHkuqw=?=",
        "=?UTF-8?Q?Z=C3=BCrich_=E6=9D=B1=E4=BA=AC?=",
    ],
)
def test_text_that_is_not_ascii_is_one_thing_in_every_form(reported):
    found = Attributes.of({"x-amz-meta-place": reported}, {})
    assert found.metadata == {"place": "Zürich 東京"}
    sent = found.request()["x-amz-meta-place"]
    assert sent.isascii()
    assert Attributes.of({"x-amz-meta-place": sent}, {}) == found


@pytest.mark.parametrize(
    "text", ["=?UTF-8?Q?plain?=", "=?no?such?thing", "=?x-none?B?AA==?=", "a =? b", "\xff"]
)
def test_what_only_looks_encoded_is_left_alone(text):
    assert Attributes.of({"x-amz-meta-a": text}, {}).metadata == {"a": text}


def test_tags_are_read_as_they_are_written():
    tags = {"a&b": "<c>", 'say "x"': "line\nend", "é": ""}
    assert tags_of(tags_as_xml(tags)) == tags


def test_what_is_left_behind_is_named():
    answer = {
        "x-amz-object-lock-legal-hold": "OFF",
        "x-amz-object-lock-mode": "GOVERNANCE",
        "x-amz-missing-meta": "2",
    }
    assert not_copied(answer) == ("retention", "metadata that the source cannot report")
    assert not_copied({}) == ()


def test_no_type_is_the_type_that_s3_gives():
    assert Attributes.of({}, {}).headers == {"ContentType": "binary/octet-stream"}


def test_an_empty_tag_is_read_however_it_is_written_and_half_an_answer_never_passes_for_none():
    tags = {"empty": "", "a&b": "<c>"}
    whole = tags_as_xml(tags)
    assert tags_of(whole) == tags
    assert tags_of(whole.replace("<Value></Value>", "<Value/>")) == tags
    with pytest.raises(IntegrityError, match="could not be read whole"):
        tags_of(whole[: len(whole) // 2])


def test_tags_in_an_encoding_that_nobody_knows_could_not_be_read():
    with pytest.raises(IntegrityError, match="could not be read whole"):
        tags_of(b'<?xml version="1.0" encoding="UTFm8"?><Tagging/>')

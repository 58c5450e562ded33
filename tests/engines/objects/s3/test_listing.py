"""Pages of a listing in the shapes that stores give them; no object may be lost in silence."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from engines.aws import AwsError
from engines.objects.errors import ObjectsError
from engines.objects.s3.client import Store
from engines.objects.s3.key_encoding import KeyEncoding
from engines.objects.s3.listing import Entry, http_seconds, listed

AWS = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>"
    "<ETag>&quot;e&quot;</ETag><ChecksumType>FULL_OBJECT</ChecksumType><Size>7</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)
SEAWEEDFS = (
    "<Contents><Key>{key}</Key><ETag>&#34;e&#34;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass>"
    "<LastModified>2026-01-02T03:04:05Z</LastModified></Contents>"
)
OWNED = SEAWEEDFS.replace("<Size>", "<Owner><ID>me</ID><Key>not this</Key></Owner>\n<Size>")
CLASSLESS = AWS.replace("<StorageClass>STANDARD</StorageClass>", "")
TWO_CHECKSUMS = AWS.replace(
    "<Size>", "<ChecksumAlgorithm>A</ChecksumAlgorithm><ChecksumAlgorithm>B</ChecksumAlgorithm><Size>"
)


URL = "<EncodingType>url</EncodingType>"


def page(*contents, token="", more=URL):
    more += f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(bool(token)).lower()}</IsTruncated>{more}{''.join(contents)}</ListBucketResult>"
    ).encode()


class Pages:
    """A store that gives these answers, one after the other, and is asked whether it has ``objects``.

    The last answer is what it says to everything after it.
    """

    read_xml = Store.read_xml

    name = "http://old/raw"

    def __init__(self, *answers, prefix="", objects=None):
        self.answers, self.asked, self.objects = list(answers), [], objects
        self.key_encoding = KeyEncoding()
        self.address = SimpleNamespace(prefix=prefix)

    def call(self, operation, method, key=None):
        self.asked.append({"operation": operation})
        if key is not None and (self.objects is None or key not in self.objects):
            raise refused("AccessDenied" if self.objects is None else "404", 404)
        return SimpleNamespace(close=lambda: None)

    def read(self, operation, method="GET", key=None, *, query=()):
        self.asked.append(dict(query))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def refused(code, status):
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "x")


def entries(*answers, **options):
    with listed(Pages(*answers, **options)) as found:
        return list(found)


@pytest.mark.parametrize("shape", [AWS, SEAWEEDFS, OWNED, CLASSLESS, TWO_CHECKSUMS])
def test_every_shape_is_read(shape):
    keys = ["a", "b%20c", "d%2Be+f", "%E6%97%A5", "&amp;"]
    found = entries(page(*(shape.format(key=key) for key in keys)))
    assert [entry.key for entry in found] == ["&", "a", "b c", "d+e f", "日"]
    # As finely as it is listed, without the zone.
    modified = found[0].modified
    assert modified in {"2026-01-02T03:04:05", "2026-01-02T03:04:05.678"}
    assert set(found) == {Entry(entry.key, 7, "e", modified) for entry in found}


def test_a_page_of_mixed_shapes_loses_nothing():
    shapes = [AWS, SEAWEEDFS, CLASSLESS, OWNED, AWS, TWO_CHECKSUMS]
    contents = [shape.format(key=number) for number, shape in enumerate(shapes)]
    assert [entry.key for entry in entries(page(*contents))] == list("012345")
    assert [entry.key for entry in entries(page(contents[0], token="t"), page(*contents[1:]))] == list(
        "012345"
    )


def test_pages_follow_each_other_and_prefixes_are_cut_off():
    store = Pages(page(AWS.format(key="p/a"), token="x&amp;y"), page(AWS.format(key="p/b")), prefix="p/")
    with listed(store) as found:
        assert [entry.key for entry in found] == ["a", "b"]
    assert [asked.get("continuation-token") for asked in store.asked] == [None, "x&y"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>It works!</html>",
        page(AWS.format(key="a"))[:-10],
        page().replace(b"<IsTruncated>false", b"<IsTruncated>true"),
        page(AWS.format(key="a"), "<Contents><Key>\x07</Key></Contents>"),
        page(AWS.format(key="a"), "<Contents><Key>b</Key></Contents>"),
        page(AWS.format(key="a").replace("<Size>7", "<Size>-7")),
        page(AWS.format(key="a").replace("<Size>7", "<Size>many")),
        page(AWS.format(key="a")).replace(b"ListBucketResult", b"ListVersionsResult"),
        page(AWS.format(key="a"), more=URL + "<KeyCount>2</KeyCount>"),
        page(more=URL + "<KeyCount>1</KeyCount>"),
        page(AWS.format(key="a"), token="t").replace(b"<IsTruncated>true", b"<IsTruncated>false"),
        page(AWS.format(key="a")).replace(b"<IsTruncated>false</IsTruncated>", b""),
        page(AWS.format(key="&nbsp;")),
        page(AWS.format(key="")),
        page(AWS.format(key="a"), AWS.format(key="a")),
    ],
)
def test_what_is_no_whole_listing_is_an_error_and_not_an_empty_bucket(answer):
    with pytest.raises(ObjectsError, match="answers a listing with something else"):
        entries(answer)


@pytest.mark.parametrize(
    "written",
    [
        '<Contents xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Key>a</Key>',
        "<Contents ><Key>a</Key>",
        "<Contents><!-- not > this --><Key>a</Key>",
        "<Contents><Key><![CDATA[a]]></Key>",
        '<x:Contents xmlns:x="urn:x"><x:Key>a</x:Key>',
    ],
)
def test_markup_that_only_a_parser_understands_is_read(written):
    close = "</x:Contents>" if written.startswith("<x:") else "</Contents>"
    odd = AWS.format(key="a").replace("<Contents><Key>a</Key>", written).replace("</Contents>", close)
    for contents in ([odd], [odd, AWS.format(key="b")], [AWS.format(key="b"), odd]):
        assert "a" in [entry.key for entry in entries(page(*contents))]
        assert len(entries(page(*contents))) == len(contents)


def test_what_only_looks_like_an_object_is_none():
    commented = f"<!-- {AWS.format(key='gone')} -->"
    assert [entry.key for entry in entries(page(commented, AWS.format(key="a")))] == ["a"]
    # A key may hold what is markup elsewhere.
    key = "&lt;/Contents&gt;&lt;Contents&gt;"
    assert [entry.key for entry in entries(page(AWS.format(key=key)))] == ["</Contents><Contents>"]


def test_a_mark_of_a_proxy_is_no_part_of_an_etag():
    for etag in ("W/&quot;e&quot;", "W/&#34;e&#34;", '"e"', "e"):
        assert entries(page(AWS.format(key="a").replace("&quot;e&quot;", etag)))[0].etag == "e"


@pytest.mark.parametrize(
    ("says", "texts", "objects", "keys"),
    [
        # Encoded as it says, or as it does not say.
        (True, ["a+b", "c%2Bd"], {"a b", "c+d"}, ["a b", "c+d"]),
        (False, ["a+b", "c%2Bd"], {"a b", "c+d"}, ["a b", "c+d"]),
        # Not encoded, whatever it says.
        (False, ["a+b", "c%2Bd"], {"a+b", "c%2Bd"}, ["a+b", "c%2Bd"]),
        (True, ["a+b", "c%2Bd"], {"a+b", "c%2Bd"}, ["a+b", "c%2Bd"]),
        # A plus means itself, as in a path.
        (True, ["a+b", "c%20d"], {"a+b", "c d"}, ["a+b", "c d"]),
        # What cannot be found out is as it says.
        (True, ["a+b", "c%2Bd"], None, ["a b", "c+d"]),
        (False, ["a+b", "c%2Bd"], None, ["a+b", "c%2Bd"]),
        (True, ["a+b", "c%2Bd"], set(), ["a b", "c+d"]),
        # The first is gone since; the second tells.
        (False, ["a+b", "c%2Bd"], {"c+d"}, ["a b", "c+d"]),
    ],
)
def test_how_keys_are_written_is_found_out_from_the_objects(says, texts, objects, keys):
    answer = page(*(AWS.format(key=text) for text in texts), more=URL if says else "")
    assert sorted(entry.key for entry in entries(answer, objects=objects)) == sorted(keys)


def test_how_keys_are_written_is_found_out_once():
    objects = {f"{number} x" for number in range(50)} | {f"{number}+x" for number in range(50)}
    contents = [AWS.format(key=f"{number}{mark}x") for number in range(50) for mark in ("+", "%2B")]
    store = Pages(page(*contents, token="t"), page(AWS.format(key="z")), objects=objects)
    with listed(store) as found:
        assert {entry.key for entry in found} == objects | {"z"}
    assert len([one for one in store.asked if "operation" in one]) <= 12


def test_a_key_outside_the_prefix_shows_how_keys_are_written_or_that_the_prefix_was_ignored():
    found = entries(page(AWS.format(key="a+b/c"), more=""), prefix="a+b/")
    assert [entry.key for entry in found] == ["c"]
    with pytest.raises(ObjectsError, match="do not begin with 'in/'"):
        entries(page(AWS.format(key="out/a")), prefix="in/")


def test_tokens_that_lead_nowhere_end_the_listing():
    one, two = page(AWS.format(key="a"), token="t"), page(AWS.format(key="b"), token="t")
    with pytest.raises(ObjectsError, match="page 2 leads back"):
        entries(one, two, two)
    with pytest.raises(ObjectsError, match="page 2 is one that was listed before"):
        entries(one, one.replace(b">t<", b">u<"))
    with pytest.raises(ObjectsError, match="is empty, as"):
        entries(*(page(token=f"t{number}") for number in range(10_002)))


def test_a_store_that_knows_only_the_first_version_is_listed_whole():
    first = page(AWS.format(key="p/a"), AWS.format(key="p/b")).replace(b">false<", b">true<")
    store = Pages(first, page(AWS.format(key="p/c")), prefix="p/")
    with listed(store) as found:
        assert [entry.key for entry in found] == ["a", "b", "c"]
    assert [(asked.get("list-type"), asked.get("marker")) for asked in store.asked] == [
        ("2", None),
        (None, "p/b"),
    ]


def test_an_empty_bucket_is_asked_for_in_another_way():
    assert entries(page(), page()) == []
    some = page(AWS.format(key="a"))
    with pytest.raises(ObjectsError, match="by ListObjectsV2 the bucket is empty"):
        entries(page(), some, page(), some)
    store = Pages(page(), refused("NotImplemented", 501))
    with listed(store) as found:
        assert list(found) == []
    assert store.asked[-1] == {"operation": "HeadBucket"}
    with pytest.raises(AwsError, match="NoSuchBucket"):
        entries(page(), refused("NoSuchBucket", 404))
    gone = [refused("NoSuchBucket", 404)] * 2
    with listed(Pages(*gone), missing_is_empty=True) as none:
        assert list(none) == []


def test_a_bucket_that_is_filled_while_it_is_asked_whether_it_is_empty_is_listed_again():
    some = page(AWS.format(key="a"))
    assert [entry.key for entry in entries(page(), some, some)] == ["a"]


def test_a_page_that_was_cut_short_is_asked_for_again():
    first, last = page(AWS.format(key="a"), token="t"), page(AWS.format(key="b"))
    assert [entry.key for entry in entries(first, last[:-9], b"", last)] == ["a", "b"]
    with pytest.raises(ObjectsError, match="page 2: it is not well-formed XML"):
        entries(first, last[:-9], b"", last[:-1], last)


def test_times_of_headers_are_those_of_listings():
    assert http_seconds("Fri, 02 Jan 2026 03:04:05 GMT") == "2026-01-02T03:04:05"
    assert http_seconds("Fri,  2 Jan 2026 04:04:05 +0100") == "2026-01-02T03:04:05"
    assert http_seconds("") == ""

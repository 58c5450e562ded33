"""Pages of a listing in the shapes that stores give them; no object may be lost in silence."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from engines.objects.errors import ObjectsError
from engines.objects.s3.listing import Entry, http_seconds, listed, older_versions

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


def page(*contents, token=""):
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(bool(token)).lower()}</IsTruncated>{more}{''.join(contents)}</ListBucketResult>"
    ).encode()


class Pages:
    """A store that gives these answers, one after the other."""

    name = "http://old/raw"

    def __init__(self, *answers, prefix=""):
        self.answers, self.asked = list(answers), []
        self.address = SimpleNamespace(prefix=prefix)

    def read(self, operation, method="GET", key=None, *, query=()):
        self.asked.append(dict(query))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def entries(*answers, **options):
    with listed(Pages(*answers, **options)) as found:
        return list(found)


@pytest.mark.parametrize("shape", [AWS, SEAWEEDFS, OWNED, CLASSLESS, TWO_CHECKSUMS])
def test_every_shape_is_read(shape):
    keys = ["a", "b%20c", "d%2Be+f", "%E6%97%A5", "&amp;"]
    found = entries(page(*(shape.format(key=key) for key in keys)))
    assert [entry.key for entry in found] == ["&", "a", "b c", "d+e f", "日"]
    assert set(found) == {Entry(entry.key, 7, "e", "2026-01-02T03:04:05") for entry in found}


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
        page(AWS.format(key="a")).replace(b"<IsTruncated>false", b"<IsTruncated>true"),
        page(AWS.format(key="a"), "<Contents><Key>\x07</Key></Contents>"),
        page(AWS.format(key="a"), "<Contents><Key>b</Key></Contents>"),
    ],
)
def test_what_is_no_whole_listing_is_an_error_and_not_an_empty_bucket(answer):
    with pytest.raises(ObjectsError, match="answers a listing with something else"):
        entries(answer)


def test_times_of_headers_are_those_of_listings():
    assert http_seconds("Fri, 02 Jan 2026 03:04:05 GMT") == "2026-01-02T03:04:05"
    assert http_seconds("Fri,  2 Jan 2026 04:04:05 +0100") == "2026-01-02T03:04:05"
    assert http_seconds("") == ""


def refused(code, status):
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "x")


def test_a_number_of_versions_that_may_not_be_asked_for_is_not_none():
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    versions = b"<R><IsTruncated>false</IsTruncated><IsLatest>false</IsLatest><IsLatest>true</IsLatest></R>"
    assert older_versions(Pages(enabled, versions)) == 1
    assert older_versions(Pages(b"<VersioningConfiguration/>")) == 0
    assert older_versions(Pages(refused("NotImplemented", 501))) == 0
    assert older_versions(Pages(refused("AccessDenied", 403))) is None
    assert older_versions(Pages(enabled, refused("AccessDenied", 403))) is None

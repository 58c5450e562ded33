"""Older versions are counted, or it is said that they cannot be."""

from __future__ import annotations

import pytest

from engines.objects.s3.versions import OlderVersions, older_versions
from tests.engines.objects.s3.test_listing import Pages, refused

ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


def versions(*children, following=""):
    more = f"<IsTruncated>{'true' if following else 'false'}</IsTruncated>"
    more += f"<NextKeyMarker>{following}</NextKeyMarker>" if following else ""
    return f"<ListVersionsResult xmlns='urn:s3'>{more}{''.join(children)}</ListVersionsResult>".encode()


LATEST = "<Version xmlns='urn:s3'><Key>a</Key><IsLatest>true</IsLatest></Version>"
OLDER = "<Version><IsLatest>\n false </IsLatest><Key>a</Key></Version>"
MARKER = "<DeleteMarker><IsLatest>true</IsLatest></DeleteMarker>"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([ENABLED, versions(LATEST, OLDER, OLDER, MARKER)], OlderVersions(2, 1)),
        ([ENABLED, versions(OLDER, following="b"), versions(OLDER)], OlderVersions(2, 0)),
        ([b"<VersioningConfiguration/>"], OlderVersions()),
        ([refused("NotImplemented", 501)], OlderVersions()),
        ([refused("AccessDenied", 403)], None),
        ([ENABLED, refused("AccessDenied", 403)], None),
        ([ENABLED, b"<html/>"], None),
        ([ENABLED, versions(OLDER)[:-5]], None),
        ([ENABLED[:-5], ENABLED, b"", versions(OLDER)], OlderVersions(1, 0)),
        ([ENABLED, versions(OLDER, following="b"), versions(OLDER, following="b")], None),
    ],
)
def test_what_is_not_the_latest_is_counted_or_unknown(answers, expected):
    assert older_versions(Pages(*answers)) == expected

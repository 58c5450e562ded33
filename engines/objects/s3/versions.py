"""Older versions of objects, which a listing does not show."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from engines.objects.errors import code_of
from engines.objects.s3.client import Store
from engines.objects.xml_answer import Element, ParseError, bare

_UNKNOWN_OPERATION = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})


class OlderVersions(NamedTuple):
    """How many versions that are not the latest a bucket keeps, and how many delete markers."""

    versions: int = 0
    delete_markers: int = 0


def older_versions(store: Store) -> OlderVersions | None:
    """Count what is not copied, since only the latest version of an object is.

    None when it cannot be counted: the store does not let us ask, or answers with no listing. A store that
    does not know versions has none.
    """
    try:
        configuration = store.read_xml("GetBucketVersioning", [("versioning", "")])
        has_versions = any(bare(one) == "Status" and one.text for one in configuration)
        return _count(store) if has_versions else OlderVersions()
    except ClientError as error:
        return OlderVersions() if code_of(error) in _UNKNOWN_OPERATION else None
    except (ParseError, LookupError, ValueError):
        return None


def _count(store: Store) -> OlderVersions:
    versions = markers = 0
    first = [("encoding-type", "url"), ("prefix", store.address.prefix), ("versions", "")]
    following: tuple[tuple[str, str], ...] = ()
    asked = {following}
    while True:
        root = store.read_xml("ListObjectVersions", [*first, *following])
        said = {bare(one): one.text or "" for one in root if not len(one)}
        versions += sum(1 for one in root if bare(one) == "Version" and not _is_latest(one))
        markers += sum(1 for one in root if bare(one) == "DeleteMarker")
        if bare(root) != "ListVersionsResult" or said.get("IsTruncated") not in {"true", "false"}:
            raise ValueError("it is no listing of versions")
        if said["IsTruncated"] == "false":
            return OlderVersions(versions, markers)
        key = said.get("NextKeyMarker", "")
        following = (
            ("key-marker", unquote_plus(key) if said.get("EncodingType") == "url" else key),
            ("version-id-marker", said.get("NextVersionIdMarker", "")),
        )
        if following in asked:
            raise ValueError("it leads back to a page that was listed before")
        asked.add(following)


def _is_latest(version: Element) -> bool:
    return any(bare(one) == "IsLatest" and (one.text or "").strip() == "true" for one in version)

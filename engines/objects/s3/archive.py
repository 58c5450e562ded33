"""Objects in archives, which have to be restored before they can be read."""

from __future__ import annotations

import shlex

from botocore.exceptions import ClientError

from engines.objects.errors import code_of
from engines.objects.s3.client import Store
from engines.objects.s3.listing import Entry

_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_ARCHIVED = "InvalidObjectState"
# A range request fails for an empty object; the object can be read all the same.
_EMPTY = frozenset({"InvalidRange", "416"})


def may_be_archived(entry: Entry) -> bool:
    """Return whether an object is listed as one of an archive. It still is once it was restored."""
    return entry.storage_class in _CLASSES


def why_archived(store: Store, entry: Entry) -> str:
    """Ask for one byte: return why that is refused and what to do, nothing if it is not.

    Raises botocore's errors.
    """
    try:
        store.call("GetObject", "GET", entry.key, headers={"range": "bytes=0-0"}).close()
    except ClientError as error:
        if code_of(error) in _EMPTY:
            return ""
        if code_of(error) != _ARCHIVED:
            raise
        return _remedy(store, entry)
    return ""


def _remedy(store: Store, entry: Entry) -> str:
    headers = store.call("HeadObject", "HEAD", entry.key).headers
    what = f"is archived in the source ({entry.storage_class}, {entry.size} bytes)"
    if 'ongoing-request="true"' in headers.get("x-amz-restore", ""):
        return f"{what} and is being restored: run this again when it is"
    key = shlex.quote(store.address.prefix + entry.key)
    command = f"aws s3api restore-object --bucket {store.address.bucket} --key {key} --restore-request Days=7"
    return f"{what}; restore it first: {command}"

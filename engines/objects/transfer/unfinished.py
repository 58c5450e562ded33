"""Multipart uploads that were never completed: they cost storage, and no listing of objects shows them."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from engines.objects.s3 import Store
from engines.objects.xml_answer import ParseError


def unfinished_uploads(target: Store, key: str) -> list[str]:
    """Return the ids of the multipart uploads of ``key`` that the target holds; none if it does not say."""
    whole = target.address.prefix + key
    query = [("encoding-type", "url"), ("prefix", whole), ("uploads", "")]
    # A bucket's lifecycle rule removes what a store does not list.
    try:
        root = target.read_xml("ListMultipartUploads", query)
    except (BotoCoreError, ClientError, ParseError, LookupError):
        return []
    encoded = any(one.tag.endswith("EncodingType") and one.text == "url" for one in root)
    found = []
    for upload in (one for one in root if one.tag.endswith("Upload")):
        parts = {one.tag.rpartition("}")[2]: one.text or "" for one in upload}
        name = unquote_plus(parts.get("Key", "")) if encoded else parts.get("Key", "")
        if name == whole:
            found.append(parts.get("UploadId", ""))
    return found


def abort_upload(target: Store, key: str, upload: str) -> None:
    """Give up a multipart upload of ours, if the target still has it; what it has received is freed."""
    # Tidying up must not hide what went wrong, nor fail a run: the bucket's lifecycle rule gets what is left.
    with suppress(BotoCoreError, ClientError):
        target.read("AbortMultipartUpload", "DELETE", key, query=[("uploadId", upload)])

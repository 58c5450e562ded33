"""The attributes of an object (headers, metadata, tags), and which of them are not copied."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import format_datetime, parsedate_to_datetime
from types import MappingProxyType
from urllib.parse import urlencode

from engines.objects.errors import IntegrityError
from engines.objects.xml_answer import ParseError, bare, parse

# What travels: the name that boto3 gives it, by the header's name.
HEADERS = MappingProxyType(
    {
        "content-type": "ContentType",
        "content-encoding": "ContentEncoding",
        "content-disposition": "ContentDisposition",
        "content-language": "ContentLanguage",
        "cache-control": "CacheControl",
        "expires": "Expires",
    }
)
_NAMES = {name: header for header, name in HEADERS.items()}
_METADATA = "x-amz-meta-"
# What a response reports that is not copied, with its text for the user.
_NOT_COPIED = {
    "x-amz-website-redirect-location": "website redirect",
    "x-amz-object-lock-mode": "retention",
    "x-amz-object-lock-legal-hold": "legal hold",
    "x-amz-missing-meta": "metadata that the source cannot report",
}


@dataclass(frozen=True, slots=True)
class Attributes:
    """What travels with an object. ``headers`` has boto3's names; empty ones are left out."""

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, response: Mapping[str, str], tags: Mapping[str, str]) -> Attributes:
        """Return what the headers of a response say (names in lower case, values as Latin-1)."""
        # What S3 says of an object that was written without a type; some stores say nothing.
        headers, metadata = {"ContentType": "binary/octet-stream"}, {}
        for name, value in response.items():
            if name.startswith(_METADATA):
                metadata[name[len(_METADATA) :]] = _plain(value)
            elif name in HEADERS and value:
                headers[HEADERS[name]] = _date(value) if name == "expires" else _text(value)
        return cls(headers, metadata, tags)

    def to_data(self) -> dict[str, dict[str, str]]:
        """Return plain data for a manifest."""
        parts = {"headers": self.headers, "metadata": self.metadata, "tags": self.tags}
        return {name: dict(sorted(part.items())) for name, part in parts.items() if part}

    def for_target(self) -> Attributes:
        """Return what is written to the target.

        ``aws-chunked`` is how an upload was framed, not how the content is encoded; some stores keep it.
        """
        if "aws-chunked" not in self.headers.get("ContentEncoding", ""):
            return self
        encodings = [part.strip() for part in self.headers["ContentEncoding"].split(",")]
        kept = ",".join(part for part in encodings if part and part != "aws-chunked")
        headers = {name: value for name, value in self.headers.items() if name != "ContentEncoding"}
        return replace(self, headers=headers | ({"ContentEncoding": kept} if kept else {}))

    def request(self) -> dict[str, str]:
        """Return the headers of a request that writes an object with these attributes."""
        sent = {_NAMES[name]: value for name, value in self.headers.items()}
        sent |= {_METADATA + name: _ascii(value) for name, value in self.metadata.items()}
        return sent | ({"x-amz-tagging": urlencode(self.tags)} if self.tags else {})


def not_copied(response: Mapping[str, str]) -> tuple[str, ...]:
    """Return what an object has that is not copied."""
    return tuple(what for name, what in _NOT_COPIED.items() if response.get(name, "OFF") != "OFF")


def tags_of(text: str | bytes) -> dict[str, str]:
    """Return the tags of a response to GetObjectTagging. Raises ``IntegrityError`` if it was cut short."""
    try:
        root = parse(text)
    except (ParseError, LookupError, ValueError) as error:
        raise IntegrityError("its tags could not be read whole") from error
    if bare(root) != "Tagging":
        raise IntegrityError("its tags could not be read whole")
    parts = ({bare(one): one.text or "" for one in tag} for tag in root.iter() if bare(tag) == "Tag")
    try:
        return {part["Key"]: part.get("Value", "") for part in parts}
    except KeyError as error:
        raise IntegrityError("one of its tags has no name") from error


def tags_as_xml(tags: Mapping[str, str]) -> str:
    """Return the body of PutObjectTagging."""
    inner = "".join(f"<Tag><Key>{escape(k)}</Key><Value>{escape(v)}</Value></Tag>" for k, v in tags.items())
    return f'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>{inner}</TagSet></Tagging>'


def escape(text: str) -> str:
    """Return ``text`` as it is written in XML; control characters by number."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    return re.sub(r"[\x00-\x1f]", lambda found: f"&#{ord(found[0])};", text)


def _text(value: str) -> str:
    """Return a header's value as the text it is: UTF-8, which HTTP's Latin-1 hides."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value


def _plain(value: str) -> str:
    """Return a metadata value in one form: what is not ASCII, S3 writes as RFC 2047 says, others as UTF-8."""
    text = _text(value)
    if "=?" not in text:
        return text
    try:
        decoded = str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return text
    return text if decoded.isascii() else decoded


def _ascii(value: str) -> str:
    """Return a metadata value as S3 takes it: what is not ASCII as RFC 2047 says."""
    return value if value.isascii() else f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def _date(value: str) -> str:
    try:
        return format_datetime(parsedate_to_datetime(value), usegmt=True)
    except ValueError:
        return value

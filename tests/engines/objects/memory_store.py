"""An S3 store in memory whose habits can be chosen: those of stores that cannot be had here."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape

from engines.objects import Endpoint
from tests.engines.objects.scripted import Handler, answer, refuse

_KEPT = ("content-type", "content-encoding", "content-disposition", "cache-control", "x-amz-storage-class")
_ENCODERS = {
    "url": lambda key: quote_plus(key, safe="/"),
    "percent": lambda key: quote(key, safe="/+"),
    "none": escape,
}


@dataclass
class Stored:
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    etag: str = ""
    modified: str = "2026-01-02T03:04:05.000"

    def __post_init__(self) -> None:
        self.etag = self.etag or hashlib.md5(self.body, usedforsecurity=False).hexdigest()


@dataclass
class Asked:
    """A request: ``key`` is empty for the bucket."""

    method: str
    key: str
    query: dict[str, str]
    headers: Any
    body: bytes


@dataclass
class MemoryStore:
    """One bucket, ``b``. Subclasses override ``first`` to answer a request themselves."""

    objects: dict[str, Stored] = field(default_factory=dict)
    encoding: str = "url"
    names_encoding: bool = True
    page_size: int = 1000
    knows_v2: bool = True
    counts_tags: bool = True
    tags_refused: tuple[str, int] | None = None
    weak_etags: bool = False
    server: str = "Memory"
    asked: list[Asked] = field(default_factory=list)
    uploads: dict[str, tuple[dict[str, str], dict[int, bytes]]] = field(default_factory=dict)
    endpoint: Endpoint = field(default_factory=lambda: Endpoint(bucket="b"))

    def first(self, asked: Asked) -> Any:
        """Return an answer in place of the usual one, or None."""

    def put(self, key: str, body: bytes = b"", **more: Any) -> None:
        self.objects[key] = Stored(body, **more)

    def step(self, handler: Any) -> None:
        parts = urlsplit(handler.path)
        key = unquote(parts.path, errors="surrogateescape")[len("/b/") :]
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        asked = Asked(handler.command, key, query, handler.headers, handler.asked.body)
        self.asked.append(asked)
        step = self.first(asked) or getattr(self, f"_{asked.method.lower()}")(asked)
        step(handler)

    def _get(self, asked: Asked) -> Any:
        if not asked.key:
            return self._bucket(asked)
        stored = self.objects.get(asked.key)
        if stored is None:
            return refuse("NoSuchKey", 404)
        if "tagging" in asked.query:
            return refuse(*self.tags_refused) if self.tags_refused else answer(200, self._tags(stored))
        if (asked.headers.get("if-match") or stored.etag).strip('"') != stored.etag:
            return refuse("PreconditionFailed", 412)
        return self._object(asked, stored)

    def _object(self, asked: Asked, stored: Stored) -> Any:
        headers = {
            "Server": self.server,
            "ETag": f'{"W/" if self.weak_etags else ""}"{stored.etag}"',
            "Last-Modified": f"Fri, 02 Jan 2026 {stored.modified[11:19]} GMT",
            **stored.headers,
        }
        if stored.storage_class != "STANDARD":
            headers["x-amz-storage-class"] = stored.storage_class
        if stored.tags and self.counts_tags and not self.tags_refused:
            headers["x-amz-tagging-count"] = str(len(stored.tags))
        body = stored.body
        if (asked.headers.get("range") or "") and body:
            first, _, last = asked.headers["range"].removeprefix("bytes=").partition("-")
            stop = min(int(last or len(body) - 1), len(body) - 1)
            headers["Content-Range"] = f"bytes {first}-{stop}/{len(body)}"
            return answer(206, body[int(first) : stop + 1], **headers)
        return answer(200, body, **headers)

    def _head(self, asked: Asked) -> Any:
        if not asked.key:
            return answer(200)
        return self._get(asked)

    def _bucket(self, asked: Asked) -> Any:
        if "versioning" in asked.query:
            return answer(200, b"<VersioningConfiguration/>")
        if "uploads" in asked.query:
            return answer(200, b"<ListMultipartUploadsResult/>")
        return answer(200, self.page(asked.query).encode("utf-8", "surrogateescape"))

    def page(self, query: dict[str, str]) -> str:
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")))
        is_v2 = self.knows_v2 and query.get("list-type") == "2"
        start = int(query.get("continuation-token", 0)) if is_v2 else 0
        if not is_v2 and "marker" in query:
            start = sum(1 for key in keys if key <= query["marker"])
        found = keys[start : start + min(self.page_size, int(query.get("max-keys", self.page_size)))]
        more = start + len(found) < len(keys)
        head = "<EncodingType>url</EncodingType>" if self.names_encoding else ""
        if is_v2:
            head += f"<KeyCount>{len(found)}</KeyCount>"
            head += f"<NextContinuationToken>{start + len(found)}</NextContinuationToken>" if more else ""
        contents = "".join(self.contents(key, self.objects[key]) for key in found)
        return (
            f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{head}{contents}</ListBucketResult>"
        )

    def contents(self, key: str, stored: Stored) -> str:
        return (
            f"<Contents><Key>{_ENCODERS[self.encoding](key)}</Key>"
            f"<LastModified>{stored.modified}Z</LastModified><ETag>&quot;{stored.etag}&quot;</ETag>"
            f"<Size>{len(stored.body)}</Size><StorageClass>{stored.storage_class}</StorageClass></Contents>"
        )

    def _tags(self, stored: Stored) -> bytes:
        tags = "".join(
            f"<Tag><Key>{escape(name)}</Key><Value>{escape(value)}</Value></Tag>"
            for name, value in stored.tags.items()
        )
        return f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode()

    def _put(self, asked: Asked) -> Any:
        if "partNumber" in asked.query:
            self.uploads[asked.query["uploadId"]][1][int(asked.query["partNumber"])] = asked.body
            return answer(200, ETag='"part"')
        if asked.headers.get("if-none-match") == "*" and asked.key in self.objects:
            return refuse("PreconditionFailed", 412)
        self.put(asked.key, asked.body, headers=self._headers(asked), tags=self._sent_tags(asked))
        return answer(200, ETag=f'"{self.objects[asked.key].etag}"')

    def _headers(self, asked: Asked) -> dict[str, str]:
        sent = {name.lower(): value for name, value in asked.headers.items()}
        return {
            name: value for name, value in sent.items() if name in _KEPT or name.startswith("x-amz-meta-")
        }

    def _sent_tags(self, asked: Asked) -> dict[str, str]:
        return dict(parse_qsl(asked.headers.get("x-amz-tagging") or ""))

    def _post(self, asked: Asked) -> Any:
        if "uploads" in asked.query:
            upload = f"upload-{len(self.uploads)}"
            self.uploads[upload] = (self._headers(asked), {})
            return answer(200, f"<R><UploadId>{upload}</UploadId></R>".encode())
        headers, parts = self.uploads[asked.query["uploadId"]]
        body = b"".join(parts[number] for number in sorted(parts))
        self.put(asked.key, body, headers=headers, etag=f"whole-{len(parts)}")
        return answer(200, f"<R><ETag>whole-{len(parts)}</ETag></R>".encode())

    def _delete(self, asked: Asked) -> Any:
        self.objects.pop(asked.key, None)
        return answer(204)

    def tags_asked(self) -> int:
        """Return how many requests were for the tags of an object."""
        return sum(1 for one in self.asked if one.method == "GET" and one.key and "tagging" in one.query)

    def count(self, method: str, **query: str) -> int:
        """Return how many requests of this method had these parts of a query."""
        return sum(1 for one in self.asked if one.method == method and query.items() <= one.query.items())


@contextlib.contextmanager
def serving(store: MemoryStore) -> Iterator[MemoryStore]:
    """Serve ``store`` on a port of its own, which its ``endpoint`` names."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.script, made.seen, made.lock = [], [], threading.Lock()
        made.otherwise = store.step
        made.daemon_threads = True
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        url = f"http://127.0.0.1:{made.server_port}"
        store.endpoint = Endpoint(bucket="b", endpoint=url, access_key="a", secret_key="b")
        try:
            yield store
        finally:
            made.shutdown()
            thread.join()

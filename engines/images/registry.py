"""A client of the registry protocol (OCI distribution, Docker Registry HTTP API v2) for one repository.

Blobs go up in one ``POST`` and one ``PUT``: ECR loses every chunk after the first of a chunked upload
(aws/containers-roadmap#2831).
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3 import BaseHTTPResponse, Retry, Timeout

from engines.images.errors import RegistryError, expect, expect_digest, parse, wants_new_token
from engines.images.model import MANIFEST_TYPE, Descriptor, digest_of
from engines.images.progress import CountedFile

_MANIFEST_TYPES = f"{MANIFEST_TYPE}, application/vnd.docker.distribution.manifest.v2+json"
_PIECE = 1 << 20
_UPLOADS = 5
_PAUSE, _LONGEST_PAUSE = 0.5, 20.0  # seconds before the second attempt, and at most
# The registry may take minutes to check a large blob before it answers.
_TIMEOUT = Timeout(connect=10, read=300)
_PASSING = (429, 500, 502, 503, 504)
_RETRY = Retry(total=4, backoff_factor=0.5, status_forcelist=_PASSING, raise_on_status=False)
_OK, _CREATED, _ACCEPTED, _BAD_REQUEST, _NOT_FOUND = 200, 201, 202, 400, 404


class Registry:
    """The repository ``name`` at ``endpoint`` (scheme and host); ``authorize`` returns a new header value.

    Safe to use from several threads. Every method raises ``RegistryError``.
    """

    def __init__(self, endpoint: str, name: str, authorize: Callable[[], str]) -> None:
        self.name = name
        self._base = f"{endpoint}/v2/{name}/"
        self._authorize = authorize
        self._header = ""
        self._lock = threading.Lock()
        self._pool = _pool(endpoint)

    def resolve(self, reference: str) -> str | None:
        """Return the digest of the manifest that ``reference`` (a tag or a digest) names, or ``None``."""
        answer = self._call("HEAD", f"manifests/{reference}", headers={"Accept": _MANIFEST_TYPES})
        digest = answer.headers.get("Docker-Content-Digest")
        if answer.status == _OK and digest:
            return digest
        # An answer to HEAD has no body: only a GET distinguishes a missing image from a missing repository.
        found = self.manifest(reference)
        return found[0] if found else None

    def manifest(self, reference: str) -> tuple[str, bytes] | None:
        """Return the digest and the bytes of a manifest, or ``None`` if there is none."""
        answer = self._call("GET", f"manifests/{reference}", headers={"Accept": _MANIFEST_TYPES})
        if answer.status == _NOT_FOUND and parse(answer)[0] != "NAME_UNKNOWN":
            return None
        expect(answer, _OK, self.name, reference)
        digest = digest_of(answer.data)
        named = reference if ":" in reference else answer.headers.get("Docker-Content-Digest", digest)
        expect_digest(named, digest, f"manifest {reference} of {self.name}")
        return digest, answer.data

    def has(self, blob: Descriptor) -> bool:
        """Return whether the registry holds ``blob``."""
        answer = self._call("HEAD", f"blobs/{blob.digest}")
        if answer.status != _NOT_FOUND:
            expect(answer, _OK, self.name, blob.digest)
        return answer.status == _OK

    def read(self, digest: str) -> bytes:
        """Return a small blob, such as a config."""
        answer = self._call("GET", f"blobs/{digest}")
        expect(answer, _OK, self.name, digest)
        expect_digest(digest, digest_of(answer.data), f"blob of {self.name}")
        return answer.data

    def download(self, blob: Descriptor, target: Path) -> None:
        """Write ``blob`` to ``target``, which appears only when its digest is right."""
        answer = self._call("GET", f"blobs/{blob.digest}", preload_content=False)
        expect(answer, _OK, self.name, blob.digest)
        digest, partial = hashlib.sha256(), target.with_name(target.name + ".partial")
        try:
            with partial.open("wb") as file:
                for piece in answer.stream(_PIECE):
                    digest.update(piece)
                    file.write(piece)
            expect_digest(blob.digest, f"sha256:{digest.hexdigest()}", f"blob of {self.name}")
            partial.rename(target)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            partial.unlink(missing_ok=True)
            answer.release_conn()

    def upload(self, blob: Descriptor, source: Path, seen: Callable[[int], None] = lambda _: None) -> None:
        """Send the file ``source`` as ``blob``. A broken upload is begun anew, a few times at most.

        ``seen`` is called with the bytes of each piece that is sent.
        """
        for attempt in range(1, _UPLOADS + 1):
            try:
                answer = self._send(blob, source, seen)
            except RegistryError:
                if attempt == _UPLOADS:
                    raise
                pause = _PAUSE
            else:
                if answer.status not in _PASSING or attempt == _UPLOADS:
                    expect(answer, _CREATED, self.name, blob.digest)
                    named = answer.headers.get("Docker-Content-Digest", blob.digest)
                    expect_digest(blob.digest, named, f"blob of {self.name}")
                    return
                pause = _wanted_pause(answer)
            time.sleep(min(pause * 2 ** (attempt - 1), _LONGEST_PAUSE))
            if self.has(blob):  # only the answer was lost
                return

    def _send(self, blob: Descriptor, source: Path, seen: Callable[[int], None]) -> BaseHTTPResponse:
        opened = self._call("POST", "blobs/uploads/", headers={"Content-Length": "0"})
        if opened.status != _ACCEPTED:
            return opened
        location = urljoin(self._base, opened.headers["Location"])
        location += ("&" if urlsplit(location).query else "?") + urlencode({"digest": blob.digest})
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        with CountedFile(source, seen) as body:
            return self._call("PUT", location, headers=headers, body=body, retries=False)

    def put_manifest(self, reference: str, content: bytes, media_type: str = MANIFEST_TYPE) -> None:
        """Store a manifest under a tag or under its digest. Its blobs must be there."""
        headers = {"Content-Type": media_type}
        answer = self._call("PUT", f"manifests/{reference}", headers=headers, body=content)
        # Repeated after an answer that was lost, it is refused where tags do not move: it is there.
        if answer.status == _BAD_REQUEST and self.resolve(reference) == digest_of(content):
            return
        expect(answer, _CREATED, self.name, reference)
        named = answer.headers.get("Docker-Content-Digest", "")
        expect_digest(digest_of(content), named, f"manifest {reference} of {self.name}")

    def _call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | CountedFile | None = None,
        **options: Any,
    ) -> BaseHTTPResponse:
        """Send a request; with a new token, once, if the registry does not take the one at hand."""
        url = urljoin(self._base, path)
        # The token is for the registry alone: an upload may be sent elsewhere, to an address that is signed.
        own = urlsplit(url).netloc == urlsplit(self._base).netloc
        for renew in (False, True):
            token = {"Authorization": self._token(renew=renew)} if own else {}
            if renew and body is not None and not isinstance(body, bytes):
                body.seek(0)
            try:
                answer = self._pool.request(
                    method, url, body=body, headers={**(headers or {}), **token}, **options
                )
            except urllib3.exceptions.HTTPError as error:
                raise self._unreachable(error) from error
            if not (own and wants_new_token(answer)):
                break
        return answer

    def _token(self, *, renew: bool) -> str:
        with self._lock:
            if renew or not self._header:
                self._header = self._authorize()
            return self._header

    def _unreachable(self, error: urllib3.exceptions.HTTPError) -> RegistryError:
        """Say why a connection failed, without the request's address: it may be a signed one."""
        reason = getattr(error, "reason", None) or error
        return RegistryError(
            f"cannot be reached ({type(reason).__name__})",
            subject=f"registry {urlsplit(self._base).netloc}",
            remedy="Check the network and run the same command: what was sent is not sent again.",
        )


def _wanted_pause(answer: BaseHTTPResponse) -> float:
    """Return the seconds that the registry asks to wait."""
    said = answer.headers.get("Retry-After", "")
    return float(said) if said.isdigit() else _PAUSE


def _pool(endpoint: str) -> urllib3.PoolManager:
    options: dict[str, Any] = {"retries": _RETRY, "timeout": _TIMEOUT, "maxsize": 8}
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        options["ca_certs"] = bundle
    parts = urlsplit(endpoint)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)

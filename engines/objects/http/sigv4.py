"""Signature version 4, as S3 wants it: every byte of a key signed as it is, nothing normalised.

botocore signs the same way at twenty times the cost, which is most of the work for a small object.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from urllib.parse import quote

EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
_SAFE = "/-_.~"


class Keys(Protocol):
    """Credentials as they are at one moment."""

    @property
    def access_key(self) -> str:
        """Return the access key."""

    @property
    def secret_key(self) -> str:
        """Return the secret key."""

    @property
    def token(self) -> str | None:
        """Return the session token, if it is a session."""


class Source(Protocol):
    """Where credentials come from; botocore's renew themselves."""

    def get_frozen_credentials(self) -> Keys:
        """Return the credentials of this moment."""


def encoded(key: str) -> str:
    """Return a key as it is written in a URL: its UTF-8 bytes, slashes and dots unchanged."""
    return quote(key.encode("utf-8", "surrogateescape"), safe=_SAFE)


def query_of(parameters: Iterable[tuple[str, str]]) -> str:
    """Return a query string in the order that is signed."""
    pairs = ((quote(name, safe="-_.~"), quote(_bytes(value), safe="-_.~")) for name, value in parameters)
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class Signer:
    """Signs requests to one store in one region. Safe to share between threads.

    ``again`` looks for credentials anew, where those at hand have come from.
    """

    def __init__(
        self, credentials: Source, region: str, again: Callable[[], Source | None] = lambda: None
    ) -> None:
        self._credentials, self._region, self._again = credentials, region, again
        self._lock = threading.Lock()
        # How often the credentials were replaced.
        self.generation = 0
        self._derived: tuple[str, str, bytes] = ("", "", b"")

    def renew(self, generation: int) -> bool:
        """Replace credentials of this generation, which have expired; return whether there are others."""
        with self._lock:
            if self.generation == generation:
                found = self._again()
                if found is None or _same(found, self._credentials):
                    return False
                self._credentials, self.generation = found, generation + 1
        return True

    def headers(
        self, method: str, path: str, query: str, headers: Mapping[str, str], digest: str
    ) -> dict[str, str]:
        """Return ``headers`` (lower-case names, ``host`` among them) with those that sign the request.

        ``path`` and ``query`` are encoded; ``digest`` is the SHA-256 of the body in hex, or ``UNSIGNED``.
        """
        keys = self._credentials.get_frozen_credentials()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        whole = {**headers, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        if keys.token:
            whole["x-amz-security-token"] = keys.token
        names = sorted(whole)
        lines = "".join(f"{name}:{' '.join(whole[name].split())}\n" for name in names)
        signed = ";".join(names)
        request = f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{digest}"
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(keys.secret_key, stamp[:8]), text.encode(), "sha256").hex()
        whole["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={signed},"
            f" Signature={signature}"
        )
        return whole

    def _key(self, secret: str, day: str) -> bytes:
        """Return the key that is derived from the secret, and is good for one day."""
        derived = self._derived
        if derived[:2] != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            with self._lock:
                self._derived = derived = (secret, day, key)
        return derived[2]


def _same(one: Source, other: Source) -> bool:
    first, second = one.get_frozen_credentials(), other.get_frozen_credentials()
    return (first.access_key, first.secret_key, first.token) == (
        second.access_key,
        second.secret_key,
        second.token,
    )

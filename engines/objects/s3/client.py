"""The client of one side: signed requests, retried where a retry may help."""

from __future__ import annotations

import hashlib
import random
import re
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from html import unescape
from http import HTTPStatus
from typing import Any, NamedTuple

from botocore import exceptions as botocore_errors
from botocore.exceptions import BotoCoreError, ClientError

from engines.objects.errors import (
    ProxyCredentialsError,
    SilentStoreError,
    code_of,
    is_transient,
    status_of,
)
from engines.objects.http import (
    ANSWER_SECONDS,
    EMPTY,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    ConnectError,
    ConnectionPool,
    Pace,
    ProxyRefusedError,
    Response,
    Signer,
    encoded,
    query_of,
)
from engines.objects.s3.key_encoding import KeyEncoding
from engines.objects.s3.tagging import TagCounts
from engines.objects.xml_answer import Element, ParseError, parse, until_whole
from engines.permissions import ATTACHED, Request

# With the pauses between them, a store may be away for half a minute before an object is given up.
TRIES = 9
# Where the store serves other objects, an object that it refuses is left for later after so many tries.
_FEW_TRIES = 3
# A longer wait that the store asks for (Retry-After) is not waited for.
_LONGEST_ASKED = 60.0
_SHORT = 1.0
_FAILED = 300
_BUSY = frozenset({429, 503})
_BUSY_CODES = frozenset({"SlowDown", "Throttling", "RequestLimitExceeded"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_CLOCK_STATUS = frozenset({400, 403})
_MOST_SKEW = 900
# A store that has answered nothing for so long is given up, and the run with it.
_SILENT = 2 * ANSWER_SECONDS - 1
_ELSEWHERE = frozenset({301, 307, 400, 403})


@dataclass(frozen=True)
class Address:
    """Where a bucket is: the URL of its host, the path of the bucket there (none if the host is its own)."""

    url: str
    base: str
    bucket: str
    prefix: str
    region: str


class _Request(NamedTuple):
    operation: str
    method: str
    key: str  # of an object, as the store has it; empty for the bucket
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    digest: str


@dataclass(frozen=True)
class Store:
    """One side. Safe to share between threads."""

    name: str
    address: Address
    connections: ConnectionPool = field(repr=False)
    signer: Signer = field(repr=False)
    pace: Pace = field(default_factory=Pace, repr=False)
    key_encoding: KeyEncoding = field(default_factory=KeyEncoding, repr=False)
    tag_counts: TagCounts = field(default_factory=TagCounts, repr=False)
    # Objects whose tags may not be read are taken without them.
    accepts_unread_tags: bool = False
    # Whether to give up soon an object that is refused while others are served; it can be tried again later.
    is_hurried: bool = False
    # How often a request is sent at most, if not as often as usual.
    most_tries: int = 0

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.connections.close()

    def call(
        self,
        operation: str,
        method: str,
        key: str | None = None,
        *,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: Any = b"",
        digest: str = "",
    ) -> Response:
        """Ask for something (S3's name of it is ``operation``) and return the response.

        ``key`` is relative to the prefix; without it the bucket is meant. ``digest`` is the body's SHA-256 in
        hex, if it is known; the store refuses a body that arrived otherwise. Raises botocore's errors.
        """
        whole = dict(headers or ())
        if method in {"PUT", "POST"}:
            whole["content-length"] = str(len(body))
        digest = digest or (hashlib.sha256(body).hexdigest() if len(body) else EMPTY)
        stored = "" if key is None else self.address.prefix + key
        asked = _Request(operation, method, stored, self._path(key), query_of(query), whole, body, digest)
        tries = self.most_tries or TRIES
        for attempt in range(1, tries + 1):
            self.pace.wait()
            generation = self.signer.generation
            try:
                response = self._send(asked)
            except (BotoCoreError, ClientError) as error:
                at_once = self.pace.over()
                if code_of(error) in _EXPIRED and self.signer.renew(generation):
                    continue
                if attempt == tries or not is_transient(error):
                    raise
                self._back_off(error, attempt, key or "", at_once)
            except BaseException:
                self.pace.over()
                raise
            else:
                self.pace.over()
                self.pace.served(key or "")
                return response
        raise AssertionError  # the last try returns or raises

    @property
    def is_plain(self) -> bool:
        """Return whether it is reached by plain HTTP, over which what arrives may have been changed."""
        return self.address.url.startswith("http:")

    @property
    def silence(self) -> float:
        """Return for how many seconds nothing was heard of the store, 0 if it was asked nothing."""
        return self.connections.silence

    def hurried(self) -> Store:
        """Return the same store for a first attempt at many objects, of which some may have to wait."""
        return replace(self, is_hurried=True)

    def _path(self, key: str | None) -> str:
        address = self.address
        return (address.base or "/") if key is None else f"{address.base}/{encoded(address.prefix + key)}"

    def read(self, operation: str, method: str = "GET", key: str | None = None, **options: Any) -> bytes:
        """Like ``call``; return the whole body of the response, read again if it was cut short."""
        for attempt in range(1, TRIES + 1):
            response = self.call(operation, method, key, **options)
            try:
                return response.read()
            except OSError as error:
                lost = self._lost(error)
                if attempt == TRIES:
                    raise lost from error
                self._back_off(lost, attempt, key or "")
        raise AssertionError  # the last try returns or raises

    def read_xml(self, operation: str, query: Sequence[tuple[str, str]]) -> Element:
        """Ask the bucket something and return the root of the answer.

        Raises botocore's errors, and what ``parse`` raises for an answer that is no XML.
        """
        return until_whole(lambda: parse(self.read(operation, query=query)), ParseError)

    def _back_off(self, error: Exception, attempt: int, key: str, at_once: int = 0) -> None:
        """Wait before the next try, or raise ``error`` if that is better made later."""
        pause, asked = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE), 0.0
        if isinstance(error, ClientError):
            asked = min(_seconds_asked(error), _LONGEST_ASKED)
            if status_of(error) in _BUSY or code_of(error) in _BUSY_CODES:
                self.pace.refused(key, asked, at_once)
        is_late = attempt >= _FEW_TRIES or asked > _SHORT
        if self.is_hurried and not self.pace.is_slow and is_late:
            raise error
        time.sleep(max(pause * random.uniform(0.5, 1), asked))  # noqa: S311 - no secret

    def _send(self, asked: _Request) -> Response:
        headers = {"host": self.connections.host, **asked.headers}
        target = f"{asked.path}?{asked.query}" if asked.query else asked.path
        try:
            signed = self.signer.headers(asked.method, asked.path, asked.query, headers, asked.digest)
            # Not signed: a proxy may change it. Without it some inflate what is stored compressed.
            signed["accept-encoding"] = "identity"
            response = self.connections.request(asked.method, target, signed, asked.body)
            if response.status < _FAILED:
                return response
            error = self._refusal(asked.operation, response)
            about = {"Bucket": self.address.bucket, **({"Key": asked.key} if asked.key else {})}
            if isinstance(error, ClientError):
                error.response["ResponseMetadata"][ATTACHED] = Request("s3", asked.operation, about)
            raise error
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> BotoCoreError:
        """Return what botocore would raise."""
        kind: type[BotoCoreError] = botocore_errors.ConnectionClosedError
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            kind = botocore_errors.SSLError
        elif isinstance(error, ProxyRefusedError):
            kind = ProxyCredentialsError
        elif isinstance(error, ConnectError):
            kind = botocore_errors.EndpointConnectionError
        elif isinstance(error, TimeoutError):
            if self.silence >= _SILENT:
                return SilentStoreError(endpoint_url=self.address.url, seconds=round(self.silence))
            kind = botocore_errors.ReadTimeoutError
        return kind(endpoint_url=self.address.url, error=error)

    def _refusal(self, operation: str, response: Response) -> ClientError | BotoCoreError:
        text = response.read().decode("utf-8", "replace")
        if response.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return ProxyCredentialsError(endpoint_url=self.address.url)
        region = response.headers.get("x-amz-bucket-region", "")
        if region and region != self.address.region and response.status in _ELSEWHERE:
            reason = f"the bucket is in the region {region}; name that as `region`"
            return client_error(operation, response.status, "PermanentRedirect", reason)
        error = refusal(operation, response.status, text, response.headers.get("retry-after", ""))
        if response.status in _CLOCK_STATUS and (skewed := _skewed(error, response.headers.get("date", ""))):
            return client_error(operation, response.status, "RequestTimeTooSkewed", skewed)
        return error


def _skewed(error: ClientError, date: str) -> str:
    """Return by how much this machine's clock differs from the store's, if that is why it refuses."""
    ahead = time.time() - _timestamp(date, time.time())
    # S3 takes requests that are signed up to a quarter of an hour before or after.
    if code_of(error) not in _CLOCK and abs(ahead) < _MOST_SKEW:
        return ""
    direction = "ahead of" if ahead > 0 else "behind"
    return f"this machine's clock is {abs(ahead):.0f} seconds {direction} the store's"


def _timestamp(date: str, otherwise: float) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return otherwise


def _seconds_asked(error: ClientError) -> float:
    """Return how long the store asks to be left alone, 0 if it does not say."""
    said = error.response["ResponseMetadata"]["HTTPHeaders"].get("retry-after", "")
    if said.isdecimal():
        return float(said)
    return max(0.0, _timestamp(said, 0.0) - time.time())


def refusal(operation: str, status: int, text: str, retry_after: str = "") -> ClientError:
    """Return the error that a store has answered (XML in ``text``)."""
    code, message = element(text, "Code") or str(status), element(text, "Message")
    return client_error(operation, status, code, message, {"retry-after": retry_after})


def client_error(
    operation: str, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> ClientError:
    """Return an answered error as botocore would raise it, which the other engines understand."""
    metadata = {
        "HTTPStatusCode": status,
        "HTTPHeaders": dict(headers or {}),
        "RequestId": "",
        "HostId": "",
        "RetryAttempts": 0,
    }
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata},
        operation,
    )


def element(text: str, name: str) -> str:
    """Return the text of the first element ``name`` of a short XML response, or nothing."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return unescape(found[1]) if found else ""

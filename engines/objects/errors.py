"""What can go wrong with objects, and which of it concerns one object alone."""

from __future__ import annotations

from dataclasses import dataclass

from botocore import exceptions as botocore_errors

from engines import permissions
from engines.errors import EngineError, RefusedError


class ObjectsError(EngineError):
    """Objects could not be listed, copied or compared."""


class LockedError(ObjectsError):
    """Another mirror of the same target is running."""


class ManifestError(ObjectsError):
    """A manifest is damaged, or belongs to another pair of buckets."""


class TargetRefusedError(RefusedError):
    """The target holds objects that the migration did not put there."""


class IncompleteError(ObjectsError):
    """Some objects could not be copied; the others were. ``details`` lists them."""


class DifferentError(ObjectsError):
    """A comparison that had to be equal is not. ``details`` is the whole comparison."""


class IntegrityError(ObjectsError):
    """What arrived is not what was announced, or not whole; reading or writing it again may succeed."""


class AlteredError(IntegrityError):
    """A body is not the one that is stored: something on the way changes it, and would do so again."""


class ChangedError(IntegrityError):
    """The source object is no longer the one that was listed."""


class UnverifiedError(ObjectsError):
    """Something of an object could not be seen, so that nothing can be said of it."""


class ProxyCredentialsError(botocore_errors.EndpointConnectionError):  # type: ignore[misc] # untyped
    """The proxy refuses the credentials, or wants some."""

    fmt = (
        'The proxy on the way to "{endpoint_url}" asks for a user and a password, or for others (407);'
        " name them in http_proxy or https_proxy"
    )


class SilentStoreError(botocore_errors.EndpointConnectionError):  # type: ignore[misc] # untyped
    """The store takes requests and answers none."""

    fmt = '"{endpoint_url}" takes requests, but has not answered any for {seconds} seconds'


@dataclass(frozen=True, slots=True)
class Failure:
    """One object that could not be copied or read, and the reason as text."""

    key: str
    reason: str


# These end the run: the next object would meet the same.
_FOR_EVERY_OBJECT = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
        "NoSuchBucket",
        "PermanentRedirect",
    }
)
# What one object may meet that is no fault of the program: its reading or writing failed.
OBJECT_ERRORS = (
    botocore_errors.BotoCoreError,
    botocore_errors.ClientError,
    IntegrityError,
    UnverifiedError,
)
_UNREACHABLE = (
    botocore_errors.EndpointConnectionError,
    botocore_errors.SSLError,
    botocore_errors.ConnectTimeoutError,
    botocore_errors.NoCredentialsError,
    botocore_errors.PartialCredentialsError,
    botocore_errors.TokenRetrievalError,
    botocore_errors.SSOError,
    botocore_errors.NoRegionError,
)
_TRANSIENT_STATUS = frozenset({408, 409, 429})
_SERVER_FAULT = 500
_NEVER = 501
# Answered with status 400 to a request that was damaged or too slow in transit.
_TRANSIENT = frozenset(
    {"BadDigest", "IncompleteBody", "InvalidDigest", "RequestTimeout", "XAmzContentSHA256Mismatch"}
    | {"XAmzContentChecksumMismatch"}
)
_CHANGED = frozenset({"PreconditionFailed", "412"})
_READS = frozenset({"GetObject", "GetObjectTagging"})


def code_of(error: Exception) -> str:
    """Return the store's own code (``NoSuchKey`` …), or nothing when there was no response."""
    if isinstance(error, botocore_errors.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def status_of(error: Exception) -> int:
    """Return the status of the store's answer, 0 when there was none."""
    if isinstance(error, botocore_errors.ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return 0


def affects_every_object(error: Exception) -> bool:
    """Return whether every other object would fail in the same way (credentials, bucket, network)."""
    return isinstance(error, _UNREACHABLE) or code_of(error) in _FOR_EVERY_OBJECT


def is_transient(error: Exception) -> bool:
    """Return whether the same request may well succeed a moment later."""
    if isinstance(error, (botocore_errors.SSLError, ProxyCredentialsError, SilentStoreError, AlteredError)):
        return False
    if isinstance(error, botocore_errors.ClientError):
        status = status_of(error)
        is_fault = status >= _SERVER_FAULT and status != _NEVER
        return is_fault or status in _TRANSIENT_STATUS or code_of(error) in _TRANSIENT
    return isinstance(error, (botocore_errors.BotoCoreError, IntegrityError))


def source_changed(error: Exception) -> bool:
    """Return whether the source object is no longer the one that was listed."""
    if isinstance(error, ChangedError):
        return True
    return code_of(error) in _CHANGED and getattr(error, "operation_name", "") in _READS


def target_changed(error: Exception) -> bool:
    """Return whether the target has changed since it was listed (or holds our write, its response lost)."""
    if code_of(error) == "NoSuchUpload":
        return getattr(error, "operation_name", "") == "CompleteMultipartUpload"
    return code_of(error) in _CHANGED and getattr(error, "operation_name", "") not in _READS


def reason_of(error: Exception) -> str:
    """Return why an object failed, with the operation but no secret."""
    if isinstance(error, (IntegrityError, UnverifiedError)):
        return error.what
    if isinstance(error, botocore_errors.ClientError):
        return _reason_of_response(error)
    return " ".join(str(error).split())


def _reason_of_response(error: botocore_errors.ClientError) -> str:
    if source_changed(error):
        return "changed in the source while it was copied"
    if target_changed(error):
        return "the target has something else of this name, or of a name that it takes for the same"
    if code_of(error) in {"NoSuchKey", "404"}:
        return "vanished after it was listed"
    if code_of(error) == "InvalidObjectState":
        return "is archived: restore it first"
    message = str(error.response.get("Error", {}).get("Message", "")).strip()
    reason = f"{error.operation_name} was refused ({code_of(error)}): {message}".rstrip(": ")
    if code_of(error) in permissions.DENIED:
        request = error.response.get("ResponseMetadata", {}).get(permissions.ATTACHED)
        needed = permissions.needs(message, request)
        return f"{reason} ({needed})" if needed else reason
    return reason

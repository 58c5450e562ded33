"""AWS clients, and errors of AWS with a remedy for the user.

Where a client connects and as whom is the environment's business (``AWS_PROFILE``, ``AWS_REGION``,
``AWS_ENDPOINT_URL`` …), which each playbook sets from its inventory; engines never choose an endpoint.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import boto3
import botocore.session
from botocore import exceptions as botocore_errors
from botocore.config import Config
from botocore.loaders import Loader, create_loader

from engines import permissions, unanswered
from engines.errors import EngineError
from engines.permissions import Request

# Backs off on throttling and on transient faults, and then slows down; the default "legacy" gives up sooner.
# An AWS that takes connections and answers nothing is given up within five minutes: seven times 30 s, and the
# pauses. Where none is taken, each of its addresses (up to eight) is tried for 5 s.
_CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 7}, connect_timeout=5, read_timeout=30)

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)
_CLOCK = frozenset({"RequestTimeTooSkewed"})
_THROTTLED = frozenset(
    {
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
        "RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown",
        "EC2ThrottledException", "PriorRequestNotComplete", "BandwidthLimitExceeded",
    }
)  # fmt: skip
_UNREACHABLE = (botocore_errors.HTTPClientError, botocore_errors.ConnectionError)
# A session makes one client at a time; the clients themselves may be used by any thread.
_MAKING = threading.Lock()


class AwsError(EngineError):
    """AWS refused or could not be reached. ``code`` is AWS's own error code, empty if there was no answer.

    ``is_passing``: nobody has to do anything for the same call to succeed later.
    """

    def __init__(
        self, what: str, *, subject: str = "", remedy: str = "", code: str = "", is_passing: bool = False
    ) -> None:
        super().__init__(what, subject=subject, remedy=remedy)
        self.code = code
        self.is_passing = is_passing


def client(service: str, **options: Any) -> Any:
    """Return a boto3 client for ``service`` from the environment's credentials, region and endpoint.

    ``options`` go to ``boto3.Session.client`` (for example explicit keys for a store that is not AWS). A
    client without a ``config`` of its own is made once, which takes longer than most calls.
    """
    with translated(f"AWS client for {service}"), _MAKING:
        if "config" in options:
            return _make(service, {**options, "config": _CONFIG.merge(options["config"])})
        # A forked process must not speak through the connections of the one that it comes from.
        return _shared(os.getpid(), _environment(), service, _CONFIG, tuple(sorted(options.items())))


@functools.lru_cache(maxsize=64)
def _shared(
    process: int,
    environment: tuple[tuple[str, str], ...],
    service: str,
    config: Config,
    options: tuple[tuple[str, Any], ...],
) -> Any:
    del process, environment
    return _make(service, {**dict(options), "config": config})


def _make(service: str, options: Mapping[str, Any]) -> Any:
    made = _session(_environment()).client(service, **options)
    _note_requests(made)
    unanswered.watch(made)
    return made


@functools.cache
def prepare(*services: str) -> None:
    """Read AWS's descriptions of ``services`` now, for every process that is forked from this one.

    To read those of S3 takes ten times as long as to make a client from them. Connects to nothing.
    """
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "us-east-1"}
    # An invalid environment is reported when a client is made for a call.
    with contextlib.suppress(botocore_errors.BotoCoreError):
        for service in services:
            _session(_environment()).client(service, **keys)


def _note_requests(made: Any) -> None:
    """Add the arguments of a request to its error: botocore names the operation alone."""

    def note(params: Any, context: Any, **_: Any) -> None:
        # Names only: what else is asked may be a secret.
        context["asked"] = {key: value for key, value in dict(params).items() if _is_name(key, value)}

    def attach(http_response: Any, parsed: Any, model: Any, context: Any, **_: Any) -> None:
        if http_response.status_code >= HTTPStatus.BAD_REQUEST:
            service, partition = model.service_model.signing_name, made.meta.partition
            request = Request(service, model.name, context.get("asked", {}), partition)
            parsed.setdefault("ResponseMetadata", {})[permissions.ATTACHED] = request

    made.meta.events.register("before-parameter-build", note)
    made.meta.events.register("after-call", attach)


def _is_name(key: str, value: object) -> bool:
    return isinstance(value, str) and (key in {"Bucket", "Key"} or value.startswith("arn:"))


@functools.lru_cache(maxsize=8)
def _session(environment: tuple[tuple[str, str], ...]) -> Any:
    """Return the session of what the environment says now."""
    del environment
    session = botocore.session.get_session()
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return boto3.session.Session(botocore_session=session)


@functools.cache
def _loader(path: str | None) -> Loader:
    """Return what reads AWS's descriptions, each once."""
    return create_loader(path)


def _environment() -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))


@contextlib.contextmanager
def translated(subject: str) -> Iterator[None]:
    """Raise botocore's errors as ``AwsError`` about ``subject`` (the resource of the request)."""
    try:
        yield
    except botocore_errors.ClientError as error:
        raise _from_client_error(error, subject) from error
    except (botocore_errors.NoCredentialsError, botocore_errors.PartialCredentialsError) as error:
        raise AwsError(
            "no AWS credentials were found",
            subject=subject,
            remedy="Set platform_aws_profile, or sign in with `aws sso login`.",
        ) from error
    except botocore_errors.ProfileNotFound as error:
        raise AwsError(
            str(error), subject=subject, remedy="Correct platform_aws_profile, or add it to ~/.aws/config."
        ) from error
    except (
        botocore_errors.CredentialRetrievalError,
        botocore_errors.MetadataRetrievalError,
        botocore_errors.InvalidConfigError,
        botocore_errors.ConfigParseError,
    ) as error:
        raise AwsError(
            str(error), subject=subject, remedy="Correct the profile in ~/.aws/config, or what it calls."
        ) from error
    except (botocore_errors.TokenRetrievalError, botocore_errors.SSOError) as error:
        raise AwsError(
            "the single sign-on session has ended", subject=subject, remedy="Run `aws sso login`."
        ) from error
    except botocore_errors.NoRegionError as error:
        raise AwsError("no AWS region is set", subject=subject, remedy="Set platform_region.") from error
    except botocore_errors.BotoCoreError as error:
        raise AwsError(
            str(error),
            subject=subject,
            remedy="Check the network and the endpoint.",
            is_passing=isinstance(error, _UNREACHABLE) and not isinstance(error, botocore_errors.SSLError),
        ) from error


def _from_client_error(error: botocore_errors.ClientError, subject: str) -> AwsError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", "")) or str(error)
    about = error.response.get("ResponseMetadata", {})
    status = int(about.get("HTTPStatusCode") or 0)
    is_passing = (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status == HTTPStatus.TOO_MANY_REQUESTS
        or code in _THROTTLED
    )
    if error.operation_name == "AssumeRole":
        remedy = (
            "The role's trust policy must allow these credentials, with the external_id of the profile in "
            "~/.aws/config; correct either."
        )
    elif code in _EXPIRED:
        remedy = "The credentials have expired: sign in again (`aws sso login`) and run the same command."
    elif code in _UNKNOWN:
        remedy = "AWS does not know these credentials: check platform_aws_profile."
    elif code in _CLOCK:
        remedy = "This machine's clock is wrong: set it."
    elif code in permissions.DENIED:
        remedy = permissions.remedy(message, about.get(permissions.ATTACHED))
    elif is_passing:
        remedy = "AWS was busy, or failed for a moment: run the same command again."
    else:
        remedy = ""
    return AwsError(
        f"{error.operation_name} failed ({code}): {message}",
        subject=subject,
        remedy=remedy,
        code=code,
        is_passing=is_passing,
    )

"""AWS clients, and AWS errors in words a user can act on.

Where a client connects and as whom is the environment's business (``AWS_PROFILE``, ``AWS_REGION``,
``AWS_ENDPOINT_URL`` …), which each playbook sets from its inventory; engines never choose an endpoint.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import boto3
import botocore.session
from botocore import exceptions as botocore_errors
from botocore.config import Config
from botocore.loaders import Loader, create_loader

from engines.errors import EngineError

# Standard mode backs off on throttling and on transient faults; the default "legacy" mode gives up sooner.
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=10, read_timeout=60)

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)
_CLOCK = frozenset({"RequestTimeTooSkewed"})
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
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

    ``options`` go to ``boto3.Session.client`` (for example explicit keys for a store that is not AWS).
    """
    options["config"] = _CONFIG.merge(options["config"]) if "config" in options else _CONFIG
    with translated(f"AWS client for {service}"), _MAKING:
        return _session(_environment()).client(service, **options)


@functools.cache
def prepare(*services: str) -> None:
    """Read AWS's descriptions of ``services`` now, for every process that is forked from this one.

    To read those of S3 takes ten times as long as to make a client from them. Connects to nothing.
    """
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "us-east-1"}
    # An environment of which nothing can be made is told by whoever makes a client of it.
    with contextlib.suppress(botocore_errors.BotoCoreError):
        for service in services:
            _session(_environment()).client(service, **keys)


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
    """Raise botocore's errors as ``AwsError`` about ``subject`` (the thing that was asked for or changed)."""
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
            is_passing=isinstance(error, botocore_errors.HTTPClientError),
        ) from error


def _from_client_error(error: botocore_errors.ClientError, subject: str) -> AwsError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", "")) or str(error)
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
    elif code in _DENIED:
        remedy = f"Allow {error.operation_name} in the operator's policy."
    else:
        remedy = ""
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    return AwsError(
        f"{error.operation_name} failed ({code}): {message}",
        subject=subject,
        remedy=remedy,
        code=code,
        is_passing=status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _THROTTLED,
    )

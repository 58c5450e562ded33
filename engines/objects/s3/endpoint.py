"""One side of a copy: a bucket, its endpoint, and the credentials."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, NoCredentialsError

from engines.aws import translated
from engines.errors import ConfigurationError, EngineError
from engines.objects.http import ConnectionPool, Signer
from engines.objects.s3.client import Address, Store
from engines.references import resolve

_FIELDS = ("endpoint", "region", "access_key", "secret_key", "session_token", "bucket", "prefix")
_SECRETS = ("access_key", "secret_key", "session_token")
# Signing needs a region even where the store has none; every S3 store takes this one.
_ANY_REGION = "us-east-1"


@dataclass(frozen=True)
class Endpoint:
    """A bucket (and a prefix in it) of a store.

    Without ``endpoint`` and keys it is the environment's business (``AWS_ENDPOINT_URL``, the default chain of
    credentials). Keys are held here as values, and are not part of the representation.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    # Where the keys were found, to look there again when they have expired.
    references: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.bucket:
            raise ConfigurationError(
                "no bucket is named", remedy="Set `bucket` of the source and of the target."
            )
        if bool(self.access_key) != bool(self.secret_key):
            raise ConfigurationError(
                "only one of access_key and secret_key is given",
                subject=f"bucket {self.bucket}",
                remedy="Give both, or neither for the default chain of credentials.",
            )
        if self.session_token and not self.access_key:
            raise ConfigurationError(
                "session_token is given without the keys it belongs to",
                subject=f"bucket {self.bucket}",
                remedy="Give access_key and secret_key, too.",
            )
        if self.endpoint and not _is_plain_url(self.endpoint):
            # The URL itself is not quoted: it may hold a password.
            raise ConfigurationError(
                "the endpoint is not a plain http(s) URL",
                subject=f"bucket {self.bucket}",
                remedy="Write it as http://host:port, with the keys in access_key and secret_key.",
            )

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Endpoint:
        """Return the endpoint that a module's ``source`` or ``target`` describes, its references resolved.

        Unset options may be absent, None or empty. Raises ``ConfigurationError``.
        """
        values = {name: str(options.get(name) or "") for name in _FIELDS}
        references = {name: values[name] for name in _SECRETS if values[name]}
        for secret in _SECRETS:
            values[secret] = resolve(values[secret])
        return cls(**values, references=references)

    @property
    def name(self) -> str:
        """Return what to call it in messages and manifests: ``s3://bucket/prefix`` or ``http://host/bucket/prefix``."""
        root = (self.endpoint or _endpoint_of_environment()).rstrip("/") or "s3:/"
        return f"{root}/{self.bucket}/{self.prefix}".rstrip("/")

    def connect(self, accept_unverified: Collection[str] = ()) -> Store:
        """Return the store. Raises ``AwsError`` where no credentials are found.

        ``accept_unverified`` names what need not be seen of an object: ``tags``.
        """
        with translated(f"credentials for {self.name}"):
            session = botocore.session.Session()
            region = self.region or session.get_config_variable("region") or _ANY_REGION
            url, base = self._place(session, region)
            address = Address(url, base, self.bucket, self.prefix, region)
            return Store(
                self.name,
                address,
                ConnectionPool(url),
                Signer(self._credentials(session), region, self._credentials_again),
                accepts_unread_tags="tags" in accept_unverified,
            )

    def _credentials(self, session: Any) -> Any:
        if self.access_key:
            return Credentials(self.access_key, self.secret_key, self.session_token or None)
        found = session.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found

    def _credentials_again(self) -> Any:
        """Look for credentials where these were found: in files, at who issues them, in SSM."""
        try:
            if not self.access_key:
                return botocore.session.Session().get_credentials()
            found = {name: resolve(reference) for name, reference in self.references.items()}
            return Credentials(found["access_key"], found["secret_key"], found.get("session_token"))
        except (BotoCoreError, EngineError, KeyError):
            # That the old ones have expired is what to say.
            return None

    def _place(self, session: Any, region: str) -> tuple[str, str]:
        """Return the URL of the host and the path of the bucket there.

        A store that is not AWS has the bucket in the path. What AWS has (partitions, dual stack, FIPS, names
        that are no host names, endpoints of a profile) botocore knows; it is asked by signing one URL.
        """
        url = self.endpoint or _endpoint_of_environment()
        if not url:
            client = session.create_client(
                "s3",
                region_name=region,
                aws_access_key_id="unused",
                aws_secret_access_key="unused",  # noqa: S106 - nothing is asked with it
                config=Config(
                    signature_version="s3v4",
                    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
                ),
            )
            signed = urlsplit(
                client.generate_presigned_url("list_objects_v2", Params={"Bucket": self.bucket})
            )
            return f"{signed.scheme}://{signed.netloc}", signed.path.rstrip("/")
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}", f"{parts.path.rstrip('/')}/{quote(self.bucket)}"


def _is_plain_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


def _endpoint_of_environment() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""

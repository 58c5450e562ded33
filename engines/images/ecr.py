"""What Amazon ECR adds to a registry: where a repository is reached, its token, its rule about tags."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engines.aws import AwsError, client, translated
from engines.errors import ConfigurationError
from engines.images.errors import RepositoryMissingError
from engines.images.registry import Registry


@dataclass(frozen=True)
class Repository:
    """A repository: ``url`` is ``<registry host>/<name>``, without a scheme."""

    url: str
    name: str
    endpoint: str

    @classmethod
    def locate(cls, url: str, name: str = "", endpoint: str = "") -> Repository:
        """Return the repository at ``url``, reached at ``endpoint`` (default: HTTPS to the host in ``url``).

        Plain HTTP is for loopback only, because the token would cross the network in the open; raises
        ``ConfigurationError`` for that, and for a URL without a host or a name.
        """
        host, _, path = url.partition("/")
        if not host or not path or "://" in url or any(mark in url for mark in "@ "):
            raise ConfigurationError(
                f"{url!r} is not a repository", subject="repository_url", remedy="Use <registry host>/<name>."
            )
        address = endpoint.rstrip("/") or f"https://{host}"
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise ConfigurationError(
                f"{address!r} is neither HTTPS nor on this machine",
                subject="registry",
                remedy="Use https://<host>.",
            )
        return cls(url, name or path, address)

    def registry(self) -> Registry:
        """Return the registry client of this repository, with ECR's token."""
        return Registry(self.endpoint, self.name, authorization)

    def refuses_to_move_tags(self) -> bool:
        """Return whether a tag, once given, stays where it is. Raises ``RepositoryMissingError``."""
        return str(self._describe().get("imageTagMutability", "")) == "IMMUTABLE"

    def _describe(self) -> dict[str, Any]:
        try:
            with translated(f"ECR repository {self.name}"):
                found = client("ecr").describe_repositories(repositoryNames=[self.name])
        except AwsError as error:
            if error.code != "RepositoryNotFoundException":
                raise
            raise RepositoryMissingError(self.name) from error
        return dict(found["repositories"][0])


def authorization() -> str:
    """Return a new ``Authorization`` header for ECR; it is good for twelve hours. Raises ``AwsError``."""
    with translated("ECR authorization token"):
        data = client("ecr").get_authorization_token()["authorizationData"]
    return f"Basic {data[0]['authorizationToken']}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""The AWS clients of the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config

from engines.aws import AwsError, client
from engines.preflight.model import Finding, Settings

PATIENCE = 3  # seconds for any one answer: preflight must be quick
# Patient enough for an AWS that is busy for a moment: what it refuses then is no fault of the credentials.
IMPATIENT = Config(
    connect_timeout=PATIENCE,
    read_timeout=PATIENCE,
    retries={"mode": "standard", "total_max_attempts": 4},
)

Question = Callable[[], Iterator[Finding]]


@dataclass
class Cloud:
    """The account under ``settings``: its clients, and what could not be asked of it."""

    settings: Settings
    config: Config
    not_asked: list[str] = field(default_factory=list)

    def client(self, service: str, region: str = "") -> Any:
        """Return an impatient client; all are made by one thread."""
        region = region or self.settings.region
        return client(service, config=self.config, **({"region_name": region} if region else {}))

    def cannot_ask(self, what: str, error: AwsError) -> None:
        """Note that a question was not answered, which is no fault of the account."""
        self.not_asked.append(f"{what}: {error.what}")

"""MiniStack, the AWS emulator: how it is started and reached."""

from __future__ import annotations

import contextlib
import http.client
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.process import LOOPBACK, PYTHON, Program, free_ports, minimal_environment, running

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105 - what the emulator takes; it is no secret


@dataclass(frozen=True)
class Emulator:
    """An emulated AWS account on ``port`` of loopback, with its state in ``folder``.

    With ``enforce`` it lets nobody but its root user do what no policy allows. With ``target_port``, where
    the server that stands in for RDS answers, it belongs to the stack in the folder above its own, and
    restores databases. With ``tls_port`` its load balancers serve HTTPS there. ``engine`` are the settings by
    which it uses a Docker engine, if it is to use one.
    """

    port: int
    folder: Path
    region: str = REGION
    account_id: str = ACCOUNT_ID
    task_logs: Path | None = None
    enforce: bool = False
    target_port: int = 0
    tls_port: int = 0
    engine: Mapping[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Return the URL of every AWS API, of the registry, and of the load balancers' data plane."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def authority(self) -> Path:
        """Return the file of the authority whose certificates the load balancers serve."""
        return self.folder / "tls" / "ca.pem"

    def credentials(self) -> dict[str, str]:
        """Return the environment variables that lead an AWS client here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def program(self, name: str = "aws") -> Program:
        """Return how to run the emulator in the foreground. ``initialise`` it before."""
        return Program(
            name=name,
            command=(PYTHON, "-m", "rehearsal.emulator"),
            ports={name: self.port, **({f"{name}_tls": self.tls_port} if self.tls_port else {})},
            ready=self.is_ready,
            environment=minimal_environment(**self._settings()),
        )

    def initialise(self) -> None:
        """Create the folders of its state."""
        for part in ("state", "s3", "tmp", "fargate"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)

    def is_ready(self) -> bool:
        """Return whether it serves."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _stack(self) -> dict[str, str]:
        if not self.target_port:
            return {}
        return {"TARGET_PORT": str(self.target_port), "STACK_DIR": str(self.folder.parent)}

    def _settings(self) -> dict[str, str]:
        return {
            **self._stack(),
            **({"TLS_PORT": str(self.tls_port)} if self.tls_port else {}),
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": self.account_id,
            "MINISTACK_REGION": self.region,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.folder / "s3"),
            "TMPDIR": str(self.folder / "tmp"),
            "FARGATE_DIR": str(self.folder / "fargate"),
            "FARGATE_LOGS": str(self.task_logs or self.folder / "tasks"),
            # Its MQTT broker would listen on a fixed port, so that two stacks could not run side by side.
            "IOT_MTLS_ENABLED": "0",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AUTH": "true" if self.enforce else "false",
            "LOG_LEVEL": "INFO",
            "PYTHONUNBUFFERED": "1",
            **self.engine,
        }


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Emulator]:
    """Run a new, empty account on a free port for the length of a ``with`` block (for tests)."""
    port, tls_port = free_ports(2)
    emulator = Emulator(port, folder / "data", tls_port=tls_port)
    emulator.initialise()
    try:
        with running(emulator.program(), folder / "aws.log"):
            yield emulator
    finally:
        for part in ("s3", "state", "fargate", "tmp"):
            shutil.rmtree(emulator.folder / part, ignore_errors=True)

"""SeaweedFS: the source's S3 store, on loopback, with its files in one folder."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.errors import RehearsalError
from rehearsal.process import LOOPBACK, PYTHON, Program, free_ports, minimal_environment, running

KEY = "minioadmin"
REGION = "us-east-1"
_PROBE = "readiness-probe"
_VOLUMES = 500


@dataclass(frozen=True)
class StorePorts:
    """The ports of SeaweedFS: each of its five parts speaks HTTP, and gRPC on another."""

    s3: int
    master: int
    volume: int
    filer: int
    admin: int
    s3_grpc: int
    master_grpc: int
    volume_grpc: int
    filer_grpc: int
    admin_grpc: int


@dataclass(frozen=True)
class ObjectStore:
    """A store with its files in ``folder``."""

    ports: StorePorts
    folder: Path
    access_key: str = KEY
    secret_key: str = field(default=KEY, repr=False)
    region: str = REGION

    @property
    def endpoint(self) -> str:
        """Return the URL of the S3 API."""
        return f"http://{LOOPBACK}:{self.ports.s3}"

    def program(self, name: str = "object_store") -> Program:
        """Return how to run the store in the foreground. ``initialise`` it before."""
        return Program(
            name=name,
            command=_command(self),
            ports={
                name if part == "s3" else f"{name}_{part}": port for part, port in asdict(self.ports).items()
            },
            ready=self.is_ready,
            alive=self.is_alive,
            environment=minimal_environment(TMPDIR=str(self.folder / "tmp")),
            # On SIGTERM it drains for 15 to 20 seconds. Its writes are in the kernel's cache already.
            stop_signal=signal.SIGKILL,
        )

    def initialise(self) -> None:
        """Create the folder, and the file of identities that only we may read."""
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        key = {"accessKey": self.access_key, "secretKey": self.secret_key}
        identities = {"identities": [{"name": KEY, "credentials": [key], "actions": actions}]}
        file = self.folder / "identities.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(identities), encoding="utf-8")

    def client(self) -> Any:
        """Return a boto3 client that neither retries nor waits long."""
        import boto3  # noqa: PLC0415 - slow to load, and not needed to find that all is well
        import botocore.session  # noqa: PLC0415 - as boto3, slow to load
        from botocore.config import Config  # noqa: PLC0415 - as boto3, slow to load

        # The user's AWS profile has nothing to say here, and one that does not exist is no fault here.
        without_profile = botocore.session.Session({"profile": (None, None, None, None)})
        return boto3.session.Session(botocore_session=without_profile).client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=2,
                read_timeout=20,
                request_checksum_calculation="when_required",
            ),
        )

    def is_ready(self) -> bool:
        """Return whether an object can be written and removed: the API answers before it has volumes."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3, slow to load

        client = self.client()
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyExists):
                client.create_bucket(Bucket=_PROBE)
            client.put_object(Bucket=_PROBE, Key="probe", Body=b"ready?" * 200)
            client.delete_object(Bucket=_PROBE, Key="probe")
            client.delete_bucket(Bucket=_PROBE)
        except (BotoCoreError, ClientError):
            return False
        return True

    def is_alive(self) -> bool:
        """Return whether the API answers: without an S3 client, which takes half a second to load."""
        connection = http.client.HTTPConnection(LOOPBACK, self.ports.s3, timeout=5)
        try:
            connection.request("GET", "/status")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def create_buckets(self, names: Sequence[str]) -> None:
        """Create the buckets that are not there."""
        client = self.client()
        present = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for name in names:
            if name not in present:
                client.create_bucket(Bucket=name)

    def remove_sockets(self) -> None:
        """Remove the socket files that SeaweedFS leaves in /tmp."""
        ports = {str(port) for port in asdict(self.ports).values()}
        for socket in Path("/tmp").glob("seaweedfs-*.sock"):  # noqa: S108 - its place, not ours to choose
            if socket.stem.rsplit("-", 1)[-1] in ports:
                socket.unlink(missing_ok=True)


def find_binary() -> Path:
    """Return the program ``weed``, installed with our Python. Raises ``RehearsalError`` without it."""
    program = Path(PYTHON).parent / "weed"
    if not program.exists():
        raise RehearsalError("is not installed", subject="SeaweedFS (weed)", remedy="Run `make setup`.")
    return program


def _command(store: ObjectStore) -> tuple[str, ...]:
    # "mini" is the same server, but its one master elects itself at once: 1.3 seconds instead of 3.4 to 8.2.
    ports = store.ports
    options = {
        "dir": store.folder,
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "admin.port": ports.admin,
        "admin.port.grpc": ports.admin_grpc,
        "admin.ui": "false",
        "filer.port": ports.filer,
        "filer.port.grpc": ports.filer_grpc,
        "master.port": ports.master,
        "master.port.grpc": ports.master_grpc,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1000,
        "s3.autoCreateBucket": "false",
        "s3.config": store.folder / "identities.json",
        "s3.port": ports.s3,
        "s3.port.grpc": ports.s3_grpc,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        # Each bucket takes several. Left to itself it has as many as could all be full: few on a full disk.
        "volume.max": _VOLUMES,
        "volume.port": ports.volume,
        "volume.port.grpc": ports.volume_grpc,
        "webdav": "false",
    }
    return (
        str(find_binary()),
        "-logtostderr=true",
        "mini",
        *(f"-{name}={value}" for name, value in options.items()),
    )


@contextlib.contextmanager
def server(folder: Path) -> Iterator[ObjectStore]:
    """Run a new, empty store on free ports for the length of a ``with`` block (for tests). Its log stays."""
    store = ObjectStore(StorePorts(*free_ports(10)), folder / "data")
    store.initialise()
    try:
        with running(store.program(), folder / "object_store.log"):
            yield store
    finally:
        store.remove_sockets()
        shutil.rmtree(store.folder, ignore_errors=True)

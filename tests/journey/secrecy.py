"""Who can see a secret while a migration runs, and where one is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PAUSE = 0.1  # seconds between two looks
_SMALL = 1 << 20  # bytes: what is larger than this is data, not a setting


class Lookout:
    """Looks at every process and every small file of ``folders``, again and again, while it is entered.

    What is seen is kept, because some secrets are made up by the very run that is watched.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._files: dict[tuple[str, int, int], bytes] = {}
        # (process, its program) → what is on its command line, and what in its environment
        self._processes: dict[tuple[int, bytes], bytes] = {}

    def __enter__(self) -> Lookout:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()

    def seen(self, secrets: Mapping[str, str], mark: str) -> list[str]:
        """Return each secret that was where it must not be, and where.

        It may be in the environment of what belongs to source and target themselves (``mark`` is the variable
        that marks them: the source service, tasks of Fargate), and of PostgreSQL's clients, which take
        a password in no better way. Only the same user can read either.
        """
        found = set()
        for (_, command), environment in self._processes.items():
            program = os.path.basename(command.split(b"\0")[0]).decode()  # noqa: PTH119 - no path of ours
            may = mark.encode() in environment or program in {"pg_dump", "pg_restore"}
            for name, value in secrets.items():
                if value.encode() in command:
                    found.add(f"{name} on the command line of {program}")
                if value.encode() in environment and not may:
                    found.add(f"{name} in the environment of {command.replace(bytes(1), b' ')[:200]!r}")
        for (path, *_), content in self._files.items():
            found |= {f"{name} in {path}" for name, value in secrets.items() if value.encode() in content}
        return sorted(found)

    def _run(self) -> None:
        while not self._end.wait(_PAUSE):
            self._look()

    def _look(self) -> None:
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                key = int(entry.name), command
                if command and key not in self._processes:
                    self._processes[key] = (entry / "environ").read_bytes()
        for folder in self._folders:
            for path in _files(folder):
                with contextlib.suppress(OSError):
                    now = path.stat()
                    key_of_file = str(path), now.st_mtime_ns, now.st_size
                    if key_of_file not in self._files:
                        self._files[key_of_file] = path.read_bytes()


def left_in(folder: Path, secrets: Mapping[str, str], *besides: Path) -> list[str]:
    """Return each secret that a file below ``folder`` holds, save for those below one of ``besides``."""
    found = []
    for path in _files(folder, *besides):
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            found += [f"{name} in {path}" for name, value in secrets.items() if value.encode() in content]
    return found


def _files(folder: Path, *besides: Path) -> Iterator[Path]:
    apart = {str(one) for one in besides}
    for root, folders, names in os.walk(folder):
        # What is left out is not walked through either: a virtual environment has some ten thousand files.
        folders[:] = [name for name in folders if os.path.join(root, name) not in apart]  # noqa: PTH118 - quick
        for name in names:
            path = Path(root, name)
            with contextlib.suppress(OSError):
                kind = path.lstat()
                if str(path) not in apart and stat.S_ISREG(kind.st_mode) and kind.st_size <= _SMALL:
                    yield path


def reported_by(client: Any, stack: str, buckets: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what the account shows to whoever may look: a name, and all of it as text.

    ``client`` makes a client of AWS; the objects of ``buckets`` are read, too.
    """
    formation, ecs, logs, s3 = (client(one) for one in ("cloudformation", "ecs", "logs", "s3"))
    yield "the template", _text(formation.get_template(StackName=stack))
    yield "the stack", _text(formation.describe_stacks(StackName=stack))
    yield "the events", _text(formation.describe_stack_events(StackName=stack))
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        yield arn, _text(ecs.describe_task_definition(taskDefinition=arn))
    for cluster in ecs.list_clusters()["clusterArns"]:
        services = ecs.list_services(cluster=cluster)["serviceArns"]
        yield "the services", _text(ecs.describe_services(cluster=cluster, services=services))
    for group in logs.describe_log_groups()["logGroups"]:
        yield group["logGroupName"], _text(logs.filter_log_events(logGroupName=group["logGroupName"]))
    for bucket in buckets:
        for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            yield f"{bucket}/{entry['Key']}", body.decode(errors="replace")


def _text(answer: Any) -> str:
    return json.dumps(answer, default=str)

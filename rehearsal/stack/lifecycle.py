"""The rehearsal as a whole: up, down, and what runs.

``up`` may be called at any time, in any state: it finishes what is missing and changes nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic

from engines.runs import processes
from rehearsal.docker import SERVICES, Containers, client
from rehearsal.errors import RehearsalError
from rehearsal.process import KEPT, Program, Supervisor, end_marked, holder, in_use, marked
from rehearsal.servers import service
from rehearsal.stack.config import MARK, StackConfig, variable
from rehearsal.stack.space import require_space
from rehearsal.stack.startup import ContainerStartup, Startup

_MARKER = ".rehearsal-stack"


@dataclass(frozen=True)
class Report:
    """What was found or done. ``seconds`` is how long each step took."""

    changed: bool
    endpoints: Mapping[str, str]
    programs: Mapping[str, str]
    log_dir: str
    seconds: Mapping[str, float] = field(default_factory=dict)


def status(config: StackConfig) -> Report:
    """Return what runs now."""
    states = _supervisor(config).states()
    programs = {name: states.get(name, "STOPPED") for name in config.programs()}
    containers = config.containers.states() if config.containers else {}
    return _report(config, changed=False, programs={**programs, **containers})


def plan(config: StackConfig, state: str) -> Report:
    """Return what ``apply`` would report for ``state`` (``up``, ``down``; any other: as it is now)."""
    now = status(config)
    if state == "up":
        _require_own_folder(config)
        supervisor = _supervisor(config)
        complete = _is_complete(config, supervisor)
        # Without its supervisor, what holds the ports may be its own, which `up` ends first.
        if not complete:
            _require_space(config)
        if not complete and (supervisor.is_alive() or not marked(_mark(config))):
            _require_free_ports(config.programs(), supervisor)
        return replace(now, changed=not complete, programs=_running(config))
    if state == "down":
        _require_own_folder(config)
        return replace(now, changed=_is_there(config), programs=_stopped(config))
    return now


def apply(config: StackConfig, state: str) -> Report:
    """Bring the stack ``up`` or ``down``."""
    return up(config) if state == "up" else down(config)


def up(config: StackConfig) -> Report:
    """Bring the stack up. Raises ``RehearsalError`` or ``ConfigurationError`` with what is in the way."""
    _require_own_folder(config)
    with _locked(config):
        supervisor = _supervisor(config)
        if _is_complete(config, supervisor):
            return _report(config, changed=False, programs=_running(config))
        if config.containers:
            client()  # without an engine nothing is begun
        _require_space(config)
        began = monotonic()
        startup = _startup(config, supervisor)
        end_marked(config.step_mark)  # what an `up` that was killed had begun would be in our way
        programs = config.programs()
        if not (supervisor.is_alive() and supervisor.configured_for(programs.values())):
            supervisor.end()
        _require_free_ports(programs, supervisor)
        config.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (config.folder / _MARKER).touch()  # first, so that a half-made folder is known as a stack's
        for folder in (config.logs, config.folder / "done"):
            folder.mkdir(exist_ok=True)
        if not supervisor.is_alive():
            with startup.timed("supervisor"):
                supervisor.start(programs.values())
        startup.run()
        config.done("stack").touch()
        total = {**startup.seconds, "total": round(monotonic() - began, 2)}
        return _report(config, changed=True, programs=_running(config), seconds=total)


def down(config: StackConfig) -> Report:
    """End every process of the stack and delete its files. A stack that is not there stays so."""
    _require_own_folder(config)
    with _locked(config):
        there = _is_there(config)
        _supervisor(config).end()
        _end_keepers(config)
        end_marked(config.step_mark)
        if config.containers:
            there |= config.containers.remove()
        config.store.remove_sockets()
        shutil.rmtree(config.folder, ignore_errors=True)
        if config.folder.exists():
            raise RehearsalError(
                "could not be deleted", subject=str(config.folder), remedy="Delete it by hand."
            )
        return _report(config, changed=there, programs=_stopped(config))


def _end_keepers(config: StackConfig) -> None:
    """End what would give the lock of a run back that has just ended: the account that holds it is gone."""
    from engines.ledger import lease_keeper  # noqa: PLC0415 - with boto3, which nothing else here needs

    for process in marked(("AWS_ENDPOINT_URL", config.aws.endpoint)):
        if lease_keeper.__file__ in processes.command(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _is_complete(config: StackConfig, supervisor: Supervisor) -> bool:
    programs = config.programs()
    states = supervisor.states()
    return (
        config.done("stack").exists()
        and all(states.get(name) in KEPT for name in programs)
        and supervisor.configured_for(programs.values())
        and all(program.answers() for program in programs.values())
        and (not config.containers or _serves(config, config.containers))
    )


def _startup(config: StackConfig, supervisor: Supervisor) -> Startup:
    if config.containers:
        return ContainerStartup(config, supervisor, config.containers)
    return Startup(config, supervisor)


def _serves(config: StackConfig, containers: Containers) -> bool:
    """Return whether the source in containers is up: all of it, and its service in its own words."""
    return set(containers.states().values()) == {"RUNNING"} and service.is_ready(config.ports.service)


def _require_own_folder(config: StackConfig) -> None:
    """Refuse a folder with files of somebody else, because ``down`` deletes it with all that is in it."""
    folder = config.folder
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise RehearsalError(
            f"{folder} holds files that are not a stack's",
            subject="local_stack_dir",
            remedy="Name a folder that is empty or does not exist yet.",
        )


def _require_space(config: StackConfig) -> None:
    if not config.subnet:  # that of containers is their engine's
        require_space(config.folder, filled=config.done("stack").exists())


def _require_free_ports(programs: Mapping[str, Program], supervisor: Supervisor) -> None:
    states = supervisor.states()
    for program in programs.values():
        if states.get(program.name) in KEPT:
            continue
        for name, port in program.ports.items():
            if in_use(port):
                other = holder(port)
                stop = other.remedy if other else "Stop that program"
                raise RehearsalError(
                    f"127.0.0.1:{port} is in use by {other or 'another program'}",
                    subject=variable(name),
                    remedy=f"{stop}, or set {variable(name)} to a free port.",
                    details={"port": port, "program": program.name},
                )


@contextlib.contextmanager
def _locked(config: StackConfig) -> Iterator[None]:
    """Let one ``up`` or ``down`` work at a time. Where no stack is in the end, the lock goes too."""
    path = config.runtime / "lock"
    while True:
        config.runtime.mkdir(mode=0o700, exist_ok=True)
        if config.runtime.stat().st_uid != os.geteuid():
            raise RehearsalError("belongs to another user", subject=str(config.runtime), remedy="Delete it.")
        try:
            file = path.open("a")
        except FileNotFoundError:  # forgotten by a `down` in this very moment
            continue
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                continue
            try:
                yield
            finally:
                if not config.folder.exists():
                    shutil.rmtree(config.runtime, ignore_errors=True)
            return


def _running(config: StackConfig) -> dict[str, str]:
    return dict.fromkeys(_parts(config), "RUNNING")


def _stopped(config: StackConfig) -> dict[str, str]:
    return dict.fromkeys(_parts(config), "STOPPED")


def _parts(config: StackConfig) -> list[str]:
    return [*config.programs(), *(SERVICES if config.containers else ())]


def _is_there(config: StackConfig) -> bool:
    return config.folder.exists() or bool(marked(_mark(config)))


def _mark(config: StackConfig) -> tuple[str, str]:
    return MARK, str(config.folder)


def _supervisor(config: StackConfig) -> Supervisor:
    return Supervisor(config.folder, config.runtime, _mark(config))


def _report(
    config: StackConfig,
    *,
    changed: bool,
    programs: Mapping[str, str],
    seconds: Mapping[str, float] | None = None,
) -> Report:
    return Report(changed, config.endpoints(), programs, str(config.logs), seconds or {})

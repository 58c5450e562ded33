"""Starting a stack: every program at once, each step as soon as what it needs is there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

from rehearsal.docker import Containers
from rehearsal.errors import RehearsalError
from rehearsal.process import PROJECT, Program, Supervisor, wait_until_ready
from rehearsal.servers import AUTHORITY, postgres, service
from rehearsal.stack import operator_user
from rehearsal.stack.config import TARGET, StackConfig

_START = 60.0  # seconds that a program may take to serve


class Startup:
    """One start of a stack. ``seconds`` is the time of each step; what was done before is skipped."""

    def __init__(self, config: StackConfig, supervisor: Supervisor) -> None:
        self.seconds: dict[str, float] = {}
        self._config = config
        self._supervisor = supervisor
        self._programs = config.programs()
        self._mark = dict([config.step_mark])
        self._settings = {**config.service_environment(), **self._mark}

    def run(self) -> None:
        """Do all steps. Raises ``RehearsalError`` for the first that fails."""
        with ThreadPoolExecutor(max_workers=4) as pool:
            source = [pool.submit(step) for step in (self._source, self._store)]
            target = [pool.submit(step) for step in (self._aws, self._target)]
            for one in source:
                one.result()
            self._service()
            for one in target:
                one.result()

    def _source(self) -> None:
        source = self._config.source
        with self.timed("source_postgres"):
            postgres.initialise(source.folder, self._mark, source.password)
            self._serve("source_postgres")
            source.create_database(self._config.database)
        if not self._config.application:
            with self.timed("source_schema"):
                self._once("schema", self._upgrade)

    def _store(self) -> None:
        with self.timed("object_store"):
            self._config.store.initialise()
            self._serve("object_store")
            self._config.store.create_buckets(self._config.buckets)

    def _aws(self) -> None:
        with self.timed("aws"):
            self._config.aws.initialise()
            self._serve("aws")
            if self._config.operator:
                make = partial(operator_user.create, self._config.aws, self._config.operator)
                self._once("operator", partial(make, self._config.operator_credentials))
            if self._config.domain:
                self._once("zone", self._zone)

    def _zone(self) -> None:
        """Make the hosted zone of the domain, which the account has before anything is migrated."""
        domain = self._config.domain
        route53 = operator_user.client(self._config.aws, "route53")
        route53.create_hosted_zone(Name=domain, CallerReference=domain)

    def _target(self) -> None:
        config = self._config
        with self.timed(TARGET):
            if config.target_away.exists():
                raise RehearsalError(
                    "its instance was renamed, and no other has its name yet",
                    subject=TARGET,
                    remedy="Finish it with the same playbooks/rollback.yml, or run `make stack-down`.",
                )
            postgres.initialise(config.target.folder, self._mark, restorable=True, guard=config.guard)
            if config.guard and not (config.guard.folder / AUTHORITY).exists():
                raise RehearsalError(
                    "was made by an earlier checkout, and admits anybody",
                    subject=TARGET,
                    remedy="Run `make stack-down`, then the same command again.",
                )
            self._serve(TARGET)
            config.target.create_role(config.target_user, config.passwords.target_database)
            config.target.create_database(config.database, owner=config.target_user)

    def _service(self) -> None:
        with self.timed("source_data"):
            self._once("data", self._ingest)
        with self.timed("service"):
            self._write_settings()
            self._serve("service")

    def _upgrade(self) -> None:
        log = self._config.logs / "schema.log"
        service.upgrade(PROJECT, self._config.source_revision, self._settings, log)

    def _ingest(self) -> None:
        if self._config.application:
            self._config.application.fill(self._mark, self._config.logs / "ingest.log")
            return
        service.ingest(PROJECT, self._settings, self._config.logs / "ingest.log")

    def _serve(self, name: str) -> None:
        self._supervisor.run(name)
        log = self._config.logs / f"{name}.log"
        wait_until_ready(self._programs[name], lambda: self._supervisor.keeps(name), log, timeout=_START)

    def _once(self, name: str, work: Callable[[], None]) -> None:
        """Do what is done once in the life of a stack."""
        done = self._config.done(name)
        if not done.exists():
            work()
            done.touch()

    def _write_settings(self) -> None:
        """Write the service's settings to a file for the user."""
        file = self._config.folder / ".env"
        file.touch(mode=0o600)
        lines = (f"{name}={value}\n" for name, value in self._config.service_environment().items())
        file.write_text("".join(lines), encoding="utf-8")

    @contextlib.contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Measure a step."""
        began = monotonic()
        yield
        self.seconds[step] = round(monotonic() - began, 2)


class ContainerStartup(Startup):
    """One ``up`` of a stack whose source is ``containers``."""

    def __init__(self, config: StackConfig, supervisor: Supervisor, containers: Containers) -> None:
        super().__init__(config, supervisor)
        self._containers = containers

    def run(self) -> None:
        """Do all steps. Raises ``RehearsalError`` for the first that fails."""
        containers = self._containers
        with self.timed("images"):
            containers.prepare()
        with ThreadPoolExecutor(max_workers=1) as pool:
            aws = pool.submit(self._aws)
            with self.timed("source"):
                containers.start()
            with self.timed("source_data"):
                self._once("data", containers.ingest)
            ready = partial(service.is_ready, self._config.ports.service)
            program = Program(name="service", command=(), ports={}, ready=ready)
            wait_until_ready(program, containers.alive, containers.log, timeout=_START)
            aws.result()

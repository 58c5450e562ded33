"""The command line: ``python -m bmii serve | ingest FILE | buckets | generate | evaluate FILE``."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from bmii import __version__
from bmii.errors import BmiiError, ConfigurationError

# What is heavy (RDKit, FPSim2, FastAPI, pyarrow) is imported by the command that needs it, once a signal can
# already be obeyed; so those imports stand inside the functions.
# ruff: noqa: PLC0415

_FILE = click.Path(path_type=Path, dir_okay=False)
_CONFIGURATION = 2  # exit codes: the environment is wrong
_FAILED = 1  # what was asked for could not be done
# Longer than a load balancer keeps an idle connection (60 s), so that it is never the service that hangs up.
_KEEP_ALIVE = 75
_GRACE = 10  # seconds that open requests have to end


def main() -> NoReturn:
    """Run the command line; end with a message and an exit code, never with a traceback."""
    try:
        cli(standalone_mode=False)
    except click.Abort:
        _fail("stopped", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigurationError as error:
        _fail(f"the configuration is wrong: {error.message}", _CONFIGURATION)
    except BmiiError as error:
        _fail(error.message, _FAILED)
    sys.exit(0)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"bmii: {message}", err=True)
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bmii")
def cli() -> None:
    """BMII ranks protein targets for a molecule by the similarity of their known ligands."""


@cli.command()
def serve() -> None:
    """Serve the API on BIND_HOST:PORT until SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    from bmii import logs
    from bmii.settings import load_settings

    settings = load_settings()
    logs.configure(settings)
    import uvicorn

    from bmii.api import create_app

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.bind_host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
    )
    server.run()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Being told to end is no failure. While uvicorn runs it has its own handlers, and then calls these."""
    sys.exit(0)


@cli.command()
@click.argument("file", type=_FILE)
def ingest(file: Path) -> None:
    """Take FILE, a CSV of ligand-target interactions, into the platform; print what became of it as JSON."""
    from bmii import logs
    from bmii.database import make_engine
    from bmii.ingest import ingest as take_in
    from bmii.settings import load_settings
    from bmii.storage import S3StorageProvider

    settings = load_settings()
    logs.configure(settings, sys.stderr)
    engine = make_engine(settings)
    try:
        _print(asdict(take_in(engine, S3StorageProvider(settings, timeout=60), file)))
    finally:
        engine.dispose()


@cli.command()
def buckets() -> None:
    """Create the service's buckets, where the store is one's own."""
    from bmii.settings import load_settings
    from bmii.storage import S3StorageProvider

    S3StorageProvider(load_settings()).create_buckets()


@cli.command()
@click.option("--compounds", type=int, required=True, help="How many distinct molecules.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same file.")
@click.option(
    "--output", type=click.File("w", lazy=True), default="-", help="A file; standard output if not given."
)
def generate(compounds: int, seed: int, output: Any) -> None:
    """Write a CSV of made-up interactions, for benchmarks."""
    from bmii.generate import write

    rows = write(output, compounds, seed)
    click.echo(f"{compounds} compounds, {rows} interactions", err=True)


@cli.command()
@click.argument("file", type=_FILE)
@click.option("--k", type=click.IntRange(1, 100), default=5, show_default=True)
def evaluate(file: Path, k: int) -> None:
    """Print leave-one-out recall@K of the interactions in FILE as JSON."""
    from bmii.evaluate import leave_one_out
    from bmii.tabular import read_table

    try:
        data = file.read_bytes()
    except OSError as error:
        raise BmiiError(f"{file} cannot be read: {error.strerror}") from error
    _print(asdict(leave_one_out(read_table(data), k)))


def _print(values: dict[str, Any]) -> None:
    click.echo(json.dumps(values))

"""Logs: coloured lines for a person at a console, JSON lines in production.

Every library's records go the same way, so that the stream has one format.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from bmii import __version__
from bmii.settings import Settings


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logs to ``stream`` (default: standard output) in the format of the environment.

    ``LOG_LEVEL`` is for the service's own records. Libraries never go below INFO: at DEBUG botocore writes
    whole requests.
    """
    stream = stream or sys.stdout
    shared = _shared(settings)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_ending(settings, stream),
            ],
        )
    )
    level = logging.getLevelName(settings.log_level)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.INFO, level))
    logging.getLogger("bmii").setLevel(level)
    logging.getLogger("numexpr").setLevel(logging.WARNING)
    # The exporter reports each failed attempt; bmii.telemetry says it once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def _shared(settings: Settings) -> list[Processor]:
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    if settings.production:
        processors.append(_add_service)
    return processors


def _ending(settings: Settings, stream: TextIO) -> list[Processor]:
    if settings.production:
        return [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(default=str),
        ]
    return [structlog.dev.ConsoleRenderer(colors=_colours(stream))]


def _colours(stream: TextIO) -> bool:
    """Return whether to colour: a terminal, or ``FORCE_COLOR``; never with ``NO_COLOR``."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _add_service(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    return {**event, "service": "bmii", "version": __version__}


def _add_trace(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
    return event

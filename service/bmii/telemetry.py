"""Traces: to the log in development, in production to an OTLP collector where one is configured.

The collector is where the standard ``OTEL_EXPORTER_OTLP_*`` variables say, by default a sidecar on port 4318.
A collector that is away costs the service nothing but one warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi.telemetry import TelemetryConfig
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from bmii import __version__
from bmii.settings import Settings

_log = structlog.stdlib.get_logger("bmii.telemetry")

# Asked for every few seconds by load balancers and scrapers: tracing them would bury the rest.
UNTRACED = frozenset({"/health", "/metrics"})
_OTLP_TIMEOUT = 2.0  # seconds; also the most that a shutdown may wait for a collector


class LogExporter(SpanExporter):
    """Writes each span as one DEBUG record, instead of the twenty lines of the SDK's console exporter."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write ``spans`` to the log."""
        for span in spans:
            started, ended = span.start_time or 0, span.end_time or 0
            context = span.get_span_context()
            _log.debug(
                "span",
                span=span.name,
                milliseconds=round((ended - started) / 1e6, 2),
                trace_id=f"{context.trace_id:032x}" if context else "",
            )
        return SpanExportResult.SUCCESS


class QuietExporter(SpanExporter):
    """Passes spans on, and logs once that this began to fail, and once that it works again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export ``spans``."""
        result = self._exporter.export(spans)
        failing = result is not SpanExportResult.SUCCESS
        if failing and not self._failing:
            _log.warning("traces are lost: the OTLP collector does not answer (OTEL_EXPORTER_OTLP_ENDPOINT)")
        elif self._failing and not failing:
            _log.info("traces reach the OTLP collector again")
        self._failing = failing
        return result

    def shutdown(self) -> None:
        """Close the exporter."""
        self._exporter.shutdown()


def tracer_provider(settings: Settings) -> TracerProvider:
    """Return a provider that exports as ``OTEL_EXPORTER`` says. Call its ``shutdown`` at the end."""
    resource = Resource.create(
        {
            "service.name": "bmii",
            "service.version": __version__,
            "deployment.environment.name": settings.app_env,
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if settings.otel_exporter == "console":
        provider.add_span_processor(SimpleSpanProcessor(LogExporter()))
    elif settings.otel_exporter == "otlp":
        # Imported here: its HTTP client is not needed in development.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as said above

        exporter = QuietExporter(OTLPSpanExporter(timeout=_OTLP_TIMEOUT))
        provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=1024, export_timeout_millis=_OTLP_TIMEOUT * 1000)
        )
    return provider


def _untraced(scope: Mapping[str, Any]) -> bool:
    return scope.get("path") in UNTRACED


def fastapi_options(provider: TracerProvider) -> TelemetryConfig:
    """Return FastAPI's ``telemetry`` argument: one span per request, none for the paths in ``UNTRACED``."""
    return {
        "tracer_provider": provider,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "exclude": _untraced,
    }

"""Prometheus metrics: rate, errors and duration of requests, and the state of the model."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from bmii import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# One more series for each of ours, which says when it began: nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations

_LABELS = ("method", "route", "status")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """One application's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = Counter("bmii_http_requests", "Requests answered.", _LABELS, registry=self.registry)
        self._seconds = Histogram(
            "bmii_http_request_duration_seconds",
            "Seconds from the request's first byte to the answer's last.",
            _LABELS,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._compounds = Gauge(
            "bmii_model_compounds", "Compounds in the search index.", registry=self.registry
        )
        info = Gauge("bmii_info", "The version that is running.", ("version",), registry=self.registry)
        info.labels(__version__).set(1)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. ``route`` is the path's template, so that labels stay few."""
        labels = (method if method in _METHODS else "OTHER", route, str(status))
        self._requests.labels(*labels).inc()
        self._seconds.labels(*labels).observe(seconds)

    def model(self, compounds: int) -> None:
        """Say how many compounds the loaded model has (0: none is loaded)."""
        self._compounds.set(compounds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

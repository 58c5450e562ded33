"""Traces go where they should, and a collector that is away costs one warning."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest
from structlog.testing import capture_logs

from bmii import telemetry
from bmii.settings import Settings


@pytest.fixture
def collector(servers):
    """Return a list of the paths that an OTLP collector was asked for, and its URL."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield asked, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _trace(settings, count=1):
    provider = telemetry.tracer_provider(settings)
    for _ in range(count):
        with provider.get_tracer("test").start_as_current_span("GET /x"):
            pass
        provider.force_flush()
    provider.shutdown()


def test_console_is_one_line_per_span():
    with capture_logs() as records:
        _trace(Settings(otel_exporter="console"))
    (record,) = records
    assert (record["log_level"], record["span"], len(record["trace_id"])) == ("debug", "GET /x", 32)


def test_otlp_reaches_the_collector(collector, monkeypatch):
    asked, url = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    with capture_logs() as records:
        _trace(Settings(otel_exporter="otlp"))
    assert asked == ["/v1/traces"]
    assert records == []


def test_a_collector_that_is_away_is_said_once(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening: refuses
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with capture_logs() as records:
            _trace(Settings(otel_exporter="otlp"), count=2)
    assert [record["log_level"] for record in records] == ["warning"]
    assert "traces are lost" in records[0]["event"]


def test_none_exports_nothing(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with capture_logs() as records:
        _trace(Settings(otel_exporter="none"))
    assert records == []

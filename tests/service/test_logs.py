"""One format for every record, and no more records than somebody reads."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from bmii import __version__, logs
from bmii.settings import Settings


@pytest.fixture
def production():
    return Settings(app_env="production", api_key="k", database_url="postgresql://h/d")


@pytest.fixture(autouse=True)
def _restore(root_logger):
    yield
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_production_writes_json(production):
    stream = io.StringIO()
    logs.configure(production, stream)
    structlog.stdlib.get_logger("bmii.test").info("asked", top_k=5)
    logging.getLogger("some.library").warning("odd: %s", "thing")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first | {"message": "asked", "top_k": 5, "level": "info", "version": __version__} == first
    assert second["message"] == "odd: thing"


def test_an_exception_is_one_line_of_json(production):
    stream = io.StringIO()
    logs.configure(production, stream)
    try:
        raise ValueError("why")
    except ValueError:
        structlog.stdlib.get_logger("bmii.test").exception("broken")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: why" in json.loads(line)["exception"]


@pytest.mark.parametrize(
    ("stream", "variables", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
    ],
)
def test_development_is_coloured_for_a_person(monkeypatch, stream, variables, coloured):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    logs.configure(Settings(), stream)
    structlog.stdlib.get_logger("bmii.test").info("hello")
    assert "hello" in stream.getvalue()
    assert ("\x1b[" in stream.getvalue()) is coloured


def test_debug_is_for_the_service_and_not_for_its_libraries():
    stream = io.StringIO()
    logs.configure(Settings(log_level="DEBUG"), stream)
    structlog.stdlib.get_logger("bmii.test").debug("ours")
    logging.getLogger("botocore.auth").debug("a whole request")
    assert "ours" in stream.getvalue()
    assert "a whole request" not in stream.getvalue()


def test_the_level_is_obeyed():
    stream = io.StringIO()
    logs.configure(Settings(log_level="ERROR"), stream)
    structlog.stdlib.get_logger("bmii.test").warning("small")
    logging.getLogger("some.library").warning("small")
    assert stream.getvalue() == ""


def test_a_record_names_its_trace(production):
    stream = io.StringIO()
    logs.configure(production, stream)
    with TracerProvider().get_tracer("test").start_as_current_span("span") as span:
        structlog.stdlib.get_logger("bmii.test").info("inside")
    assert json.loads(stream.getvalue())["trace_id"] == f"{span.get_span_context().trace_id:032x}"

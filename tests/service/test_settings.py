"""The environment becomes settings, or one clear message."""

from __future__ import annotations

import pytest

from bmii.errors import ConfigurationError
from bmii.settings import load_settings

PRODUCTION = {"APP_ENV": "production", "API_KEY": "k", "DATABASE_URL": "postgresql+psycopg2://u:hidden@h/d"}


@pytest.fixture
def environment(monkeypatch):
    def change(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return change


def test_development_needs_nothing(environment):
    environment(API_KEY="", OBJECT_STORE_ENDPOINT="")
    settings = load_settings()
    assert (settings.app_env, settings.log_level, settings.otel_exporter) == (
        "development",
        "DEBUG",
        "console",
    )
    assert settings.object_store_use_ssl is False
    assert settings.api_key is None
    assert settings.object_store_endpoint is None
    assert settings.port == 8000


def test_production_has_defaults_of_its_own(environment):
    environment(**PRODUCTION)
    settings = load_settings()
    assert (settings.log_level, settings.otel_exporter, settings.object_store_use_ssl) == (
        "INFO",
        "none",  # there is no collector until somebody brings one
        True,
    )


def test_a_variable_overrides_the_default_of_the_environment(environment):
    environment(**PRODUCTION, LOG_LEVEL="warning", OTEL_EXPORTER="otlp")
    assert (load_settings().log_level, load_settings().otel_exporter) == ("WARNING", "otlp")


def test_the_prefix_makes_the_bucket_names(environment):
    assert load_settings().bucket("raw") == "raw"
    environment(OBJECT_STORE_BUCKET_PREFIX="bmii-")
    assert load_settings().bucket("raw") == "bmii-raw"


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@h/d", "postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"]
)
def test_every_postgresql_url_means_the_one_driver(environment, url):
    environment(DATABASE_URL=url)
    assert load_settings().database_url.get_secret_value() == "postgresql+psycopg2://u:p@h/d"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({**PRODUCTION, "API_KEY": ""}, "API_KEY must be set"),
        ({**PRODUCTION, "API_KEY": "  "}, "API_KEY must be set"),
        ({**PRODUCTION, "DATABASE_URL": ""}, "DATABASE_URL must be set"),
        ({"APP_ENV": "staging"}, "APP_ENV"),
        ({"DATABASE_URL": "mysql://u:hidden@h/d"}, "DATABASE_URL must be a URL that starts with"),
        (
            {"OBJECT_STORE_ENDPOINT": "http://minio:9000"},
            "OBJECT_STORE_ENDPOINT is host:port without a scheme",
        ),
        ({"OBJECT_STORE_ACCESS_KEY": "hidden"}, "are set together or not at all"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"PORT": "70000"}, "PORT"),
        ({"OTEL_EXPORTER": "jaeger"}, "OTEL_EXPORTER"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_is_shown(environment, changes, said):
    environment(**changes)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert said in caught.value.message
    assert "hidden" not in caught.value.message


def test_production_without_a_key_refuses_to_start(bmii):
    result = bmii({**PRODUCTION, "API_KEY": ""}, "serve")
    assert result.returncode == 2
    assert result.stderr.startswith("bmii: the configuration is wrong: API_KEY must be set")
    assert "Traceback" not in result.stderr
    assert "hidden" not in result.stderr + result.stdout

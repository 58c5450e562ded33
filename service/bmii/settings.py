"""What the service reads from its environment. One name per setting, in capitals, without a prefix.

A variable that is set to nothing counts as not set.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bmii.errors import ConfigurationError

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Exporter = Literal["console", "otlp", "none"]

# What an environment means when nothing else is said.
_DEVELOPMENT = {"log_level": "DEBUG", "otel_exporter": "console", "object_store_use_ssl": False}
_PRODUCTION = {"log_level": "INFO", "otel_exporter": "none", "object_store_use_ssl": True}


class Settings(BaseSettings):
    """The service's settings, checked. Build them with ``load_settings``, which words what is wrong."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    app_env: Literal["development", "production"] = "development"
    database_url: SecretStr = SecretStr(
        "postgresql+psycopg2://postgres:postgres@localhost:5432/bio_bind_rank"
    )
    object_store_endpoint: str | None = None
    object_store_access_key: str | None = None
    object_store_secret_key: SecretStr | None = None
    object_store_region: str = "us-east-1"
    object_store_use_ssl: bool = False
    object_store_bucket_prefix: str = Field(default="", pattern=r"^[a-z0-9.-]{0,40}$")
    api_key: SecretStr | None = None
    log_level: LogLevel = "DEBUG"
    otel_exporter: Exporter = "console"
    bind_host: str = "0.0.0.0"  # noqa: S104 - a container listens on every address it is given
    port: int = Field(default=8000, ge=0, le=65535)
    image_digest: str = ""

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_environment(cls, values: dict[str, Any]) -> dict[str, Any]:
        production = str(values.get("app_env", "development")).strip() == "production"
        return {**(_PRODUCTION if production else _DEVELOPMENT), **values}

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _driver(cls, value: SecretStr) -> SecretStr:
        scheme, separator, rest = value.get_secret_value().partition("://")
        if not separator or scheme not in {"postgresql", "postgres", "postgresql+psycopg2"}:
            raise ValueError("must be a URL that starts with postgresql+psycopg2://")
        return SecretStr(f"postgresql+psycopg2://{rest}")

    @field_validator("object_store_endpoint")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value and ("://" in value or "/" in value or not value.strip()):
            raise ValueError(
                "is host:port without a scheme, for example minio:9000 (see OBJECT_STORE_USE_SSL)"
            )
        return value

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if bool(self.object_store_access_key) != bool(self.object_store_secret_key):
            raise ValueError(
                "OBJECT_STORE_ACCESS_KEY and OBJECT_STORE_SECRET_KEY are set together or not at all"
            )
        if self.app_env == "production":
            if not (self.api_key and self.api_key.get_secret_value().strip()):
                raise ValueError(
                    "API_KEY must be set when APP_ENV is production: the service would be open to all"
                )
            if "database_url" not in self.model_fields_set:
                raise ValueError("DATABASE_URL must be set when APP_ENV is production")
        return self

    @property
    def production(self) -> bool:
        """Whether this is the environment that serves users."""
        return self.app_env == "production"

    def bucket(self, kind: str) -> str:
        """Return the name of the bucket for ``kind`` (raw, processed, features, artifacts)."""
        return f"{self.object_store_bucket_prefix}{kind}"


def load_settings(**overrides: Any) -> Settings:
    """Read the environment. Raises ``ConfigurationError`` naming each wrong variable, without its value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = [_problem(item["loc"], item["msg"]) for item in error.errors(include_input=False)]
        raise ConfigurationError("; ".join(problems)) from None


def _problem(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{str(location[0]).upper()} {message}" if location else message

"""The target's address, in each form in which an ``env.py`` may ask for it."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa
from alembic.config import Config

from engines.postgres.session import parse
from engines.schema.given_address import given, url_of

ODD = "per%cent a@b:c/d?e#f"
ADDRESS = parse(
    "host=db.example hostaddr=10.0.0.1 port=5433 user=app dbname=data sslmode=verify-full "
    f"sslrootcert=/rds.pem password='{ODD}'"
)


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg", ""])
def test_a_url_says_all_that_libpq_takes(driver: str) -> None:
    url = sa.make_url(url_of(ADDRESS, driver))
    assert url.drivername == (f"postgresql+{driver}" if driver else "postgresql")
    assert (url.host, url.port, url.username, url.password, url.database) == (
        "db.example", 5433, "app", ODD, "data"
    )  # fmt: skip
    assert dict(url.query) == {"hostaddr": "10.0.0.1", "sslmode": "verify-full", "sslrootcert": "/rds.pem"}
    assert parse(url_of(ADDRESS, driver)).parameters == ADDRESS.parameters


def test_asyncpg_takes_fewer_arguments() -> None:
    url = sa.make_url(url_of(ADDRESS, "asyncpg"))
    assert (url.host, dict(url.query)) == ("db.example", {"ssl": "verify-full"})


def test_a_socket_and_several_hosts_are_said_as_well() -> None:
    for host in ("/run/postgresql", "one,two"):
        address = parse(f"host={host} user=app dbname=data")
        assert parse(url_of(address, "psycopg2")).parameters == address.parameters


@pytest.mark.parametrize(
    ("ini", "env_py", "driver"),
    [
        ("", "", "psycopg2"),
        ("driver://user:pass@localhost/dbname", "", "psycopg2"),  # as `alembic init` leaves it
        ("postgresql+psycopg://old", "", "psycopg"),
        ("postgresql+asyncpg://old", "", "asyncpg"),
        ("%(MISSING)s", "from x import async_engine_from_config", "asyncpg"),
        ("", "create_async_engine(url)", "asyncpg"),
    ],
)
def test_it_is_given_everywhere_with_the_projects_driver(tmp_path, monkeypatch, ini, env_py, driver) -> None:
    (tmp_path / "env.py").write_text(env_py, encoding="utf-8")
    file = tmp_path / "alembic.ini"
    file.write_text(f"[alembic]\nscript_location = %(here)s\nsqlalchemy.url = {ini}\n", encoding="utf-8")
    monkeypatch.setenv("OF_THE_PROJECT", "postgresql+psycopg://app@source/data")
    monkeypatch.setenv("PGSERVICE", "source")
    config, before = Config(str(file)), dict(os.environ)
    url = url_of(ADDRESS, driver)

    with given(config, ADDRESS):
        assert config.get_main_option("sqlalchemy.url") == url
        assert config.get_section("alembic")["sqlalchemy.url"] == url
        assert f"url={url}" in config.cmd_opts.x
        assert os.environ["DATABASE_URL"] == url
        assert os.environ["OF_THE_PROJECT"] == url_of(ADDRESS, "psycopg")
        assert (os.environ["PGHOST"], os.environ["PGPORT"]) == ("db.example", "5433")
        assert (os.environ["POSTGRES_SERVER"], os.environ["DB_PORT"]) == ("db.example", "5433")
        assert (os.environ["POSTGRES_DB"], os.environ["DB_PASSWORD"]) == ("data", ODD)
        assert "PGSERVICE" not in os.environ
    assert dict(os.environ) == before

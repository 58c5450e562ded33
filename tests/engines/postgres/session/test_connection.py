"""Addresses are read in every usual form, and no message ever shows a password."""

from __future__ import annotations

import traceback

import pytest

from engines.errors import ConfigurationError, EngineError
from engines.postgres.copy.dump_archive import dump
from engines.postgres.session import connection
from engines.postgres.session.client_tools import Programs, environment, find
from engines.postgres.session.errors import AbsentError, UnreachableError, connecting

SECRET = "Tr0ub4dor"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://me:{SECRET}@host:5433/db",
        f"postgres://me:{SECRET}@host:5433/db",
        f"postgresql+psycopg2://me:{SECRET}@host:5433/db",
        f"host=host port=5433 user=me dbname=db password={SECRET}",
    ],
)
def test_every_form_of_address_is_read(text):
    address = connection.parse(text)
    assert address.parameters["password"] == SECRET
    assert str(address) == "me@host:5433/db"
    assert SECRET not in repr(address)


@pytest.mark.parametrize(
    "text",
    [f"postgresql://me:{SECRET}@ho st:1/db?x", f"mysql://me:{SECRET}@host/db", f"password={SECRET} oops"],
)
def test_an_unreadable_address_is_not_quoted(text):
    with pytest.raises(ConfigurationError) as caught:
        connection.parse(text, name="source")
    assert SECRET not in "".join(traceback.format_exception(caught.value, chain=True))
    assert "source" in str(caught.value)


def test_an_address_without_database_is_refused():
    with pytest.raises(ConfigurationError, match="names no database"):
        connection.parse("postgresql://me@host")


def with_parts(address, **parts):
    return connection.Address({**address.parameters, **parts})


def test_failures_to_connect_are_distinguished(ends, postgres_server):
    cases = {
        "wrong user or password": {"password": SECRET},
        "database does not exist": {"dbname": "nowhere"},
        "nothing answers": {"port": "1"},
        "host name is unknown": {"host": "no-such-host.invalid"},
        "does not offer TLS": {"sslmode": "require"},
        "unknown option": {"colour": "red"},
        "cannot connect": {"port": "port"},
    }
    for what, parts in cases.items():
        with pytest.raises(EngineError, match=what) as caught:
            connection.connect(with_parts(ends.target, **parts))
        text = "".join(traceback.format_exception(caught.value))
        assert SECRET not in text
        assert caught.value.remedy or what == "unknown option"


def test_only_a_missing_database_counts_as_absent():
    assert isinstance(connecting("could not translate host name", "x"), AbsentError)
    assert isinstance(connecting('FATAL: database "x" does not exist', "x"), AbsentError)
    for text in (
        "password authentication failed",
        "no pg_hba.conf entry for host, no encryption",
        "surprise",
    ):
        error = connecting(text, "x")
        assert isinstance(error, UnreachableError)
        assert not isinstance(error, AbsentError)


def test_client_programs_fit_both_servers():
    assert find(15, 15).major >= 15
    assert find(12, 18).major >= 12
    with pytest.raises(ConfigurationError, match="pg_dump 99 or later is needed"):
        find(99, 99)


def test_the_password_goes_to_a_program_by_its_environment_alone(ends, tmp_path):
    spy = tmp_path / "pg_dump"
    spy.write_text('#!/bin/sh\necho "$@"; echo "$PGPASSWORD $PGUSER $PGDATABASE $PGCONNECT_TIMEOUT"\n')
    spy.chmod(0o755)
    address = with_parts(ends.target, connect_timeout="5")
    said = dump(Programs(15, str(spy), ""), address, "snap", schemas=['a"b'], excluded=[("s", "t")])
    arguments, reported = said.content.decode().splitlines()
    assert "s3cr" not in arguments
    assert '--schema="a""b"' in arguments
    assert '--exclude-table="s"."t"' in arguments
    assert reported == f"s3cr:t/@ master {ends.target_name} 5"
    assert environment(address)["PGPORT"] == address.parameters["port"]

"""Databases in other encodings than UTF-8 are cloned, or refused by name."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import ConfigurationError, EngineError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection

TEXTS = {"LATIN1": "café ü", "WIN1252": "café €", "EUC_JP": "日本語"}


def on(url, *statements):
    with psycopg.connect(url, autocommit=True, client_encoding="utf8") as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture
def encoded(postgres_server):
    """Return ``make(encoding, number)``, which creates a database and returns its address and URL."""

    def make(name, encoding, owner="postgres"):
        on(
            postgres_server.url(),
            f"DROP DATABASE IF EXISTS {name} (FORCE)",
            f"CREATE DATABASE {name} OWNER {owner} ENCODING '{encoding}' "
            "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        )
        return postgres_server.url(name)

    return make


@pytest.mark.parametrize("encoding", TEXTS)
def test_names_comments_definitions_and_rows_arrive(encoded, encoding):
    text = TEXTS[encoding]
    source, target = encoded("encoded_source", encoding), encoded("encoded_target", encoding)
    on(
        source,
        f"CREATE TABLE \"{text}\" (id int PRIMARY KEY, v text DEFAULT '{text}' CHECK (v <> '{text}!'))",
        f"ALTER TABLE \"{text}\" ADD said text DEFAULT '{text}'",
        f'DO $$BEGIN INSERT INTO "{text}" (id) VALUES (1); END$$',  # noqa: S608 - a constant of this file
        f"COMMENT ON TABLE \"{text}\" IS '{text}'",
        f"CREATE FUNCTION said() RETURNS text LANGUAGE sql AS $$SELECT '{text}'$$",
        f'CREATE INDEX ON "{text}" (v)',
    )
    ends = connection.parse(source), connection.parse(target)
    clone_database(*ends, CloneOptions(), check=False, emit=emit)
    assert compare_databases(*ends).differences() == []
    assert not clone_database(*ends, CloneOptions(), check=True, emit=emit).plan.changes


def test_bytes_that_are_no_text_are_refused_without_a_traceback(encoded):
    source, target = encoded("encoded_source", "SQL_ASCII"), encoded("encoded_target", "SQL_ASCII")
    with psycopg.connect(source, autocommit=True, client_encoding="latin1") as session:
        session.execute("CREATE TABLE plain (id int PRIMARY KEY)")
        session.execute("COMMENT ON TABLE plain IS 'caf\u00e9'")
    with pytest.raises(EngineError, match="not valid in UTF-8"):
        clone_database(
            connection.parse(source), connection.parse(target), CloneOptions(), check=False, emit=emit
        )


def test_two_encodings_are_refused(encoded):
    source, target = encoded("encoded_source", "LATIN1"), encoded("encoded_target", "UTF8")
    with pytest.raises(ConfigurationError, match="its encoding is UTF8, the source's is LATIN1"):
        clone_database(
            connection.parse(source), connection.parse(target), CloneOptions(), check=True, emit=emit
        )

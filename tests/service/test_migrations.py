"""The schema goes forward and back, agrees with the models, and takes along what is there."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from engines.postgres.session import advisory_lock

COMPOUND = (
    "INSERT INTO compounds (name, smiles, formula, fingerprint) "
    "VALUES ('a', 'C', 'CH4', decode(repeat('00', 256), 'hex'))"
)
INTERACTIONS = (
    "SELECT activity_type::text, potency::float, sha256 "
    "FROM interactions JOIN ingests i ON i.id = ingest_id ORDER BY 1"
)
COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
    "WHERE table_schema = 'public' ORDER BY 1, 2"
)


@pytest.fixture
def configuration(alembic_ini, bare_platform):
    def with_connection(connection):
        config = Config(str(alembic_ini))
        config.attributes["connection"] = connection
        return config

    return with_connection


def _tables(platform):
    return set(inspect(platform.engine).get_table_names())


def test_models_and_migrations_agree(platform, configuration):
    with platform.engine.begin() as connection:
        command.check(configuration(connection))


def test_all_the_way_back_and_forward_again(platform, configuration):
    with platform.engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
    assert _tables(platform) == {"alembic_version"}
    assert platform.rows("SELECT count(*) FROM pg_type WHERE typname = 'activity_type'") == [(0,)]
    platform.migrate()
    assert {"compounds", "targets", "interactions", "ingests", "rankings"} < _tables(platform)


def test_rows_of_the_first_schema_survive_to_the_newest(bare_platform):
    bare_platform.migrate("0001")
    with bare_platform.engine.begin() as connection:
        connection.exec_driver_sql(COMPOUND)
        connection.exec_driver_sql(
            "INSERT INTO targets (accession, symbol, name) VALUES ('P12345', 'S', 'n')"
        )
        connection.exec_driver_sql(
            "INSERT INTO interactions (compound_id, target_id, activity_type, value_nm, source) "
            "VALUES (1, 1, 'Ki', 10, 's'), (1, 1, 'unheard of', NULL, 's')"
        )
    bare_platform.migrate()
    rows = bare_platform.rows(INTERACTIONS)
    assert rows == [("Ki", 8.0, "before-0002"), ("other", None, "before-0002")]
    assert bare_platform.rows("SELECT ligands, best_potency::float FROM target_summary") == [(1, 8.0)]


def test_the_last_revision_only_adds(platform, alembic_ini):
    head = platform.rows(COLUMNS)
    script = ScriptDirectory.from_config(Config(str(alembic_ini)))
    previous = script.get_revision(script.get_current_head()).down_revision
    with platform.engine.begin() as connection:
        config = Config(str(alembic_ini))
        config.attributes["connection"] = connection
        command.downgrade(config, previous)
    assert [row for row in platform.rows(COLUMNS) if row not in head] == []


def test_a_connection_that_is_handed_in_keeps_its_transaction(bare_platform, configuration):
    with bare_platform.engine.connect() as connection, connection.begin() as transaction:
        command.upgrade(configuration(connection), "head")
        transaction.rollback()
    assert "compounds" not in _tables(bare_platform)


def test_without_a_url_it_says_what_to_set(alembic_ini):
    result = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(alembic_ini), "current"],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert result.returncode == 1
    assert result.stderr.strip().startswith("migrations: set DATABASE_URL")


def test_it_prints_sql_and_leaves_logging_alone(alembic_ini, platform):
    result = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(alembic_ini), "upgrade", "0002:0003", "--sql"],
        env={"PATH": "", "DATABASE_URL": platform.environment["DATABASE_URL"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=250,
    )
    assert "CREATE TYPE activity_type AS ENUM" in result.stdout
    assert result.stderr == ""


def test_two_upgrades_at_once_do_not_race(bare_platform, alembic_ini):
    environment = {"PATH": "", "DATABASE_URL": bare_platform.environment["DATABASE_URL"]}
    arguments = [sys.executable, "-m", "alembic", "-c", str(alembic_ini), "upgrade", "head"]
    both = [subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate(timeout=250)[1] for process in both] == [b"", b""]
    assert [process.returncode for process in both] == [0, 0]
    assert "rankings" in _tables(bare_platform)


def test_an_upgrade_by_hand_waits_for_one_by_the_module(bare_platform, alembic_ini):
    environment = {"PATH": "", "DATABASE_URL": bare_platform.environment["DATABASE_URL"]}
    arguments = [sys.executable, "-m", "alembic", "-c", str(alembic_ini), "upgrade", "head"]
    # It ends each try with a commit, and what goes before its first try with none.
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT'"
        " AND pid <> pg_backend_pid()"
    )
    with bare_platform.engine.connect() as other:
        other.exec_driver_sql(advisory_lock.TRY)
        other.rollback()  # the lock is the session's
        assert bare_platform.rows(waits) == [(0,)]
        with subprocess.Popen(arguments, env=environment) as upgrade:
            while bare_platform.rows(waits) == [(0,)]:
                assert upgrade.poll() is None
                time.sleep(0.1)
            assert "rankings" not in _tables(bare_platform)
            other.exec_driver_sql(advisory_lock.RELEASE)
            assert upgrade.wait(timeout=250) == 0
    assert "rankings" in _tables(bare_platform)

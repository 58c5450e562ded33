"""A platform of its own for each test: an empty database at the newest schema, and four empty buckets."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from bmii.database import make_engine
from bmii.errors import MissingObjectError
from bmii.settings import Settings
from bmii.storage import KINDS, S3StorageProvider
from rehearsal.process import free_ports

ROOT = Path(__file__).parents[2]
ALEMBIC = ROOT / "migrations" / "alembic.ini"
ROWS = """\
compound,smiles,formula,target_accession,target_symbol,target_name,activity_type,activity_value_nm,source
aspirin,CC(=O)Oc1ccccc1C(=O)O,C9H8O4,P23219,PTGS1,Prostaglandin G/H synthase 1,IC50,2000,test
aspirin,CC(=O)Oc1ccccc1C(=O)O,C9H8O4,P35354,PTGS2,Prostaglandin G/H synthase 2,IC50,,test
salicylic acid,O=C(O)c1ccccc1O,C7H6O3,P35354,PTGS2,Prostaglandin G/H synthase 2,Ki,5000,test
ibuprofen,CC(C)Cc1ccc(cc1)C(C)C(=O)O,C13H18O2,P35354,PTGS2,Prostaglandin G/H synthase 2,IC50,1100,test
caffeine,Cn1cnc2c1c(=O)n(C)c(=O)n2C,C8H10N4O2,P29274,ADORA2A,Adenosine receptor A2a,Ki,2400,test
"""
_numbers = itertools.count(1)


def _migrate(url: str, revision: str) -> None:
    os.environ["DATABASE_URL"], before = url, os.environ.get("DATABASE_URL")
    try:
        command.upgrade(Config(str(ALEMBIC)), revision)
    finally:
        os.environ.pop("DATABASE_URL")
        if before is not None:
            os.environ["DATABASE_URL"] = before


@dataclass
class Platform:
    """Settings for a database and a store, and a look into both."""

    environment: dict[str, str]
    settings: Settings
    engine: Engine
    store: S3StorageProvider

    def rows(self, query: str) -> list[Any]:
        """Return what ``query`` gives."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def keys(self, kind: str) -> list[str]:
        """Return the keys of a bucket."""
        page = self.store.client.list_objects_v2(Bucket=self.store.bucket(kind))
        return [item["Key"] for item in page.get("Contents", [])]

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m bmii`` with these settings."""
        return _run(self.environment | changes, *arguments)

    def migrate(self, revision: str = "head") -> None:
        """Bring the database to ``revision``."""
        _migrate(self.environment["DATABASE_URL"], revision)


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bmii", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch):
    """Keep the settings that a developer has exported out of the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def bare_platform(postgres_server, object_store):
    """Return a platform whose database has no table and whose store has no object."""
    number = next(_numbers)
    database = f"service_{number}"
    postgres_server.create_database(database)
    environment = {
        "APP_ENV": "development",
        "DATABASE_URL": postgres_server.url(database, driver="psycopg2"),
        "OBJECT_STORE_ENDPOINT": object_store.endpoint.removeprefix("http://"),
        "OBJECT_STORE_ACCESS_KEY": object_store.access_key,
        "OBJECT_STORE_SECRET_KEY": object_store.secret_key,
        "OBJECT_STORE_BUCKET_PREFIX": "service-",
        "OTEL_EXPORTER": "none",
    }
    settings = Settings(**{name.lower(): value for name, value in environment.items()})
    engine = make_engine(settings)
    platform = Platform(environment, settings, engine, S3StorageProvider(settings))
    # Buckets are few and shared: each takes several of the store's volumes for good.
    for kind in KINDS:
        with contextlib.suppress(MissingObjectError):
            platform.store.check(kind)
            for key in platform.keys(kind):
                platform.store.client.delete_object(Bucket=platform.store.bucket(kind), Key=key)
    yield platform
    engine.dispose()


@pytest.fixture
def platform(bare_platform):
    """Return an empty platform at the newest schema."""
    bare_platform.migrate()
    bare_platform.store.create_buckets()
    return bare_platform


@pytest.fixture(scope="session")
def bmii():
    """Return a function that runs ``python -m bmii`` with nothing but the given environment."""
    return _run


@pytest.fixture(scope="session")
def alembic_ini():
    """Return the path of Alembic's configuration."""
    return ALEMBIC


@pytest.fixture(scope="session")
def service():
    """Return the folder of the service."""
    return ROOT / "service"


@pytest.fixture
def interactions(tmp_path):
    """Return a file of five good rows."""
    path = tmp_path / "interactions.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


@pytest.fixture
def free_port():
    """Return a port where nothing listens."""
    (port,) = free_ports(1)
    return port

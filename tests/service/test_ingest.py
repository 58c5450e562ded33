"""A file goes to every place it belongs to, or to none."""

from __future__ import annotations

import hashlib
import io
import json

import pyarrow.parquet as pq
import pytest

from bmii import artifacts
from bmii import ingest as ingest_module
from bmii.errors import DatabaseError, IngestError, StorageError
from bmii.ingest import ingest
from bmii.search import SearchIndex
from bmii.storage import KINDS, S3StorageProvider

COUNTS = (
    "SELECT (SELECT count(*) FROM compounds), (SELECT count(*) FROM targets), "
    "(SELECT count(*) FROM interactions), (SELECT count(*) FROM ingests)"
)


class Failing(S3StorageProvider):
    """A store that fails when one kind of object is written."""

    def __init__(self, settings, kind):
        super().__init__(settings)
        self._kind = kind

    def put(self, kind, key, data, **options):
        if kind == self._kind:
            raise StorageError("the store went away")
        return super().put(kind, key, data, **options)


def test_a_file_arrives_everywhere(platform, interactions):
    outcome = ingest(platform.engine, platform.store, interactions)
    assert (outcome.changed, outcome.accepted, outcome.rejected, outcome.compounds) == (True, 5, 0, 4)
    assert platform.rows(COUNTS) == [(4, 3, 5, 1)]
    folder = f"ingests/{outcome.sha256[:12]}"
    assert platform.keys("raw") == [f"{folder}/interactions.csv"]
    assert platform.store.get("raw", f"{folder}/interactions.csv") == interactions.read_bytes()
    processed = pq.read_table(io.BytesIO(platform.store.get("processed", f"{folder}/interactions.parquet")))
    assert processed.column("target_symbol").to_pylist() == ["PTGS1", "PTGS2", "PTGS2", "PTGS2", "ADORA2A"]
    features = pq.read_table(io.BytesIO(platform.store.get("features", f"{folder}/fingerprints.parquet")))
    stored = {
        smiles: bytes(bits) for smiles, bits in platform.rows("SELECT smiles, fingerprint FROM compounds")
    }
    assert {row["smiles"]: row["fingerprint"] for row in features.to_pylist()} == stored


def test_the_manifest_names_the_index_by_its_digest(platform, interactions):
    outcome = ingest(platform.engine, platform.store, interactions)
    manifest = json.loads(platform.store.get("artifacts", "manifest.json"))
    index = platform.store.get("artifacts", manifest["index_key"])
    assert manifest["index_sha256"] == hashlib.sha256(index).hexdigest()
    assert manifest["version"] == outcome.model_version
    assert manifest["ingests"] == [outcome.sha256]
    assert len(SearchIndex(index)) == manifest["compounds"] == 4


def test_objects_carry_a_type_and_their_digest(platform, interactions):
    ingest(platform.engine, platform.store, interactions)
    for kind in KINDS:
        for key in platform.keys(kind):
            head = platform.store.client.head_object(Bucket=platform.store.bucket(kind), Key=key)
            assert head["ContentType"] not in {"binary/octet-stream", ""}
            assert head["Metadata"]["sha256"] == hashlib.sha256(platform.store.get(kind, key)).hexdigest()


def test_the_same_file_again_changes_nothing(platform, interactions):
    first = ingest(platform.engine, platform.store, interactions)
    writes = Failing(platform.settings, "raw")
    again = ingest(platform.engine, writes, interactions)
    assert again.changed is False
    assert (again.model_version, again.accepted) == (first.model_version, 5)
    assert platform.rows(COUNTS) == [(4, 3, 5, 1)]


def test_a_second_file_adds_to_the_first(platform, interactions):
    ingest(platform.engine, platform.store, interactions)
    text = interactions.read_text().replace(
        "caffeine,Cn1cnc2c1c(=O)n(C)c(=O)n2C,C8H10N4O2", "ethanol,CCO,C2H6O"
    )
    interactions.write_text(text.replace("IC50,2000", "IC50,1500"))
    outcome = ingest(platform.engine, platform.store, interactions)
    assert (outcome.changed, outcome.compounds) == (True, 5)
    assert platform.rows(COUNTS) == [(5, 3, 6, 2)]
    query = (
        "SELECT value_nm, potency FROM interactions JOIN targets t ON t.id = target_id WHERE symbol = 'PTGS1'"
    )
    ((value, potency),) = platform.rows(query)
    assert (float(value), float(potency)) == (1500.0, 5.824)


def test_bad_rows_are_counted_and_reported(platform, interactions):
    interactions.write_text(interactions.read_text() + "bad,C1CC,,P23219,PTGS1,x,Ki,1,test\nshort,row\n")
    result = platform.run("ingest", str(interactions))
    outcome = json.loads(result.stdout)
    assert (result.returncode, outcome["accepted"], outcome["rejected"]) == (0, 5, 2)
    report = platform.store.get("processed", outcome["rejects_report"]).decode().splitlines()
    assert report[1].startswith("7,smiles: this is not a valid SMILES,bad")
    assert report[2].startswith("8,has 2 fields instead of 9,short,row")


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_that_fails_midway_leaves_no_row_and_no_manifest(platform, interactions, kind):
    with pytest.raises(StorageError):
        ingest(platform.engine, Failing(platform.settings, kind), interactions)
    assert platform.rows(COUNTS) == [(0, 0, 0, 0)]
    assert artifacts.MANIFEST not in platform.keys("artifacts")
    assert ingest(platform.engine, platform.store, interactions).changed is True
    assert platform.rows(COUNTS) == [(4, 3, 5, 1)]


def test_a_run_that_died_before_the_manifest_is_finished_by_the_next(platform, interactions, monkeypatch):
    def die(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "write_manifest", die)
        with pytest.raises(KeyboardInterrupt):
            ingest(platform.engine, platform.store, interactions)
    assert platform.rows(COUNTS) == [(4, 3, 5, 1)]
    assert ingest(platform.engine, platform.store, interactions).changed is True
    assert artifacts.read_manifest(platform.store).compounds == 4
    assert ingest(platform.engine, platform.store, interactions).changed is False
    assert platform.rows(COUNTS) == [(4, 3, 5, 1)]


def test_a_useless_file_writes_nothing(platform, interactions):
    interactions.write_text(
        interactions.read_text().splitlines()[0] + "\nbad,C1CC,,P23219,PTGS1,x,Ki,1,test\n"
    )
    with pytest.raises(IngestError):
        ingest(platform.engine, platform.store, interactions)
    assert platform.rows(COUNTS) == [(0, 0, 0, 0)]
    assert [key for kind in KINDS for key in platform.keys(kind)] == []


def test_a_database_without_the_schema_is_said(bare_platform, interactions):
    bare_platform.store.create_buckets()
    with pytest.raises(DatabaseError, match="has not the schema"):
        ingest(bare_platform.engine, bare_platform.store, interactions)
    result = bare_platform.run("ingest", str(interactions))
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)


def test_the_lock_is_given_back(platform, interactions):
    ingest(platform.engine, platform.store, interactions)
    assert platform.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]

"""Ingesting a file: raw → processed → features → database and search index, all of it or nothing.

The rows go into the database in one transaction, which commits only when every object is written. The
manifest, which makes the new model the current one, comes last. A run that died between the two is finished
by running it again; objects are named by the file's digest, so that a second attempt writes the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from bmii import __version__, parquet
from bmii.artifacts import Manifest, make_manifest, read_manifest, write_manifest
from bmii.database import translated
from bmii.errors import IngestError
from bmii.models import Compound, Ingest, Target
from bmii.models import Interaction as InteractionRow
from bmii.search import build_index
from bmii.storage import S3StorageProvider
from bmii.tabular import Interaction, Table, read_table

_LOCK = 0x626D6969  # "bmii": one file is ingested at a time
_log = structlog.stdlib.get_logger("bmii.ingest")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file. ``changed`` is false when it had been ingested before."""

    changed: bool
    sha256: str
    accepted: int
    rejected: int
    rejects_report: str
    model_version: str
    compounds: int


def ingest(engine: Engine, store: S3StorageProvider, path: Path) -> Outcome:
    """Ingest ``path``, unless it has been. Raises ``IngestError``, ``DatabaseError`` or ``StorageError``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IngestError(f"{path} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    with translated(), _alone(engine) as connection:
        known = _known(connection, digest)
        manifest = read_manifest(store)
        connection.commit()
        if known and manifest and digest in manifest.ingests:
            return _outcome(False, known, manifest)
        with connection.begin():
            if known is None:
                known = _take_in(connection, store, path.name, data, digest)
            manifest = _build_model(connection, store)
        write_manifest(store, manifest)
        return _outcome(True, known, manifest)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Yield a connection while no other ingest runs on this database."""
    with engine.connect() as connection:
        connection.execute(select(func.pg_advisory_lock(_LOCK)))
        connection.commit()
        try:
            yield connection
        finally:
            # Closing the session gives the lock back; a connection in the pool would keep it.
            connection.invalidate()


def _known(connection: Connection, digest: str) -> dict[str, Any] | None:
    columns = (Ingest.sha256, Ingest.rows_accepted, Ingest.rows_rejected)
    row = connection.execute(select(*columns).where(Ingest.sha256 == digest)).mappings().first()
    return dict(row) if row else None


def _take_in(
    connection: Connection, store: S3StorageProvider, name: str, data: bytes, digest: str
) -> dict[str, Any]:
    """Write the file's rows and objects, and return what ``_known`` would."""
    table = read_table(data)
    known = {"sha256": digest, "rows_accepted": len(table.accepted), "rows_rejected": len(table.rejected)}
    statement = insert(Ingest).values(file_name=name, **known).returning(Ingest.id)
    _insert_rows(connection, table.accepted, connection.execute(statement).scalar_one())
    _put_objects(store, name, data, digest, table)
    _log.info("file ingested", file=name, accepted=len(table.accepted), rejected=len(table.rejected))
    return known


def _insert_rows(connection: Connection, rows: Sequence[Interaction], ingest_id: int) -> None:
    """Insert compounds and targets that are new, and every interaction (newer values replace older ones)."""
    compounds = {row.molecule.smiles: _compound(row) for row in reversed(rows)}
    connection.execute(insert(Compound).on_conflict_do_nothing(), [compounds[s] for s in reversed(compounds)])
    targets = {row.target.accession: row.target for row in rows}
    values = [{"accession": t.accession, "symbol": t.symbol, "name": t.name} for t in targets.values()]
    connection.execute(insert(Target).on_conflict_do_nothing(), values)
    compound_ids = {row.smiles: row.id for row in connection.execute(select(Compound.smiles, Compound.id))}
    target_ids = {row.accession: row.id for row in connection.execute(select(Target.accession, Target.id))}
    statement = insert(InteractionRow)
    statement = statement.on_conflict_do_update(
        index_elements=["compound_id", "target_id", "activity_type", "source"],
        set_={"value_nm": statement.excluded.value_nm, "ingest_id": statement.excluded.ingest_id},
    )
    connection.execute(
        statement,
        [
            {
                "compound_id": compound_ids[row.molecule.smiles],
                "target_id": target_ids[row.target.accession],
                "ingest_id": ingest_id,
                "activity_type": row.activity_type,
                "value_nm": row.value_nm,
                "source": row.source,
            }
            for row in rows
        ],
    )


def _compound(row: Interaction) -> dict[str, Any]:
    molecule = row.molecule
    return {
        "name": row.compound,
        "smiles": molecule.smiles,
        "formula": molecule.formula,
        "fingerprint": molecule.fingerprint,
        "properties": {"weight": molecule.weight, "heavy_atoms": molecule.heavy_atoms},
    }


def _rejects_key(digest: str) -> str:
    return f"ingests/{digest[:12]}/rejects.csv"


def _plain(name: str) -> str:
    """Return ``name`` as an HTTP header can carry it."""
    return name.encode("ascii", "replace").decode()


def _put_objects(store: S3StorageProvider, name: str, data: bytes, digest: str, table: Table) -> None:
    folder = f"ingests/{digest[:12]}"
    made = {"ingest": digest, "made-by": f"bmii {__version__}"}
    rows = table.accepted
    store.put(
        "raw",
        f"{folder}/interactions.csv",
        data,
        content_type="text/csv",
        metadata=made | {"file": _plain(name)},
    )
    processed = parquet.processed(rows)
    store.put(
        "processed", f"{folder}/interactions.parquet", processed, content_type=parquet.PARQUET, metadata=made
    )
    if table.rejected:
        store.put(
            "processed", _rejects_key(digest), table.rejects_csv(), content_type="text/csv", metadata=made
        )
    features = parquet.features(rows)
    store.put(
        "features", f"{folder}/fingerprints.parquet", features, content_type=parquet.PARQUET, metadata=made
    )


def _build_model(connection: Connection, store: S3StorageProvider) -> Manifest:
    """Write a search index of all compounds in the database, and return its manifest (not yet written)."""
    rows = connection.execute(select(Compound.id, Compound.fingerprint).order_by(Compound.id)).all()
    index = build_index([row.id for row in rows], [bytes(row.fingerprint) for row in rows])
    ingests = connection.execute(select(Ingest.sha256)).scalars().all()
    manifest = make_manifest(index, len(rows), ingests)
    metadata = {"model-version": manifest.version, "made-by": f"bmii {__version__}"}
    store.put("artifacts", manifest.index_key, index, content_type="application/x-hdf5", metadata=metadata)
    return manifest


def _outcome(changed: bool, known: dict[str, Any], manifest: Manifest) -> Outcome:
    rejected = known["rows_rejected"]
    return Outcome(
        changed=changed,
        sha256=known["sha256"],
        accepted=known["rows_accepted"],
        rejected=rejected,
        rejects_report=_rejects_key(known["sha256"]) if rejected else "",
        model_version=manifest.version,
        compounds=manifest.compounds,
    )

"""A question and its answer: search the index, look the ligands up, score, record."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from bmii import chemistry, scoring
from bmii.artifacts import Model
from bmii.database import translated
from bmii.models import Compound, Interaction, Ranking, Target
from bmii.search import Hit


@dataclass(frozen=True, slots=True)
class Answer:
    """The ranked targets of one molecule. ``id`` is that of its record, None if it was not recorded."""

    id: uuid.UUID | None
    smiles: str
    model_version: str
    results: list[scoring.RankedTarget]


def rank(engine: Engine, model: Model, smiles: str, top_k: int, *, record: bool) -> Answer:
    """Rank the targets of ``smiles``, and record the answer in the same transaction if asked to.

    Raises ``MoleculeError`` when it is no molecule, ``DatabaseError`` when the database is away.
    """
    started = time.perf_counter()
    molecule = chemistry.molecule(smiles)
    hits = model.index.similar(molecule.fingerprint)
    with translated(), engine.begin() as connection:
        results = scoring.rank_targets(_links(connection, hits), top_k)
        answer = Answer(uuid.uuid4() if record else None, molecule.smiles, model.version, results)
        if record:
            _record(connection, answer, top_k, (time.perf_counter() - started) * 1000)
    return answer


def _links(connection: Connection, hits: list[Hit]) -> list[tuple[scoring.Target, scoring.Ligand]]:
    """Return every known target of the compounds in ``hits``, with the compound as its ligand."""
    if not hits:
        return []
    similarity = {hit.compound_id: hit.similarity for hit in hits}
    query = (
        select(
            Target.accession,
            Target.symbol,
            Target.name.label("target_name"),
            Compound.id,
            Compound.name.label("compound"),
            Compound.smiles,
            Interaction.activity_type,
            Interaction.value_nm,
            Interaction.source,
        )
        .join(Interaction, Interaction.target_id == Target.id)
        .join(Compound, Interaction.compound_id == Compound.id)
        .where(Interaction.compound_id.in_(list(similarity)))
    )
    return [_link(row, similarity[row.id]) for row in connection.execute(query)]


def _link(row: Any, similarity: float) -> tuple[scoring.Target, scoring.Ligand]:
    ligand = scoring.Ligand(
        compound=row.compound,
        smiles=row.smiles,
        similarity=similarity,
        activity_type=row.activity_type,
        value_nm=None if row.value_nm is None else float(row.value_nm),
        source=row.source,
    )
    return scoring.Target(row.accession, row.symbol, row.target_name), ligand


def _record(connection: Connection, answer: Answer, top_k: int, milliseconds: float) -> None:
    connection.execute(
        insert(Ranking).values(
            id=answer.id,
            smiles=answer.smiles,
            top_k=top_k,
            model_version=answer.model_version,
            results=[asdict(result) for result in answer.results],
            milliseconds=round(milliseconds, 3),
        )
    )

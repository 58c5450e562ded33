"""From similar ligands to ranked targets: the similarity-ensemble score.

For a target whose known ligands have Tanimoto similarities s1, s2, … to the query (those of at least
``search.THRESHOLD``), the score is the p-norm of the ensemble:

    score = (s1^p + s2^p + …)^(1/p),  p = 4

One ligand alone scores its own similarity; more ligands raise the score, and near ones more than far ones, so
that a target is not first for being popular, nor last for being well studied. It is at least the largest
similarity and has no upper limit. Equal scores are put in order by the nearest ligand, then symbol, then
accession, so that the same data give the same list everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

EXPONENT = 4
NEAREST = 3  # ligands that are shown as evidence


@dataclass(frozen=True, slots=True)
class Target:
    """A protein: UniProt accession, gene symbol, recommended name."""

    accession: str
    symbol: str
    name: str


@dataclass(frozen=True, slots=True)
class Ligand:
    """A known ligand of a target, its similarity to the query (0 to 1), and how its activity is known."""

    compound: str
    smiles: str
    similarity: float
    activity_type: str
    value_nm: float | None
    source: str


@dataclass(frozen=True, slots=True)
class RankedTarget:
    """A target in its place (from 1), with its score and its nearest ligands."""

    rank: int
    accession: str
    symbol: str
    name: str
    score: float
    evidence: tuple[Ligand, ...]


def ensemble_score(similarities: Iterable[float]) -> float:
    """Return the p-norm of ``similarities``, to four decimals; their order does not matter."""
    total = math.fsum(math.pow(similarity, EXPONENT) for similarity in similarities)
    return round(math.pow(total, 1 / EXPONENT), 4)


def rank_targets(links: Iterable[tuple[Target, Ligand]], top_k: int) -> list[RankedTarget]:
    """Return the ``top_k`` best targets. A ligand that was measured several times counts once."""
    ligands: dict[Target, dict[str, Ligand]] = {}
    for target, ligand in links:
        known = ligands.setdefault(target, {})
        if ligand.smiles not in known or _strength(ligand) < _strength(known[ligand.smiles]):
            known[ligand.smiles] = ligand
    scored = []
    for target, known in ligands.items():
        nearest = sorted(
            known.values(), key=lambda ligand: (-ligand.similarity, ligand.compound, ligand.smiles)
        )
        score = ensemble_score(ligand.similarity for ligand in nearest)
        scored.append((-score, -nearest[0].similarity, target.symbol, target.accession, target.name, nearest))
    return [
        RankedTarget(place, accession, symbol, name, -score, tuple(nearest[:NEAREST]))
        for place, (score, _, symbol, accession, name, nearest) in enumerate(sorted(scored)[:top_k], start=1)
    ]


def _strength(ligand: Ligand) -> tuple[float, str, str]:
    """Order measurements of one ligand: the strongest first, one without a value last."""
    return (math.inf if ligand.value_nm is None else ligand.value_nm, ligand.activity_type, ligand.source)

"""How well does the score find what is known? Leave one compound out, ask for it, and see.

A compound's target can only be found if another compound of the set has it too; a compound without such a
target is not asked for. recall@k is the share of a compound's findable targets (at most k of them) among
the first k, averaged over the compounds that were asked for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from bmii.scoring import Ligand, Target, rank_targets
from bmii.search import SearchIndex, build_index
from bmii.tabular import Interaction, Table


@dataclass(frozen=True, slots=True)
class Recall:
    """``recall`` is 0 to 1; ``asked`` of ``compounds`` have a target that can be found."""

    k: int
    recall: float
    asked: int
    compounds: int


def leave_one_out(table: Table, k: int = 5) -> Recall:
    """Return recall@k of the accepted rows of ``table``."""
    rows: dict[str, list[Interaction]] = defaultdict(list)
    ligands: dict[str, set[str]] = defaultdict(set)
    for row in table.accepted:
        rows[row.molecule.smiles].append(row)
        ligands[row.target.accession].add(row.molecule.smiles)
    names = list(rows)
    fingerprints = [rows[name][0].molecule.fingerprint for name in names]
    index = SearchIndex(build_index(range(len(names)), fingerprints))
    shares = []
    for number, name in enumerate(names):
        wanted = {row.target.accession for row in rows[name] if len(ligands[row.target.accession]) > 1}
        if not wanted:
            continue
        hits = [hit for hit in index.similar(fingerprints[number]) if hit.compound_id != number]
        links = [_link(row, hit.similarity) for hit in hits for row in rows[names[hit.compound_id]]]
        found = {target.accession for target in rank_targets(links, k)}
        shares.append(len(wanted & found) / min(len(wanted), k))
    return Recall(k, round(sum(shares) / len(shares), 4) if shares else 0.0, len(shares), len(names))


def _link(row: Interaction, similarity: float) -> tuple[Target, Ligand]:
    value = None if row.value_nm is None else float(row.value_nm)
    return row.target, Ligand(
        row.compound, row.molecule.smiles, similarity, row.activity_type, value, row.source
    )

"""The index finds what RDKit finds, in bytes that do not vary; the score is the one that is written down."""

from __future__ import annotations

import time

import pytest
from rdkit.DataStructs import CreateFromBitString, TanimotoSimilarity

from bmii import chemistry, search
from bmii.errors import ModelError
from bmii.scoring import Ligand, Target, ensemble_score, rank_targets

SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1ccccc1O", "c1ccccc1", "CCO", "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "C"]
FINGERPRINTS = [chemistry.molecule(smiles).fingerprint for smiles in SMILES]


def _bits(fingerprint):
    return CreateFromBitString(f"{int.from_bytes(fingerprint, 'big'):02048b}")


def test_similarities_are_rdkits_nearest_first():
    index = search.SearchIndex(search.build_index(range(10, 16), FINGERPRINTS))
    assert len(index) == 6
    for fingerprint in FINGERPRINTS:
        exact = [round(TanimotoSimilarity(_bits(fingerprint), _bits(other)), 4) for other in FINGERPRINTS]
        expected = [(10 + i, s) for i, s in enumerate(exact) if s >= search.THRESHOLD]
        found = [(hit.compound_id, hit.similarity) for hit in index.similar(fingerprint)]
        assert found == sorted(expected, key=lambda hit: (-hit[1], hit[0]))


def test_equally_similar_compounds_come_in_order_of_their_ids():
    index = search.SearchIndex(search.build_index([7, 3, 5], [FINGERPRINTS[0]] * 3))
    assert [hit.compound_id for hit in index.similar(FINGERPRINTS[0])] == [3, 5, 7]


def test_the_same_compounds_give_the_same_bytes_in_any_order_and_at_any_time(monkeypatch):
    first = search.build_index(range(6), FINGERPRINTS)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert search.build_index(range(5, -1, -1), FINGERPRINTS[::-1]) == first
    assert search.build_index(range(1, 7), FINGERPRINTS) != first


def test_what_is_no_index_is_refused():
    with pytest.raises(ModelError):
        search.SearchIndex(b"not HDF5")
    with pytest.raises(ModelError):
        search.build_index([], [])


def test_the_score_is_the_4_norm():
    assert ensemble_score([0.5]) == 0.5
    assert ensemble_score([1.0, 0.5]) == round((1 + 0.5**4) ** 0.25, 4)
    assert ensemble_score([0.1, 0.7, 0.3]) == ensemble_score([0.3, 0.1, 0.7])


def _ligand(name, similarity, kind="Ki", value=1.0):
    return Ligand(name, name, similarity, kind, value, "test")


ONE, TWO, THREE = (Target(f"P0000{i}", symbol, f"Protein {i}") for i, symbol in enumerate("BAC"))


def test_targets_are_ranked_by_score_then_nearest_ligand_then_symbol():
    links = [
        (ONE, _ligand("a", 0.9)),
        (TWO, _ligand("a", 0.9)),
        (THREE, _ligand("a", 0.9)),
        (THREE, _ligand("b", 0.8)),
    ]
    for order in (links, links[::-1]):
        ranked = rank_targets(order, 10)
        assert [(t.rank, t.symbol) for t in ranked] == [(1, "C"), (2, "A"), (3, "B")]
    assert len(rank_targets(links, 2)) == 2
    assert rank_targets([], 5) == []


def test_a_ligand_measured_twice_counts_once_with_its_strongest_value():
    links = [
        (ONE, _ligand("a", 0.5, "IC50", None)),
        (ONE, _ligand("a", 0.5, "Ki", 20.0)),
        (ONE, _ligand("a", 0.5)),
    ]
    for order in (links, links[::-1]):
        (target,) = rank_targets(order, 1)
        assert target.score == 0.5
        assert [(ligand.activity_type, ligand.value_nm) for ligand in target.evidence] == [("Ki", 1.0)]


def test_evidence_is_the_three_nearest():
    links = [
        (ONE, _ligand(name, similarity))
        for name, similarity in zip("abcd", (0.3, 0.9, 0.5, 0.7), strict=True)
    ]
    (target,) = rank_targets(links, 1)
    assert [ligand.compound for ligand in target.evidence] == ["b", "d", "c"]

"""The reference data: structures agree with formulas, identifiers are sound, neighbours find each other."""

from __future__ import annotations

import collections
import csv
import re
from pathlib import Path

import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

REFERENCE = Path(__file__).parents[2] / "service" / "bmii" / "reference" / "interactions.csv"
COLUMNS = [
    "compound",
    "smiles",
    "formula",
    "target_accession",
    "target_symbol",
    "target_name",
    "activity_type",
    "activity_value_nm",
    "source",
]
SOURCES = {"DrugCentral", "IUPHAR/BPS Guide to Pharmacology", "FDA label"}
# The form that UniProt publishes for its accessions.
ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}")

with REFERENCE.open(encoding="ascii", newline="") as _file:
    _reader = csv.DictReader(_file, strict=True)
    ROWS = list(_reader)
    HEADER = _reader.fieldnames
DRUGS = {row["compound"]: row for row in ROWS}


def targets_by_drug():
    known = collections.defaultdict(set)
    for row in ROWS:
        known[row["compound"]].add(row["target_symbol"])
    return known


def nearest_targets(drug, fingerprints, known, count):
    """Rank targets by their nearest ligand, ``drug`` itself left out."""
    others = [name for name in fingerprints if name != drug]
    similarities = DataStructs.BulkTanimotoSimilarity(
        fingerprints[drug], [fingerprints[name] for name in others]
    )
    best = collections.defaultdict(float)
    for name, similarity in zip(others, similarities, strict=True):
        for target in known[name]:
            best[target] = max(best[target], similarity)
    ranked = sorted((-similarity, target) for target, similarity in best.items() if similarity > 0)
    return [target for _, target in ranked[:count]]


def test_file_has_its_columns_and_no_blank():
    assert HEADER == COLUMNS
    for row in ROWS:
        assert set(row) == set(COLUMNS), row
        for column in COLUMNS:
            assert row[column] == row[column].strip(), row
            assert row[column] or column == "activity_value_nm", row


def test_there_are_enough_drugs():
    assert len(DRUGS) >= 150


@pytest.mark.parametrize("name", DRUGS)
def test_structure_has_the_published_formula(name):
    molecule = Chem.MolFromSmiles(DRUGS[name]["smiles"])
    assert molecule is not None
    assert rdMolDescriptors.CalcMolFormula(molecule) == DRUGS[name]["formula"]
    assert len(Chem.GetMolFrags(molecule)) == 1, "a salt or a solvent is in it"


def test_a_name_has_one_structure_and_a_structure_one_name():
    for row in ROWS:
        first = DRUGS[row["compound"]]
        assert (row["smiles"], row["formula"]) == (first["smiles"], first["formula"]), row["compound"]
    # Without its stereo layers, so that an isomer of a listed drug does not count as another drug.
    skeletons = [
        Chem.MolToInchiKey(Chem.MolFromSmiles(row["smiles"])).split("-")[0] for row in DRUGS.values()
    ]
    assert [key for key, number in collections.Counter(skeletons).items() if number > 1] == []


def test_targets_are_identified_one_to_one():
    targets = {(row["target_accession"], row["target_symbol"], row["target_name"]) for row in ROWS}
    assert [accession for accession, _, _ in targets if not ACCESSION.fullmatch(accession)] == []
    assert [symbol for _, symbol, _ in targets if not re.fullmatch(r"[A-Z][A-Z0-9]+", symbol)] == []
    for position in range(3):
        assert len({target[position] for target in targets}) == len(targets)


def test_no_pair_is_listed_twice():
    pairs = collections.Counter((row["compound"], row["target_accession"]) for row in ROWS)
    assert [pair for pair, number in pairs.items() if number > 1] == []


def test_activities_and_sources_are_of_known_kinds():
    for row in ROWS:
        assert row["activity_type"] in {"IC50", "Ki", "Kd", "EC50"}, row
        assert row["source"] in SOURCES, row
        # From a picomolar to a tenth of a millimolar; beyond that it is a slip of the unit.
        assert row["activity_value_nm"] == "" or 0.001 <= float(row["activity_value_nm"]) <= 100_000, row


def test_aspirin_has_its_targets():
    aspirin = {row["target_symbol"]: row for row in ROWS if row["compound"] == "aspirin"}
    assert {symbol: row["target_accession"] for symbol, row in aspirin.items()} == {
        "PTGS1": "P23219",
        "PTGS2": "P35354",
    }
    assert {row["smiles"] for row in aspirin.values()} == {"CC(=O)Oc1ccccc1C(=O)O"}


@pytest.mark.parametrize(
    ("symbol", "accession"),
    [
        ("DRD2", "P14416"),
        ("HTR2A", "P28223"),
        ("ADRB1", "P08588"),
        ("ADRB2", "P07550"),
        ("HMGCR", "P04035"),
        ("ACE", "P12821"),
        ("AGTR1", "P30556"),
        ("EGFR", "P00533"),
        ("ABL1", "P00519"),
        ("SLC6A4", "P31645"),
        ("OPRM1", "P35372"),
        ("HRH1", "P35367"),
    ],
)
def test_well_known_targets_have_their_accession(symbol, accession):
    assert {row["target_accession"] for row in ROWS if row["target_symbol"] == symbol} == {accession}


def test_a_drug_left_out_is_found_again_by_its_neighbours():
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    fingerprints = {
        name: generator.GetFingerprint(Chem.MolFromSmiles(row["smiles"])) for name, row in DRUGS.items()
    }
    known = targets_by_drug()
    ranked = {name: nearest_targets(name, fingerprints, known, 5) for name in DRUGS}
    found = sum(len(known[name] & set(ranked[name])) for name in DRUGS)
    recalled = sum(bool(known[name] & set(ranked[name])) for name in DRUGS)
    assert set(ranked["aspirin"][:2]) == {"PTGS1", "PTGS2"}
    assert recalled / len(DRUGS) >= 0.85
    assert found / len(ROWS) >= 0.85

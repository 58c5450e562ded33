"""What is a molecule, and what it looks like in standard form."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from bmii import chemistry
from bmii.errors import MoleculeError


@pytest.mark.parametrize(
    ("smiles", "standard", "formula"),
    [
        ("OC(=O)c1ccccc1OC(C)=O", "CC(=O)Oc1ccccc1C(=O)O", "C9H8O4"),
        ("CC(=O)Oc1ccccc1C(=O)[O-].[Na+]", "CC(=O)Oc1ccccc1C(=O)O", "C9H8O4"),
        ("C[NH+](C)CCO.[Cl-]", "CN(C)CCO", "C4H11NO"),
        ("C[N+](C)(C)CCO.[Cl-]", "C[N+](C)(C)CCO", "C5H14NO+"),
        ("C[S+](C)[O-]", "C[S+](C)[O-]", "C2H6OS"),
        ("  CCO\n", "CCO", "C2H6O"),
    ],
)
def test_standard_form(smiles, standard, formula):
    molecule = chemistry.molecule(smiles)
    assert (molecule.smiles, molecule.formula) == (standard, formula)
    assert chemistry.molecule(molecule.smiles) == molecule


@pytest.mark.parametrize("smiles", ["[NH3+]CC([O-])=O", "CC(=O)O[Na]", "O=C([O-])CC(=O)[O-].[Na+].[Na+]"])
def test_standard_form_is_rdkits_charge_parent(smiles):
    expected = rdMolStandardize.ChargeParent(Chem.MolFromSmiles(smiles))
    assert chemistry.molecule(smiles).smiles == Chem.MolToSmiles(expected)


@pytest.mark.parametrize(
    ("smiles", "code"),
    [
        ("", "invalid_smiles"),
        ("   ", "invalid_smiles"),
        ("C1CC", "invalid_smiles"),
        ("not a molecule", "invalid_smiles"),
        ("c1cccc1", "invalid_smiles"),
        ("C(C)(C)(C)(C)C", "invalid_smiles"),
        ("CC\x00O", "invalid_smiles"),
        ("CCÖ", "invalid_smiles"),
        ("CC*", "invalid_smiles"),
        ("C" * 1001, "molecule_too_large"),
        ("C" * 201, "molecule_too_large"),
    ],
)
def test_what_is_no_molecule_is_refused(smiles, code):
    with pytest.raises(MoleculeError) as caught:
        chemistry.molecule(smiles)
    assert caught.value.code == code


def test_the_fingerprint_is_morgans_of_radius_2_and_2048_bits():
    molecule = chemistry.molecule("CC(=O)Oc1ccccc1C(=O)O")
    generator = Chem.rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    expected = generator.GetFingerprint(Chem.MolFromSmiles(molecule.smiles)).ToBitString()
    assert len(molecule.fingerprint) == 256
    assert f"{int.from_bytes(molecule.fingerprint, 'big'):02048b}" == expected


def test_nothing_needs_the_drawing_libraries_that_a_small_image_lacks():
    script = "import bmii.api, bmii.ingest, sys; print([m for m in sys.modules if 'rdMolDraw2D' in m])"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"

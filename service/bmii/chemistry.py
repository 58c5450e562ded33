"""Molecules: parsing, one standard form, and the fingerprint that similarity is measured on.

Nothing here imports RDKit's drawing code, which needs X11 libraries that a small image does not have.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.MolStandardize import rdMolStandardize

from bmii.errors import MoleculeError

RADIUS = 2
BITS = 2048
MAX_SMILES = 1000  # characters
MAX_ATOMS = 200  # heavy atoms; the largest approved small molecules have about 100


class _Steps(threading.local):
    """What ``rdMolStandardize.ChargeParent`` does, with the tools kept: they take longer to make than to use.

    One set for each thread, because RDKit does not promise that two threads may share one.
    """

    def __init__(self) -> None:
        self.steps: tuple[Callable[[Chem.Mol], Chem.Mol], ...] = (
            Chem.RemoveHs,
            rdMolStandardize.MetalDisconnector().Disconnect,
            rdMolStandardize.Normalizer().normalize,
            rdMolStandardize.Reionizer().reionize,
            rdMolStandardize.LargestFragmentChooser().choose,
            rdMolStandardize.Uncharger().uncharge,
        )


_standard = _Steps()
_generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
rdBase.DisableLog("rdApp.*")  # what is wrong is said in our own words


@dataclass(frozen=True, slots=True)
class Molecule:
    """A molecule in standard form.

    ``smiles`` is canonical; ``formula`` in Hill order; ``weight`` in g/mol; ``fingerprint`` is 256 bytes,
    bit 0 being the highest bit of the first byte.
    """

    smiles: str
    formula: str
    weight: float
    heavy_atoms: int
    fingerprint: bytes


def parse(smiles: str) -> Chem.Mol:
    """Return the molecule as it is written. Raises ``MoleculeError`` if it is none, or beyond the limits."""
    if len(smiles) > MAX_SMILES:
        raise MoleculeError(f"the SMILES is longer than {MAX_SMILES} characters", code="molecule_too_large")
    text = smiles.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise MoleculeError("this is not a SMILES: it is empty, or has characters that no SMILES has")
    molecule = Chem.MolFromSmiles(text)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise MoleculeError("this is not a valid SMILES")
    if molecule.GetNumHeavyAtoms() > MAX_ATOMS:
        raise MoleculeError(f"the molecule has more than {MAX_ATOMS} heavy atoms", code="molecule_too_large")
    if any(atom.GetAtomicNum() == 0 for atom in molecule.GetAtoms()):
        raise MoleculeError("wildcard atoms are not supported")
    return molecule


def formula(molecule: Chem.Mol) -> str:
    """Return the molecular formula in Hill order, with the charge if there is one."""
    return str(rdMolDescriptors.CalcMolFormula(molecule))


def canonical(molecule: Chem.Mol) -> str:
    """Return the canonical SMILES of the molecule as it is."""
    return str(Chem.MolToSmiles(molecule))


def standardise(molecule: Chem.Mol) -> Molecule:
    """Return the standard form: normalised groups, salts and solvents removed, charges neutralised.

    Tautomers stay as they are drawn. Raises ``MoleculeError`` if RDKit cannot do it.
    """
    try:
        parent = molecule
        for step in _standard.steps:
            parent = step(parent)
        smiles = canonical(parent)
    except (RuntimeError, ValueError) as error:
        raise MoleculeError("this molecule cannot be brought to a standard form") from error
    bits = _generator.GetFingerprint(parent).ToBitString()
    return Molecule(
        smiles=smiles,
        formula=formula(parent),
        weight=round(float(rdMolDescriptors.CalcExactMolWt(parent)), 4),
        heavy_atoms=parent.GetNumHeavyAtoms(),
        fingerprint=int(bits, 2).to_bytes(BITS // 8, "big"),
    )


def molecule(smiles: str) -> Molecule:
    """Parse ``smiles`` and return its standard form."""
    return standardise(parse(smiles))

"""Made-up interactions in any number, for benchmarks: real chemistry, invented targets.

The same number and seed always give the same file. Accessions begin with Z0, which UniProt has not given out.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from typing import TextIO

from bmii import chemistry
from bmii.errors import BmiiError
from bmii.tabular import COLUMNS

_CORES = (
    "c1c({})cc({})cc1({})", "n1c({})cc({})cc1({})", "n1c({})nc({})cc1({})", "c1({})oc({})cc1({})",
    "c1({})sc({})cc1({})", "n1c({})sc({})c1({})", "n1n({})c({})cc1({})", "n1c({})n({})c2cc({})ccc12",
    "c1({})c({})n({})c2ccccc12", "c1({})cc2cc({})c({})cc2cc1", "n1c({})cc({})c2cc({})ccc12",
    "n1c({})nc({})c2cc({})ccc12", "C1C({})CN({})CC1({})", "C1N({})CCN({})C1({})", "O1C({})CN({})CC1({})",
    "C1C({})CC({})CC1({})", "C1CC({})N({})C1({})", "O=C1N({})C({})C(=O)N1({})", "O=C1C=C({})N({})C=C1({})",
    "O=C1N({})N=C({})C=C1({})", "c1c({})c2OCOc2c({})c1({})", "N1({})C(=O)CN=C({})c2cc({})ccc12",
)  # fmt: skip
_GROUPS = (
    "C", "CC", "C(C)C", "C1CC1", "C(F)(F)F", "CO", "CCO", "CCN(C)C", "CC(=O)O", "CC#N", "CC(=O)N", "CCOC",
    "c1ccccc1", "c1ccncc1", "c1ccc(F)cc1", "c1ccc(Cl)cc1", "c1ccc(OC)cc1", "c1ccsc1", "c1ccoc1", "c1cnn(C)c1",
    "Cc1ccccc1", "Cc1ccncc1", "CCc1ccccc1", "C(=O)C", "C(=O)N", "C(=O)NC", "C(=O)OC", "C(=O)c1ccccc1",
    "C(=O)N1CCOCC1", "S(=O)(=O)C", "S(=O)(=O)N", "S(=O)(=O)c1ccccc1", "CN1CCCC1", "CN1CCN(C)CC1", "C1CCCCC1",
    "C1CCNCC1", "CC1CCCO1", "CCCCC", "CC(C)O", "CCS(=O)(=O)C",
)  # fmt: skip
MOST = len(_CORES) * len(_GROUPS) ** 3 // 2
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SIGNS = _LETTERS + "0123456789"


def write(output: TextIO, compounds: int, seed: int = 1) -> int:
    """Write a CSV of ``compounds`` distinct molecules with one to three targets each; return its rows."""
    if not 1 <= compounds <= MOST:
        raise BmiiError(f"--compounds is a number from 1 to {MOST}", code="usage")
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = 0
    for row in _rows(compounds, random.Random(seed)):  # noqa: S311 - made-up data, not secrets
        writer.writerow(row)
        rows += 1
    return rows


def _rows(compounds: int, chance: random.Random) -> Iterator[tuple[str, ...]]:
    targets = max(len(_CORES), compounds // 50)
    for number, (core, smiles, formula) in enumerate(_molecules(compounds, chance), start=1):
        # Molecules of one core share a few targets, as they do in life.
        choices = range(core, targets, len(_CORES))
        for place in sorted(chance.sample(choices, min(len(choices), chance.randint(1, 3)))):
            value = f"{10 ** chance.uniform(0, 4):.1f}"
            kind = chance.choice(("Ki", "Kd", "IC50"))
            name = f"Synthetic target {place}"
            yield (
                f"SYN-{number:07d}",
                smiles,
                formula,
                _accession(place),
                f"SYN{place}",
                name,
                kind,
                value,
                "synthetic",
            )


def _molecules(compounds: int, chance: random.Random) -> Iterator[tuple[int, str, str]]:
    """Yield distinct molecules: the number of the core, canonical SMILES, formula."""
    seen: set[str] = set()
    while len(seen) < compounds:
        core = chance.randrange(len(_CORES))
        # A group's ring needs another number than the core's, which is still open where the group stands.
        groups = (group.replace("1", "3") for group in chance.choices(_GROUPS, k=3))
        parsed = chemistry.parse(_CORES[core].format(*groups))
        smiles = chemistry.canonical(parsed)
        if smiles not in seen:
            seen.add(smiles)
            yield core, smiles, chemistry.formula(parsed)


def _accession(number: int) -> str:
    number, last = divmod(number, 10)
    number, third = divmod(number, len(_SIGNS))
    first, second = divmod(number, len(_SIGNS))
    return f"Z0{_LETTERS[first]}{_SIGNS[second]}{_SIGNS[third]}{last}"

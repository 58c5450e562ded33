"""The search index: fingerprints in FPSim2's format, searched in memory.

The file is written here rather than by ``FPSim2.io.create_db_file``: sorted by bits set and then by id,
without time stamps, so that the same compounds always give the same bytes and a digest can name them.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rdkit
import tables
from FPSim2 import FPSim2Engine
from FPSim2 import __version__ as fpsim2_version
from FPSim2.io.backends.pytables import create_schema
from rdkit.DataStructs import CreateFromBitString

from bmii.chemistry import BITS, RADIUS
from bmii.errors import ModelError

# Lower finds more of what is known (recall@5 on the reference set: 0.74 at 0.3, 0.84 at 0.2) and shows weaker
# evidence; one random pair of drugs in thirty reaches 0.2 with this fingerprint.
THRESHOLD = 0.2
MAX_HITS = 1000

VERSIONS = {"rdkit": rdkit.__version__, "fpsim2": fpsim2_version}


@dataclass(frozen=True, slots=True)
class Hit:
    """A compound of the index, and its Tanimoto similarity to the query (0 to 1, four decimals)."""

    compound_id: int
    similarity: float


def build_index(ids: Sequence[int], fingerprints: Sequence[bytes]) -> bytes:
    """Return an index file of the compounds ``ids`` with their ``fingerprints`` (256 bytes each)."""
    if not ids:
        raise ModelError("there are no compounds to build a search index of")
    words = np.frombuffer(b"".join(fingerprints), dtype=">u8").astype("<u8").reshape(len(ids), BITS // 64)
    counts = np.bitwise_count(words).sum(axis=1).astype(np.int64)
    identifiers = np.asarray(ids, dtype=np.int64)
    order = np.lexsort((identifiers, counts))
    rows = np.empty(len(ids), dtype=tables.dtype_from_descr(create_schema(BITS)))
    rows["fp_id"], rows["popcnt"] = identifiers[order], counts[order]
    for column in range(BITS // 64):
        rows[f"f{column + 1}"] = words[order, column]
    with tempfile.TemporaryDirectory(prefix="bmii-") as folder:
        path = Path(folder) / "index.h5"
        _write(path, rows)
        return path.read_bytes()


def _write(path: Path, rows: np.ndarray) -> None:
    configuration = ["Morgan", {"radius": RADIUS, "fpSize": BITS}, rdkit.__version__, fpsim2_version]
    filters = tables.Filters(complib="zlib", complevel=5, shuffle=True)
    with tables.open_file(str(path), mode="w") as file:
        file.create_table(
            file.root, "fps", obj=rows, filters=filters, track_times=False, expectedrows=len(rows)
        )
        settings = file.create_vlarray(
            file.root, "config", atom=tables.ObjectAtom(), track_times=False, chunkshape=8
        )
        for value in (*configuration, _bins(rows["popcnt"])):
            settings.append(value)


def _bins(counts: np.ndarray) -> list[tuple[int, tuple[int, int]]]:
    """Return for each number of bits set the range of rows that have it."""
    values, starts = np.unique(counts, return_index=True)
    ends = [*starts[1:], len(counts)]
    return [(int(v), (int(a), int(b))) for v, a, b in zip(values, starts, ends, strict=True)]


class SearchIndex:
    """An index in memory."""

    def __init__(self, data: bytes) -> None:
        """Load an index file. It holds pickled settings: verify its digest before."""
        handle, name = tempfile.mkstemp(prefix="bmii-", suffix=".h5")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            # FPSim2 prints when RDKit's version differs; the manifest knows that, and the output is a log.
            with contextlib.redirect_stdout(io.StringIO()):
                self._engine = FPSim2Engine(name, in_memory_fps=True)
        except (OSError, ValueError, tables.HDF5ExtError) as error:
            raise ModelError("the search index cannot be read") from error
        finally:
            Path(name).unlink(missing_ok=True)

    def __len__(self) -> int:
        return int(self._engine.fps.shape[0])

    def similar(self, fingerprint: bytes) -> list[Hit]:
        """Return the compounds of at least ``THRESHOLD``, nearest first, then by id; at most ``MAX_HITS``."""
        query = CreateFromBitString(f"{int.from_bytes(fingerprint, 'big'):0{BITS}b}")
        found = self._engine.similarity(query, THRESHOLD, metric="tanimoto", n_workers=1)
        hits = [Hit(int(row["mol_id"]), round(float(row["coeff"]), 4)) for row in found]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.compound_id))[:MAX_HITS]

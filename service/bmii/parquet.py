"""What lies in the ``processed`` and ``features`` buckets: Parquet tables of a file's accepted rows."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from bmii.chemistry import BITS
from bmii.tabular import Interaction

PARQUET = "application/vnd.apache.parquet"

_PROCESSED = pa.schema(
    [
        ("line", pa.int32()),
        ("compound", pa.string()),
        ("smiles", pa.string()),
        ("formula", pa.string()),
        ("target_accession", pa.string()),
        ("target_symbol", pa.string()),
        ("target_name", pa.string()),
        ("activity_type", pa.string()),
        ("activity_value_nm", pa.float64()),
        ("source", pa.string()),
    ]
)
_FEATURES = pa.schema([("smiles", pa.string()), ("fingerprint", pa.binary(BITS // 8))])


def processed(rows: Sequence[Interaction]) -> bytes:
    """Return the standardised interactions as Parquet."""
    columns: list[list[object]] = [
        [row.line for row in rows],
        [row.compound for row in rows],
        [row.molecule.smiles for row in rows],
        [row.molecule.formula for row in rows],
        [row.target.accession for row in rows],
        [row.target.symbol for row in rows],
        [row.target.name for row in rows],
        [row.activity_type for row in rows],
        [None if row.value_nm is None else float(row.value_nm) for row in rows],
        [row.source for row in rows],
    ]
    return _parquet(columns, _PROCESSED)


def features(rows: Sequence[Interaction]) -> bytes:
    """Return one fingerprint per distinct structure (Morgan, radius 2, 2048 bits in 256 bytes) as Parquet."""
    fingerprints = {row.molecule.smiles: row.molecule.fingerprint for row in rows}
    return _parquet([list(fingerprints), list(fingerprints.values())], _FEATURES)


def _parquet(columns: Sequence[Sequence[object]], schema: pa.Schema) -> bytes:
    arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), buffer, compression="zstd")
    return bytes(buffer.getvalue())

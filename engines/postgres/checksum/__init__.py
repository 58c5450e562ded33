"""Fingerprints of tables, computed by the servers in parallel and comparable between them."""

from __future__ import annotations

from engines.postgres.checksum import key_columns, parallel_scan, table_layout
from engines.postgres.checksum.key_columns import LeadingColumn
from engines.postgres.checksum.parallel_scan import ComparableTable, DatabaseSnapshot, reader
from engines.postgres.checksum.row_encoding import row_hash, row_text
from engines.postgres.checksum.table_checksum import ALGORITHM, MEASURES, NOTHING, Fingerprint, empty
from engines.postgres.checksum.table_layout import ScanPart, TableLayout

__all__ = [
    "ALGORITHM",
    "MEASURES",
    "NOTHING",
    "ComparableTable",
    "DatabaseSnapshot",
    "Fingerprint",
    "LeadingColumn",
    "ScanPart",
    "TableLayout",
    "empty",
    "key_columns",
    "parallel_scan",
    "reader",
    "row_hash",
    "row_text",
    "table_layout",
]

"""Ligand-target interactions as they come: a CSV file, checked row by row.

Reading is pure: a file's bytes become accepted rows and rejected ones, and nothing is written anywhere.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from bmii import chemistry
from bmii.errors import IngestError, MoleculeError
from bmii.models import ACTIVITY_TYPES
from bmii.scoring import Target

COLUMNS = (
    "compound",
    "smiles",
    "formula",
    "target_accession",
    "target_symbol",
    "target_name",
    "activity_type",
    "activity_value_nm",
    "source",
)
_OPTIONAL = frozenset({"formula", "activity_value_nm"})
# UniProt's own rule for an accession.
_ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2}")
_TYPES = {name.lower(): name for name in ACTIVITY_TYPES}
_MAX_FIELD = 2000  # characters
_MAX_VALUE = Decimal(10) ** 12  # nM; beyond it a value is a slip of the pen


@dataclass(frozen=True, slots=True)
class Interaction:
    """One accepted row: a compound in standard form acts on a target."""

    line: int
    compound: str
    molecule: chemistry.Molecule
    target: Target
    activity_type: str
    value_nm: Decimal | None
    source: str


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that was not accepted, and why. ``line`` counts from 1, the header being line 1."""

    line: int
    reason: str
    row: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds."""

    accepted: tuple[Interaction, ...]
    rejected: tuple[Reject, ...]

    def rejects_csv(self) -> bytes:
        """Return the report of rejected rows: line, reason, and the row's fields as they came."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("line", "reason", *COLUMNS))
        writer.writerows((reject.line, reject.reason, *reject.row) for reject in self.rejected)
        return text.getvalue().encode()


class _RejectedError(Exception):
    """A row cannot be used, and why."""


class _Reader:
    """Checks rows one after the other, remembering what earlier rows said."""

    def __init__(self) -> None:
        self._molecules: dict[str, chemistry.Molecule] = {}
        self._targets: dict[str, Target] = {}
        self._seen: dict[tuple[str, str, str, str], int] = {}

    def read(self, line: int, values: list[str]) -> Interaction:
        """Return the row as an interaction. Raises ``_RejectedError``."""
        if len(values) != len(COLUMNS):
            raise _RejectedError(f"has {len(values)} fields instead of {len(COLUMNS)}")
        row = {name: value.strip() for name, value in zip(COLUMNS, values, strict=True)}
        for name, value in row.items():
            if not value and name not in _OPTIONAL:
                raise _RejectedError(f"{name} is empty")
            if len(value) > _MAX_FIELD or "\0" in value:
                raise _RejectedError(f"{name} is too long, or holds a NUL character")
        interaction = Interaction(
            line=line,
            compound=row["compound"],
            molecule=self._molecule(row["smiles"], row["formula"]),
            target=self._target(row),
            activity_type=_activity_type(row["activity_type"]),
            value_nm=_value(row["activity_value_nm"]),
            source=row["source"],
        )
        key = (
            interaction.molecule.smiles,
            interaction.target.accession,
            interaction.activity_type,
            row["source"],
        )
        first = self._seen.setdefault(key, line)
        if first != line:
            raise _RejectedError(f"says again what line {first} says")
        return interaction

    def _molecule(self, smiles: str, formula: str) -> chemistry.Molecule:
        key = f"{smiles} {formula}"
        if key not in self._molecules:
            try:
                parsed = chemistry.parse(smiles)
                if formula and chemistry.formula(parsed) != formula:
                    raise _RejectedError(
                        f"formula is {formula}, but the SMILES has {chemistry.formula(parsed)}"
                    )
                self._molecules[key] = chemistry.standardise(parsed)
            except MoleculeError as error:
                raise _RejectedError(f"smiles: {error.message}") from error
        return self._molecules[key]

    def _target(self, row: dict[str, str]) -> Target:
        accession = row["target_accession"]
        if not _ACCESSION.fullmatch(accession):
            raise _RejectedError(f"target_accession {accession} is not a UniProt accession")
        known = self._targets.setdefault(
            accession, Target(accession, row["target_symbol"], row["target_name"])
        )
        if known.symbol != row["target_symbol"]:
            raise _RejectedError(
                f"target_symbol is {row['target_symbol']}, but {accession} was {known.symbol} before"
            )
        return known


def read_table(data: bytes) -> Table:
    """Read a CSV file (UTF-8, with a header of at least ``COLUMNS``, in any order).

    Raises ``IngestError`` if it is not such a file, or if none of its rows can be used.
    """
    reader, accepted, rejected = _Reader(), [], []
    for line, values in _rows(data):
        try:
            accepted.append(reader.read(line, values))
        except _RejectedError as reason:
            rejected.append(Reject(line, str(reason), tuple(values)))
    if not accepted:
        first = f" The first: line {rejected[0].line} {rejected[0].reason}." if rejected else ""
        raise IngestError(f"the file has no row that can be used ({len(rejected)} rejected).{first}")
    return Table(tuple(accepted), tuple(rejected))


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield each row's line and its fields in the order of ``COLUMNS``; as they are if too many or few."""
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip().lower() for name in next(rows, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise IngestError(f"the file has no column {', '.join(missing)}; needed are {', '.join(COLUMNS)}")
        places = [header.index(name) for name in COLUMNS]
        for values in rows:
            if values:
                yield rows.line_num, [values[i] for i in places] if len(values) == len(header) else values
    except UnicodeDecodeError as error:
        raise IngestError("the file is not UTF-8 text") from error
    except csv.Error as error:
        raise IngestError(f"the file is not CSV: line {rows.line_num}: {error}") from error


def _activity_type(text: str) -> str:
    try:
        return _TYPES[text.lower()]
    except KeyError:
        raise _RejectedError(f"activity_type {text} is not one of {', '.join(ACTIVITY_TYPES)}") from None


def _value(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _RejectedError(f"activity_value_nm {text} is not a number") from None
    if not value.is_finite() or not 0 < value <= _MAX_VALUE:
        raise _RejectedError(f"activity_value_nm {text} is not a concentration above zero")
    return value

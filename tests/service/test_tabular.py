"""A file's rows are accepted, or rejected with a reason."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bmii.errors import IngestError
from bmii.tabular import COLUMNS, read_table

HEADER = ",".join(COLUMNS)
GOOD = "ethanol,CCO,C2H6O,P12345,ABC1,Protein,Ki,12.5,test"


def read(*lines, header=HEADER):
    return read_table("\n".join([header, *lines, ""]).encode())


def test_a_good_row():
    (row,) = read(GOOD).accepted
    assert (row.line, row.compound, row.molecule.smiles, row.target.accession) == (
        2,
        "ethanol",
        "CCO",
        "P12345",
    )
    assert (row.activity_type, row.value_nm, row.source) == ("Ki", Decimal("12.5"), "test")


def test_formula_and_value_may_be_empty_and_columns_come_in_any_order():
    header = ",".join(reversed(COLUMNS))
    (row,) = read("test,,ic50,Protein,ABC1,P12345,,CCO,ethanol", header=header).accepted
    assert (row.compound, row.activity_type, row.value_nm) == ("ethanol", "IC50", None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,C1CC,,P12345,ABC1,Protein,Ki,1,test", "smiles: this is not a valid SMILES"),
        ("x,CCO,C9H8O4,P12345,ABC1,Protein,Ki,1,test", "formula is C9H8O4, but the SMILES has C2H6O"),
        ("x,CCC,,NOPE,ABC1,Protein,Ki,1,test", "is not a UniProt accession"),
        ("x,CCC,,P12345,OTHER,Protein,Ki,1,test", "but P12345 was ABC1 before"),
        ("x,CCC,,P12345,ABC1,Protein,Kx,1,test", "activity_type Kx is not one of"),
        ("x,CCC,,P12345,ABC1,Protein,Ki,-1,test", "is not a concentration above zero"),
        ("x,CCC,,P12345,ABC1,Protein,Ki,nan,test", "is not a concentration above zero"),
        ("x,CCC,,P12345,ABC1,Protein,Ki,much,test", "is not a number"),
        ("x,CCC,,P12345,ABC1,Protein,Ki,1,", "source is empty"),
        (",CCC,,P12345,ABC1,Protein,Ki,1,test", "compound is empty"),
        ("x,CCC,,P12345", "has 4 fields instead of 9"),
        (f"{'x' * 3000},CCC,,P12345,ABC1,Protein,Ki,1,test", "compound is too long"),
        ("again,OCC,,P12345,ABC1,Protein,Ki,99,test", "says again what line 2 says"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(row, reason):
    table = read(GOOD, row)
    assert len(table.accepted) == 1
    (reject,) = table.rejected
    assert reject.line == 3
    assert reason in reject.reason
    assert table.rejects_csv().decode().splitlines()[1].startswith("3,")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no column"),
        (b"compound,smiles\nx,CCO\n", "no column formula"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (f'{HEADER}\n"x"y,CCO'.encode(), "not CSV"),
        (f"{HEADER}\n".encode(), "no row that can be used (0 rejected)"),
        (
            f"{HEADER}\nx,C1CC,,P12345,ABC1,Protein,Ki,1,test\n".encode(),
            "(1 rejected). The first: line 2 smiles",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(data, said):
    with pytest.raises(IngestError, match=said.replace("(", r"\(").replace(")", r"\)")):
        read_table(data)

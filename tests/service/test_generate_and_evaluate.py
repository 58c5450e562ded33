"""Made-up data of any size that the platform ingests whole; and recall, on data where it is known."""

from __future__ import annotations

import io
import json

import pytest

from bmii import generate
from bmii.errors import BmiiError
from bmii.evaluate import leave_one_out
from bmii.tabular import COLUMNS, read_table


def _generate(compounds, seed=1):
    text = io.StringIO()
    rows = generate.write(text, compounds, seed)
    return text.getvalue(), rows


def test_every_row_is_accepted_and_every_compound_is_distinct():
    text, rows = _generate(300)
    table = read_table(text.encode())
    assert (len(table.accepted), table.rejected) == (rows, ())
    assert len({row.compound for row in table.accepted}) == 300
    assert len({row.molecule.smiles for row in table.accepted}) == 300
    assert len({row.target.accession for row in table.accepted}) > 20


def test_the_seed_decides():
    assert _generate(50) == _generate(50)
    assert _generate(50) != _generate(50, seed=2)


@pytest.mark.parametrize("compounds", [0, -1, generate.MOST + 1])
def test_an_impossible_number_is_refused(compounds):
    with pytest.raises(BmiiError, match="is a number from 1"):
        _generate(compounds)


def test_recall_counts_what_can_be_found():
    rows = [
        ("near one", "CC(=O)Oc1ccccc1C(=O)O", "P00001"),
        ("near two", "CCC(=O)Oc1ccccc1C(=O)O", "P00001"),
        ("alone", "CCO", "P00002"),
        ("far one", "CCCCCCCCCC", "P00003"),
        ("far two", "c1ccc2ccccc2c1", "P00003"),
    ]
    lines = [",".join(COLUMNS), *(f"{n},{s},,{t},S{t},name,Ki,1,test" for n, s, t in rows)]
    recall = leave_one_out(read_table("\n".join(lines).encode()), k=1)
    assert (recall.compounds, recall.asked, recall.recall) == (5, 4, 0.5)


def test_the_readme_reports_the_recall_of_the_reference_set(service):
    recall = leave_one_out(read_table((service / "bmii/reference/interactions.csv").read_bytes()))
    reported = (
        f"**{recall.recall:.2f}** ({recall.asked} of {recall.compounds} compounds have a findable target)"
    )
    assert reported in (service / "README.md").read_text(encoding="utf-8")


def test_evaluate_prints_json(bmii, interactions):
    result = bmii({}, "evaluate", str(interactions), "--k", "3")
    assert json.loads(result.stdout) == {"k": 3, "recall": 0.6667, "asked": 3, "compounds": 4}

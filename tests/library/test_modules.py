"""An answer that is not what a module documents is seen."""

from __future__ import annotations

import pytest

from tests.library.modules import undocumented

GOOD = {
    "changed": False,
    "exists": True,
    "drifted": [{"logical_id": "A", "type": "T", "status": "MODIFIED", "differences": [{"path": "/x"}]}],
    "checked": 1,
    "unchecked": [],
    "lines": ["one"],
}


def test_a_documented_answer_passes() -> None:
    assert list(undocumented("stack_drift", GOOD)) == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"other": 1}, "stack_drift.other is returned, and not documented"),
        ({"checked": "1"}, "stack_drift.checked is documented as int, and is '1'"),
        ({"checked": True}, "stack_drift.checked is documented as int, and is True"),
        ({"lines": [1]}, "stack_drift.lines is documented to hold str, and holds 1"),
        (
            {"drifted": [{"status": "DELETED", "type": "T", "logical_id": "A"}]},
            "stack_drift.drifted.differences is documented, and not returned",
        ),
        (
            {"drifted": [{**GOOD["drifted"][0], "more": 1}]},
            "stack_drift.drifted.more is returned, and not documented",
        ),
        ({"failed": True, "other": 1}, "stack_drift.other is returned, and not documented"),
    ],
)
def test_what_is_not_as_documented_is_seen(more: dict[str, object], says: str) -> None:
    assert list(undocumented("stack_drift", {**GOOD, **more})) == [says]


def test_what_is_always_returned_is_missed() -> None:
    answer = {name: value for name, value in GOOD.items() if name != "lines"}
    assert list(undocumented("stack_drift", answer)) == [
        "stack_drift.lines is documented to be returned always, and is not"
    ]


def test_a_failure_returns_what_every_failure_does() -> None:
    assert list(undocumented("stack_drift", {"failed": True, "msg": "x", "remedy": "y"})) == []

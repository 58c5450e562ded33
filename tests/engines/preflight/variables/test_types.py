"""What has the wrong type is reported by its variable, and left out; what only looks odd is kept."""

import pytest

from engines.preflight.variables import types

CANARY = "canary-90aa"
SPECIFICATION = {
    "name": {"type": "str"},
    "cpu": {"type": "int"},
    "buckets": {"type": "list", "elements": "str"},
    "database": {"type": "dict", "options": {"multi_az": {"type": "bool"}, "version": {"type": "str"}}},
    "secrets": {
        "type": "list",
        "elements": "dict",
        "options": {"name": {"type": "str", "required": True}, "generate": {"type": "dict"}},
    },
    "folder": {"type": "path"},
}


@pytest.mark.parametrize(
    ("name", "value", "variable", "what"),
    [
        ("name", True, "name", "is true or false, not a text"),
        ("name", ["bmii"], "name", "is a list, not a text"),
        ("name", 15.1, "name", "is a number, not a text"),
        ("folder", {"a": 1}, "folder", "is a mapping, not a text"),
        ("cpu", "lots", "cpu", "is a text, not a whole number"),
        ("cpu", 1.5, "cpu", "is a number, not a whole number"),
        ("cpu", True, "cpu", "is true or false, not a whole number"),
        ("buckets", "raw,features", "buckets", "is a text, not a list"),
        ("buckets", {"raw": 1}, "buckets", "is a mapping, not a list"),
        ("buckets", ["raw", ["a"]], "buckets", "entry 2: is a list, not a text"),
        ("buckets", ["raw", None], "buckets", "entry 2: is empty, not a text"),
        ("database", [CANARY], "database", "is a list, not a mapping"),
        ("database", CANARY, "database", "is a text, not a mapping"),
        ("database", {"multi_az": "yes"}, "database.multi_az", "is a text, not true or false"),
        ("database", {"multi": True}, "database.multi", "is not known"),
        ("secrets", [CANARY], "secrets", "entry 1: is a text, not a mapping"),
        ("secrets", [{"generate": {}}], "secrets", "entry 1: has no name"),
        (
            "secrets",
            [{"name": "a", "generate": 8}],
            "secrets",
            "entry 1: generate is a number, not a mapping",
        ),
        ("secrets", [{"name": "a", "valeu": CANARY}], "secrets", "entry 1: valeu is not known"),
    ],
)
def test_each_wrong_type_is_reported_and_left_out(name, value, variable, what):
    options = {"name": "kept", name: value}

    (finding,) = types.wrong_types(options, SPECIFICATION)

    assert (finding.variable, finding.what) == (variable, what)
    assert finding.remedy
    assert CANARY not in str(finding)
    assert options.get(name) in (None, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 12),
        ("cpu", "1024"),
        ("cpu", "-1"),
        ("buckets", []),
        ("database", {"multi_az": "True", "version": None}),
        ("database", {"multi_az": False}),
        ("secrets", [{"name": "a", "generate": {"length": 8}}]),
        ("name", None),
        ("_ansible_check_mode", True),
    ],
)
def test_what_can_be_read_is_kept(name, value):
    options = {name: value}

    assert types.wrong_types(options, SPECIFICATION) == []
    assert options == {name: value}

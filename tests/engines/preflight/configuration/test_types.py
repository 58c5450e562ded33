"""What has the wrong type is told by its variable, and left out; what only looks odd is kept."""

import pytest

from engines.preflight.configuration import types

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
    "endpoints": {
        "type": "list",
        "elements": "dict",
        "options": {"variable": {"type": "str"}, "url": {"type": "str"}},
    },
    "folder": {"type": "path"},
}


@pytest.mark.parametrize(
    ("name", "value", "variable", "what"),
    [
        ("name", True, "preflight_name", "is true or false, not a text"),
        ("name", ["bmii"], "preflight_name", "is a list, not a text"),
        ("name", 15.1, "preflight_name", "is a number, not a text"),
        ("folder", {"a": 1}, "preflight_folder", "is a mapping, not a text"),
        ("cpu", "lots", "preflight_cpu", "is a text, not a whole number"),
        ("cpu", 1.5, "preflight_cpu", "is a number, not a whole number"),
        ("cpu", True, "preflight_cpu", "is true or false, not a whole number"),
        ("buckets", "raw,features", "preflight_buckets", "is a text, not a list"),
        ("buckets", {"raw": 1}, "preflight_buckets", "is a mapping, not a list"),
        ("buckets", ["raw", ["a"]], "preflight_buckets", "entry 2: is a list, not a text"),
        ("buckets", ["raw", None], "preflight_buckets", "entry 2: is empty, not a text"),
        ("database", [CANARY], "preflight_database", "is a list, not a mapping"),
        ("database", CANARY, "preflight_database", "is a text, not a mapping"),
        ("database", {"multi_az": "yes"}, "preflight_database.multi_az", "is a text, not true or false"),
        ("database", {"multi": True}, "preflight_database.multi", "is not known"),
        ("secrets", [CANARY], "preflight_secrets", "entry 1: is a text, not a mapping"),
        ("secrets", [{"generate": {}}], "preflight_secrets", "entry 1: has no name"),
        (
            "secrets",
            [{"name": "a", "generate": 8}],
            "preflight_secrets",
            "entry 1: generate is a number, not a mapping",
        ),
        ("secrets", [{"name": "a", "valeu": CANARY}], "preflight_secrets", "entry 1: valeu is not known"),
        ("endpoints", [{"variable": "platform_url", "url": ["x"]}], "platform_url", "is a list, not a text"),
    ],
)
def test_each_wrong_type_is_told_and_left_out(name, value, variable, what):
    options = {"name": "kept", name: value}

    (finding,) = types.take_wrong(options, SPECIFICATION)

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

    assert types.take_wrong(options, SPECIFICATION) == []
    assert options == {name: value}

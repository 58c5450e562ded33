"""A template as it takes effect: what is known is put in, what only AWS knows stays."""

from __future__ import annotations

import pytest

from engines.stack.template.evaluate import parameters, references, resources

KNOWN = {"AWS::Region": "eu-central-1"}


def _resolved(value, **given):
    template = {
        "Parameters": {"Name": {"Type": "String"}, "Size": {"Type": "Number", "Default": 5}},
        "Mappings": {"Zones": {"eu-central-1": {"first": "a"}}},
        "Conditions": {
            "Large": {"Fn::Equals": [{"Ref": "Size"}, "9"]},
            "Small": {"Fn::Not": [{"Condition": "Large"}]},
            "Both": {"Fn::And": [{"Condition": "Large"}, {"Condition": "Small"}]},
            "Either": {"Fn::Or": [{"Condition": "Large"}, {"Condition": "Small"}]},
        },
        "Resources": {"One": {"Type": "T", "Properties": {"P": value}}},
    }
    return resources(template, {"Name": "bmii", **given}, KNOWN)["One"].properties.get("P", "gone")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "bmii"),
        ({"Ref": "AWS::Region"}, "eu-central-1"),
        ({"Ref": "AWS::AccountId"}, {"Ref": "AWS::AccountId"}),
        ({"Ref": "Other"}, {"Ref": "Other"}),
        ({"Ref": "AWS::NoValue"}, "gone"),
        ([1, {"Ref": "AWS::NoValue"}, True], ["1", "true"]),
        ({"Fn::If": ["Large", "l", "s"]}, "s"),
        ({"Fn::If": ["Both", "l", {"Ref": "AWS::NoValue"}]}, "gone"),
        ({"Fn::If": ["Either", "e", "n"]}, "e"),
        ({"Fn::Sub": "${Name}-x"}, "bmii-x"),
        ({"Fn::Sub": "${!Literal} ${Size}"}, "${Literal} 5"),
        ({"Fn::Sub": "${Name}-${One.Arn}"}, {"Fn::Sub": "bmii-${One.Arn}"}),
        ({"Fn::Sub": ["${a}:${b}", {"a": {"Ref": "Name"}, "b": {"Ref": "One"}}]},
         {"Fn::Sub": ["bmii:${b}", {"b": {"Ref": "One"}}]}),
        ({"Fn::GetAtt": "One.Arn"}, {"Fn::GetAtt": ["One", "Arn"]}),
        ({"Fn::Join": ["-", [{"Ref": "Name"}, "x"]]}, "bmii-x"),
        ({"Fn::Join": ["-", [{"Ref": "One"}, "x"]]}, {"Fn::Join": ["-", [{"Ref": "One"}, "x"]]}),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, {"Fn::Select": ["0", {"Fn::GetAZs": ""}]}),
        ({"Fn::FindInMap": ["Zones", {"Ref": "AWS::Region"}, "first"]}, "a"),
        ({"Fn::FindInMap": ["Zones", {"Ref": "B"}, "x"]}, {"Fn::FindInMap": ["Zones", {"Ref": "B"}, "x"]}),
    ],
)  # fmt: skip
def test_a_value_is_resolved_as_far_as_it_is_known(value, expected):
    assert _resolved(value) == expected


def test_a_parameter_decides_a_condition():
    assert _resolved({"Fn::If": ["Large", "l", "s"]}, Size=9) == "l"


def test_a_resource_whose_condition_is_not_met_is_not_made():
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"One": {"Type": "T", "Condition": "Never"}, "Two": {"Type": "T"}},
    }
    assert list(resources(template, {}, {})) == ["Two"]


def test_parameters_are_text_and_have_their_defaults():
    template = {"Parameters": {"A": {"Default": 5}, "B": {}}}
    assert parameters(template, {"B": True, "C": 1}) == {"A": "5", "B": "True"}


def test_references_are_found_wherever_they_are():
    value = [
        {"Ref": "A"},
        {"x": {"Fn::GetAtt": ["B", "Arn"]}},
        {"Fn::Sub": ["${C.Id} ${d}", {"d": {"Ref": "D"}}]},
    ]
    assert {"A", "B", "C", "D"} <= set(references(value))

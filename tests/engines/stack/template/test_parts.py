"""Merging parts: long forms, one declaration per name, and errors that name the part."""

import textwrap

import pytest

from engines.errors import ConfigurationError
from engines.stack.template import merge


@pytest.fixture
def part(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def test_parts_become_one_template_in_long_form(part):
    one = part(
        "one.yml",
        """
        AWSTemplateFormatVersion: 2010-09-09
        Conditions: {Big: !Not [!Equals [!Ref Size, small]]}
        Resources:
          A: &shared
            Type: T
            Properties: {Arn: !GetAtt B.Endpoint.Port, Text: !Sub "${A}-x", When: !Condition Big}
        """,
    )
    two = part("two.yml", "Resources: {B: {Type: U}}\nOutputs: {O: {Value: !Select [0, !GetAZs '']}}")

    assert merge([one, two]) == {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Conditions": {"Big": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, "small"]}]}},
        "Resources": {
            "A": {
                "Type": "T",
                "Properties": {
                    "Arn": {"Fn::GetAtt": ["B", "Endpoint.Port"]},
                    "Text": {"Fn::Sub": "${A}-x"},
                    "When": {"Condition": "Big"},
                },
            },
            "B": {"Type": "U"},
        },
        "Outputs": {"O": {"Value": {"Fn::Select": [0, {"Fn::GetAZs": ""}]}}},
    }


def test_a_name_that_two_parts_declare_is_refused(part):
    parts = [part("one.yml", "Resources: {A: {Type: T}}"), part("two.yml", "Resources: {A: {Type: U}}")]

    with pytest.raises(ConfigurationError, match=r"two\.yml: Resources A is declared already, in one\.yml"):
        merge(parts)


def test_the_same_name_in_two_sections_is_not_a_clash(part):
    assert merge([part("one.yml", "Resources: {A: {Type: T}}"), part("two.yml", "Outputs: {A: {Value: x}}")])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Resources: {A: {Type: T}, A: {Type: U}}", "A is written twice"),
        ("Resource: {A: {Type: T}}", "Resource is not a section"),
        ("Resources: [A]", "Resources is not a section"),
        ("- Resources", "holds no template"),
        ("Resources: {", "cannot be read"),
    ],
)
def test_a_broken_part_is_named(part, text, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        merge([part("broken.yml", text)])

    assert "broken.yml" in caught.value.subject


def test_a_missing_part_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"gone\.yml"):
        merge([tmp_path / "gone.yml"])

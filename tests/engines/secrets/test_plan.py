"""The plan for parameters: what is created, updated and unchanged, from literal values."""

import pytest

from engines.secrets.errors import SecretError
from engines.secrets.model import Stored, Wanted
from engines.secrets.plan import generated, plan


def _plan(wanted, stored=(), **options):
    return plan(wanted, dict(stored), generate=lambda length: "g" * length, **options)


def _seen(actions):
    return [(action.name, action.kind, action.value) for action in actions]


def test_what_is_given_is_created_updated_or_left_alone():
    wanted = [Wanted("/new", value="1"), Wanted("/other", value="2"), Wanted("/same", value="3")]
    stored = {"/other": Stored("old", "SecureString", 4), "/same": Stored("3", "SecureString", 5)}

    actions = _plan(wanted, stored)

    assert _seen(actions) == [
        ("/new", "created", "1"),
        ("/other", "updated", "2"),
        ("/same", "unchanged", None),
    ]
    assert [action.version for action in actions] == [0, 4, 5]


def test_what_is_generated_is_made_once():
    wanted = [Wanted("/new", generate=20), Wanted("/old", generate=20)]

    actions = _plan(wanted, {"/old": Stored("kept", "SecureString", 1)})

    assert _seen(actions) == [("/new", "created", "g" * 20), ("/old", "unchanged", None)]


def test_a_text_is_composed_of_wanted_and_stored_parameters_in_any_order():
    wanted = [
        Wanted("/p/url", compose="pg://u:{password|url}@{/elsewhere/host}/{password}"),
        Wanted("/p/password", value="a/b c%é"),
    ]

    actions = _plan(wanted, {"/elsewhere/host": Stored("h:1", "String", 1)}, path="/p")

    assert actions[0].value == "pg://u:a%2Fb%20c%25%C3%A9@h:1/a/b c%é"
    assert [action.name for action in actions] == ["/p/url", "/p/password"]


def test_a_composed_text_follows_its_parts():
    stored = {"/a": Stored("1", "SecureString", 1), "/b": Stored("x1", "SecureString", 1)}

    assert _plan([Wanted("/b", compose="x{/a}")], stored)[0].kind == "unchanged"
    changed = _plan([Wanted("/a", value="2"), Wanted("/b", compose="x{/a}")], stored)
    assert _seen(changed) == [("/a", "updated", "2"), ("/b", "updated", "x2")]


def test_a_plan_may_miss_a_part_that_a_run_would_have_made():
    wanted = [Wanted("/b", compose="x{/a}")]

    assert _seen(_plan(wanted, predict=True)) == [("/b", "created", None)]
    with pytest.raises(SecretError, match="composed of /a, which does not exist"):
        _plan(wanted)


def test_what_is_merely_named_must_exist():
    assert _plan([Wanted("/a")], {"/a": Stored("x", "SecureString", 2)})[0].kind == "unchanged"
    with pytest.raises(SecretError, match="/a: does not exist"):
        _plan([Wanted("/a")])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([Wanted("/a", value="canary", generate=20)], "more than one of value, generate and compose"),
        ([Wanted("/a", value="canary"), Wanted("/a", value="canary")], "listed twice"),
        ([Wanted("/a", generate=15)], "at least 16"),
        ([Wanted("/a", compose="{b|base64}")], "brace that is not a placeholder"),
        ([Wanted("/a", compose="{/a}")], "composed of itself"),
        (
            [Wanted("/a", compose="{/b}"), Wanted("/b", compose="{/c}"), Wanted("/c", compose="{/a}")],
            "itself",
        ),
    ],
)
def test_what_cannot_be_met_is_refused_without_its_value(wanted, said):
    with pytest.raises(SecretError, match=said) as caught:
        _plan(wanted)

    assert "parameter /a" in str(caught.value) or caught.value.subject == "/a"
    assert "canary" not in str(caught.value)


def test_a_type_cannot_be_changed():
    with pytest.raises(SecretError, match="is a String, not a SecureString"):
        _plan([Wanted("/a", value="x")], {"/a": Stored("x", "String", 1)})


def test_generated_secrets_differ_and_need_no_quoting():
    first, second = generated(40), generated(40)

    assert first != second
    assert len(first) == 40
    assert first.isascii()
    assert first.isalnum()


def test_no_value_is_part_of_a_representation():
    shown = repr(
        [Wanted("/a", value="canary"), Stored("canary", "String", 1), *_plan([Wanted("/a", value="canary")])]
    )

    assert "canary" not in shown

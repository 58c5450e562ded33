"""Parameters really kept in Parameter Store: once, honestly reported, and never shown."""

import json

import pytest

from engines.aws import client
from engines.secrets.apply import ensure, wanted_from
from engines.secrets.errors import SecretError

URL = "postgresql+psycopg2://u:{password|url}@127.0.0.1:5432/db"


@pytest.fixture
def path(aws, request):
    """A path of this test alone."""
    return f"/secrets-test/{request.node.name}"


def _ensure(path, parameters, **options):
    return ensure(wanted_from(parameters, path), path=path, **options)


def _value(name):
    parameter = client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return parameter["Value"], parameter["Type"], parameter["Version"]


def _names(path):
    return [one["Name"] for one in client("ssm").get_parameters_by_path(Path=path)["Parameters"]]


def test_parameters_are_created_once_and_then_left_alone(path):
    wanted = [
        {"name": "password", "generate": {"length": 32}},
        {"name": "given", "value": "a b"},
        {"name": "plain", "type": "String", "value": "x"},
        {"name": "url", "compose": URL},
    ]

    first, second = _ensure(path, wanted), _ensure(path, wanted)

    password, kind, _ = _value(f"{path}/password")
    assert first["changed"]
    assert [one["action"] for one in first["parameters"]] == ["created"] * 4
    assert not second["changed"]
    assert second["diff"] == {"before": {}, "after": {}}
    assert [(one["action"], one["version"]) for one in second["parameters"]] == [("unchanged", 1)] * 4
    assert (len(password), kind) == (32, "SecureString")
    assert _value(f"{path}/plain") == ("x", "String", 1)
    assert _value(f"{path}/url")[0] == URL.replace("{password|url}", password)


def test_a_given_value_is_updated_and_what_is_composed_follows(path):
    _ensure(path, [{"name": "password", "value": "one"}, {"name": "url", "compose": URL}])

    result = _ensure(path, [{"name": "password", "value": "t/wo"}, {"name": "url", "compose": URL}])

    assert [(one["action"], one["version"]) for one in result["parameters"]] == [("updated", 2)] * 2
    assert "u:t%2Fwo@" in _value(f"{path}/url")[0]


def test_check_mode_says_the_same_and_writes_nothing(path):
    wanted = [
        {"name": "password", "generate": {"length": 32}},
        {"name": "url", "compose": URL},
        {"name": "later", "compose": "{not-made-yet}"},
    ]

    planned = _ensure(path, wanted, check=True)

    assert planned["changed"]
    assert [one["action"] for one in planned["parameters"]] == ["created"] * 3
    assert planned["diff"]["before"] == dict.fromkeys(
        (f"{path}/{n}" for n in ("password", "url", "later")), "absent"
    )
    assert _names(path) == []


def test_references_are_resolved_and_empty_ones_are_not_given(path, monkeypatch):
    monkeypatch.setenv("SECRETS_TEST_VALUE", "from outside")

    _ensure(path, [{"name": "a", "value": "env:SECRETS_TEST_VALUE"}])
    _ensure(
        path,
        [{"name": "b", "value": f"ssm:{path}/a"}, {"name": "a", "value": "", "generate": {"length": 20}}],
    )

    assert _value(f"{path}/b")[0] == "from outside"
    assert _value(f"{path}/a")[2] == 1


def test_a_missing_reference_is_named_with_its_parameter(path, monkeypatch):
    monkeypatch.delenv("SECRETS_TEST_GONE", raising=False)

    with pytest.raises(SecretError, match=r"/a: environment variable SECRETS_TEST_GONE"):
        _ensure(path, [{"name": "a", "value": "env:SECRETS_TEST_GONE"}])


def test_more_parameters_than_one_request_takes(path):
    wanted = [{"name": f"p{index}", "value": str(index)} for index in range(23)]

    _ensure(path, wanted)

    assert not _ensure(path, wanted)["changed"]


def test_what_is_created_carries_the_tags(path):
    _ensure(path, [{"name": "a", "value": "x"}], tags={"Project": "bmii"})

    tags = client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=f"{path}/a")["TagList"]
    assert tags == [{"Key": "Project", "Value": "bmii"}]


def test_no_value_is_in_a_result(path):
    wanted = [{"name": "password", "value": "canary-one"}, {"name": "url", "compose": URL}]
    results = [_ensure(path, wanted, check=True), _ensure(path, wanted)]
    wanted[0]["value"] = "canary-two"
    results += [_ensure(path, wanted, check=True), _ensure(path, wanted)]

    assert "canary" not in json.dumps(results)

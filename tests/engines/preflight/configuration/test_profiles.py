"""The user's AWS profile is read, and one that is not there is told before a client needs it."""

import pytest

from engines.preflight.configuration import profiles


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Return the path of the user's AWS configuration, which does not exist yet."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return tmp_path / "config"


def test_the_endpoints_of_the_chosen_profile_are_read(config):
    config.write_text(
        "[default]\nendpoint_url = http://one.example\n"
        "[profile other]\nservices = mine\n"
        "[services mine]\ns3 =\n  endpoint_url = http://two.example\n",
        encoding="utf-8",
    )

    assert profiles.endpoint_section({}) == {"endpoint_url": "http://one.example"}
    assert profiles.endpoint_section({"AWS_PROFILE": "other"}) == {
        "s3": {"endpoint_url": "http://two.example"}
    }


def test_a_profile_that_is_there_is_fine_and_so_is_none(config):
    config.write_text("[profile bmii]\nregion = eu-central-1\n", encoding="utf-8")

    assert list(profiles.find({})) == []
    assert list(profiles.find({"AWS_PROFILE": "bmii"})) == []


@pytest.mark.parametrize(("text", "has"), [("[profile bmii]\n", "it has bmii"), ("", "it has none")])
def test_a_profile_that_is_not_there_is_reported_with_those_that_are(config, text, has):
    config.write_text(text, encoding="utf-8")

    (finding,) = profiles.find({"AWS_PROFILE": "bmij"})

    assert finding.variable == "platform_aws_profile"
    assert "'bmij'" in finding.what
    assert has in finding.what


def test_a_file_that_cannot_be_read_is_reported(config):
    config.write_text("role_arn = of nobody\n", encoding="utf-8")

    assert [finding.variable for finding in profiles.find({"AWS_PROFILE": "bmii"})] == ["AWS_CONFIG_FILE"]
    assert profiles.endpoint_section({}) == {}

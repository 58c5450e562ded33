"""A migration onto itself is refused: the same server, or the same bucket."""

import pytest

from engines.preflight.configuration import same_place
from engines.preflight.model import Settings

AWS = {"AWS_ENDPOINT_URL": "http://127.0.0.1:14566"}


def _variables(settings, environment=AWS):
    return [finding.variable for finding in same_place.find(settings, environment)]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("postgresql://u:p@localhost:25432/db", "127.0.0.1:25432"),
        ("postgresql+psycopg2://u@db.example.org/other", "db.example.org:5432"),
    ],
)
def test_the_same_server_is_refused_whatever_its_database(source, target):
    assert _variables(Settings(source_database=source, target_database=target)) == [
        "platform_source_database"
    ]


@pytest.mark.parametrize(("instance", "refused"), [("bmii-postgres", True), ("bmii", False)])
def test_the_very_instance_that_the_stack_makes_is_refused(instance, refused):
    source = "postgresql://u@bmii-postgres.c0ffee.eu-central-1.rds.amazonaws.com/db"

    found = _variables(Settings(source_database=source, database={"instance_identifier": instance}))

    assert found == ["platform_source_database"] * refused


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("postgresql://u@127.0.0.1:15432/db", "127.0.0.1:25432"),
        ("postgresql://u@db.example.org/db", ""),
        ("env:SOURCE", "127.0.0.1:25432"),
        ("postgresql:///db", ""),
        ("no address", "127.0.0.1:25432"),
    ],
)
def test_another_server_is_fine_and_so_is_what_cannot_be_determined_yet(source, target):
    assert _variables(Settings(source_database=source, target_database=target)) == []


@pytest.mark.parametrize(
    ("endpoint", "targets", "variables"),
    [
        ("http://localhost:14566", ["raw", "b"], ["platform_buckets"]),
        ("https://s3.eu-central-1.amazonaws.com", ["raw", "b"], ["platform_buckets"]),
        ("http://127.0.0.1:19000", ["raw", "b"], []),
        ("https://s3.eu-central-1.amazonaws.com", ["bmii-raw", "b"], []),
    ],
)
def test_a_bucket_is_not_copied_onto_itself(endpoint, targets, variables):
    settings = Settings(
        source_store={"endpoint": endpoint}, source_buckets=["raw", "a"], target_buckets=targets
    )

    assert _variables(settings) == variables

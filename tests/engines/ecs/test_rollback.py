from __future__ import annotations

import pytest

from engines.ecs import task_definition
from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.rollback import choose, release_of
from tests.engines.ecs.test_plan import RELEASE

PREFIX = "arn:aws:ecs:us-east-1:000000000000:task-definition"
GOOD = [f"{PREFIX}/bmii:{number}" for number in (12, 9, 10, 2)] + [f"{PREFIX}/other:11"]


@pytest.mark.parametrize(("running", "number"), [(13, 12), (12, 10), (10, 9), (9, 2)])
def test_the_previous_one_is_the_newest_good_one_before_what_runs(running, number):
    assert choose("", GOOD, f"{PREFIX}/bmii:{running}") == f"{PREFIX}/bmii:{number}"


@pytest.mark.parametrize("to", ["bmii:3", f"{PREFIX}/bmii:3"])
def test_a_revision_may_be_named(to):
    assert choose(to, [], f"{PREFIX}/bmii:2") == to


def test_without_an_earlier_good_one_it_has_to_be_named():
    with pytest.raises(ReleaseConfigurationError, match="rollback_to=FAMILY:NUMBER"):
        choose("", GOOD, f"{PREFIX}/bmii:2")


@pytest.mark.parametrize("to", ["bmii", "3", "bmii:latest", "--all", "other:3"])
def test_what_names_no_revision_is_refused(to):
    with pytest.raises(ReleaseConfigurationError, match="is not the name of a revision of family bmii"):
        choose(to, GOOD, f"{PREFIX}/bmii:2")


def test_a_registered_revision_is_read_back_as_the_release_that_it_was():
    read = release_of(task_definition.request(RELEASE))
    assert (read.image, read.container_port, read.log_group) == (RELEASE.image, 8000, "/bmii")

"""What differs between two descriptions of one object."""

from __future__ import annotations

from engines.objects.plan.object_diff import differing


def test_differing_names_the_parts_that_differ_and_those_that_only_one_has():
    left = {"size": 1, "ContentType": "text/plain", "metadata": {"a": "1"}}
    right = {"size": 1, "ContentType": "text/csv", "tags": {"a": "1"}}
    assert differing(left, right) == ["ContentType", "metadata", "tags"]
    assert differing(left, dict(left)) == []

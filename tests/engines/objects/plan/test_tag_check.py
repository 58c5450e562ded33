"""Objects that were tagged anew in the source, which no listing shows."""

from __future__ import annotations

import pytest

from engines.objects.errors import IncompleteError
from engines.objects.plan.tag_check import SAMPLE, positions
from tests.engines.objects.in_memory import compared, mirrored
from tests.engines.objects.memory_store import MemoryStore


def test_a_sample_is_another_one_each_time():
    assert len(positions("sample", 10)) == 10
    assert len({positions("sample", 10_000) for _ in range(5)}) == 5
    assert len(positions("sample", 10_000)) == SAMPLE
    assert (len(positions("all", 50)), len(positions("none", 50))) == (50, 0)


@pytest.fixture
def source(serve):
    store = serve(MemoryStore(server="AmazonS3"))
    for number in range(50):
        store.put(f"{number:03}", b"x", tags={"team": "lab"} if number % 2 else {})
    return store


def tags(store):
    return {key: stored.tags for key, stored in store.objects.items()}


@pytest.mark.parametrize("mode", ["sample", "all"])
def test_objects_that_were_tagged_anew_are_copied_again(source, target, tmp_path, mode):
    options = {"manifest": tmp_path / "m", "check_tags": mode}
    mirrored(source, target, **options)
    assert mirrored(source, target, **options)["changed"] is False
    for stored in list(source.objects.values())[:45]:
        stored.tags = {"team": "other"}
    planned = mirrored(source, target, **options)
    assert planned["plan"] | {"copy": 45, "equal": 5} == planned["plan"]
    assert (
        planned["examples"]["copy"][0]["reason"] == "its tags have changed in the source since it was copied"
    )
    assert tags(target) == tags(source)
    assert mirrored(source, target, **options)["changed"] is False
    assert compared(source, target, mode="listing", path=tmp_path / "m", check_tags="all")[0]


def test_no_tags_are_asked_for_where_that_is_not_wanted(source, target, tmp_path):
    mirrored(source, target, manifest=tmp_path / "m")
    source.objects["001"].tags = {}
    source.asked.clear()
    assert mirrored(source, target, manifest=tmp_path / "m", check_tags="none")["copied"] == 0
    # The one by which is found out whether tags may be read.
    assert source.tags_asked() == 1
    assert mirrored(source, target, manifest=tmp_path / "m", check_tags="all")["copied"] == 1
    assert target.objects["001"].tags == {}


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_comparison_by_listings_asks_both_sides(source, target, tmp_path, side):
    mirrored(source, target, manifest=tmp_path / "m")
    options = {"mode": "listing", "path": tmp_path / "m", "check_tags": "all"}
    assert compared(source, target, **options) == (True, {"equal": 50})
    {"source": source, "target": target}[side].objects["007"].tags = {"team": "other"}
    assert compared(source, target, **options) == (False, {"equal": 49, "differs": 1})
    assert compared(source, target, **{**options, "check_tags": "none"}) == (True, {"equal": 50})


def test_tags_that_may_no_longer_be_read_are_not_equal(source, target, tmp_path):
    mirrored(source, target, manifest=tmp_path / "m")
    source.tags_refused = ("AccessDenied", 403)
    with pytest.raises(IncompleteError, match="its tags could not be verified"):
        mirrored(source, target, manifest=tmp_path / "m")
    accepted = mirrored(source, target, manifest=tmp_path / "m", accept_unverified=("tags",))
    assert accepted["plan"]["equal"] == 50

"""Tags of objects: copied and compared, whether a store counts them, hides them or knows none."""

from __future__ import annotations

import pytest

from engines.objects.errors import IncompleteError
from engines.objects.s3 import Store
from tests.engines.objects.in_memory import bodies, compared, mirrored
from tests.engines.objects.memory_store import MemoryStore
from tests.engines.objects.scripted import refuse


@pytest.mark.parametrize("counts_tags", [True, False])
def test_tags_arrive_whether_they_are_counted_or_not(serve, target, counts_tags):
    source = serve(MemoryStore(counts_tags=counts_tags))
    for number in range(20):
        source.put(f"{number:02}", b"x", tags={"number": str(number)} if number % 7 == 6 else {})
    assert mirrored(source, target)["copied"] == 20
    assert {key: stored.tags for key, stored in target.objects.items()} == {
        key: stored.tags for key, stored in source.objects.items()
    }
    assert compared(source, target) == (True, {"equal": 20})
    target.objects["13"].tags = {"number": "14"}
    assert compared(source, target) == (False, {"equal": 19, "differs": 1})


def test_a_store_that_is_known_to_count_tags_is_not_asked_for_those_of_every_object(
    serve, target, monkeypatch
):
    monkeypatch.setattr(Store, "is_plain", False)  # over plain HTTP they are asked for twice
    source = serve(MemoryStore(server="AmazonS3"))
    for number in range(50):
        source.put(f"{number}")
    mirrored(source, target, jobs=1)
    # Four, and the one by which it is found out whether tags may be read.
    assert source.tags_asked() == 5
    # Where one shows that the count is left out, all are asked.
    source.counts_tags, source.objects["0"].tags = False, {"a": "b"}
    source.asked.clear()
    other = serve(MemoryStore())
    assert mirrored(source, other, jobs=1)["copied"] == 50
    assert source.tags_asked() == 51
    assert other.objects["0"].tags == {"a": "b"}


def test_tags_that_may_not_be_read_are_never_equal(serve, target):
    source = serve(MemoryStore(tags_refused=("AccessDenied", 403)))
    source.put("a", b"1", tags={"team": "lab"})
    with pytest.raises(IncompleteError, match="its tags could not be verified: GetObjectTagging was refused"):
        mirrored(source, target)
    assert target.objects == {}
    planned = mirrored(source, target, check=True)
    assert "the tags of the source may not be read" in planned["refused"][0]
    assert planned["capabilities"]["source"]["tags"] == "denied"
    assert mirrored(source, target, check=True, accept_unverified=["tags"])["refused"] == []
    target.put("a", b"1", headers={"content-type": "binary/octet-stream"})
    assert compared(source, target) == (False, {"unverifiable": 1})
    assert compared(target, source) == (False, {"unverifiable": 1})
    # Accepted by name, they are copied without tags, which is said.
    del target.objects["a"]
    result = mirrored(source, target, accept_unverified=["tags"])
    assert [one["what"] for one in result["not_copied"]] == ["tags, which may not be read"]
    assert bodies(target) == {"a": b"1"}
    assert compared(source, target, accept_unverified=["tags"]) == (True, {"equal": 1})
    target.objects["a"].body = b"2"
    assert compared(source, target, accept_unverified=["tags"]) == (False, {"differs": 1})


def test_a_store_that_knows_no_tags_has_none(serve, target):
    source = serve(MemoryStore(tags_refused=("NotImplemented", 501)))
    source.put("a")
    source.put("b")
    assert mirrored(source, target, jobs=1)["copied"] == 2
    # Once to find out what it can do, and of the first object until it is believed.
    assert source.tags_asked() == 4


class Simple(MemoryStore):
    """As ``rclone serve s3``: it answers a question for tags with the object, and a part with status 200."""

    def _get(self, asked):
        if asked.key and "tagging" in asked.query:
            return self._object(asked, self.objects[asked.key])
        return super()._get(asked)

    def _object(self, asked, stored):
        step = super()._object(asked, stored)

        def with_status_200(handler):
            send = handler.send_response_only
            handler.send_response_only = lambda status: send(200 if status == 206 else status)
            step(handler)
            del handler.send_response_only

        return with_status_200


def test_a_store_that_answers_any_question_with_the_object_has_no_tags(serve, target):
    source = serve(Simple(server="AmazonS3"))
    source.put("a", b"1")
    source.put("tags.xml", b"<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>")
    source.put("large", bytes(range(256)) * (6 << 12))
    assert mirrored(source, target, part_size=5 << 20)["copied"] == 3
    assert bodies(target) == bodies(source)
    assert not any(stored.tags for stored in target.objects.values())


@pytest.mark.parametrize("times", [1, 2])
def test_tags_are_not_given_up_for_an_answer_that_something_else_has_given(serve, target, times):
    class Passing(MemoryStore):
        left = times

        def first(self, asked):
            if asked.key and "tagging" in asked.query and self.left:
                self.left -= 1
                return refuse("NotImplemented", 501)
            return None

    source = serve(Passing())
    for key in ("a", "b"):
        source.put(key, b"1", tags={"stage": "raw"})
    assert mirrored(source, target, jobs=1)["copied"] == 2
    assert [stored.tags for stored in target.objects.values()] == 2 * [{"stage": "raw"}]

"""Attributes that a target does not keep are named; one object of each kind is read back."""

from __future__ import annotations

from tests.engines.objects.in_memory import mirrored
from tests.engines.objects.memory_store import MemoryStore


class Guessing(MemoryStore):
    """Takes the type of an object from its name where it is sent as nothing in particular."""

    def _headers(self, asked):
        found = super()._headers(asked)
        if asked.key.endswith(".C") and found["content-type"] == "application/octet-stream":
            found["content-type"] = "text/x-c++src"
        return found


def filled(serve, keys):
    source = serve(MemoryStore())
    for key in keys:
        source.put(key, key.encode(), headers={"content-type": "application/octet-stream"})
    return source


def test_what_a_target_replaces_is_named_for_each_object(serve):
    source, target = filled(serve, ["a.csv", "b.C", "c.C", "d"]), serve(Guessing())
    done = mirrored(source, target, jobs=1)
    assert done["copied"] == 4
    assert done["not_copied"] == [
        {
            "what": "ContentType of objects, which the target does not keep",
            "objects": 2,
            "examples": [{"key": "b.C"}, {"key": "c.C"}],
        }
    ]


def test_one_object_of_a_kind_is_read_back(serve, target):
    source = filled(serve, [f"{number}.csv" for number in range(40)] + ["other.gz"])
    assert mirrored(source, target, jobs=1)["not_copied"] == []
    assert sum(1 for one in target.asked if one.method == "GET" and one.key and not one.query) == 2

"""Objects that are archived in the source: which can be read, and how to restore the others."""

from __future__ import annotations

import pytest

from engines.objects.errors import IncompleteError
from tests.engines.objects.in_memory import bodies, compared, mirrored
from tests.engines.objects.memory_store import MemoryStore
from tests.engines.objects.scripted import refuse


class Archive(MemoryStore):
    """Objects of an archive can be read once they were restored."""

    def first(self, asked):
        stored = self.objects.get(asked.key)
        if not stored or asked.method != "GET" or stored.storage_class == "STANDARD":
            return None
        if "tagging" in asked.query:
            return None
        is_restored = 'ongoing-request="false"' in stored.headers.get("x-amz-restore", "")
        return None if is_restored else refuse("InvalidObjectState", 403)


RESTORED = 'ongoing-request="false", expiry-date="Fri, 02 Jan 2032 00:00:00 GMT"'


def test_an_archived_object_is_copied_once_it_was_restored(serve, target, tmp_path):
    source = serve(Archive())
    states = {"restored": RESTORED, "empty": RESTORED, "asked": 'ongoing-request="true"', "it's archived": ""}
    for key, state in states.items():
        headers = {"x-amz-restore": state} if state else {}
        source.put(key, b"" if key == "empty" else b"22", storage_class="GLACIER", headers=headers)
    source.put("usual", b"4")
    with pytest.raises(IncompleteError, match=r"2 object\(s\).*3 were copied") as caught:
        mirrored(source, target, manifest=tmp_path / "m")
    command = "aws s3api restore-object --bucket b --key 'it'\"'\"'s archived' --restore-request Days=7"
    what = "is archived in the source (GLACIER, 2 bytes)"
    assert {one["key"]: one["reason"] for one in caught.value.details["failed_objects"]} == {
        "it's archived": f"{what}; restore it first: {command}",
        "asked": f"{what} and is being restored: run this again when it is",
    }
    assert bodies(target) == {"restored": b"22", "empty": b"", "usual": b"4"}
    assert compared(source, target) == (False, {"equal": 3, "missing": 2})
    # What is proven is not asked for again, whether it can still be read or not.
    source.objects["restored"].headers.clear()
    for key in ("it's archived", "asked"):
        source.objects[key].headers["x-amz-restore"] = RESTORED
    assert mirrored(source, target, manifest=tmp_path / "m")["copied"] == 2
    assert compared(source, target) == (False, {"equal": 4, "unverifiable": 1})

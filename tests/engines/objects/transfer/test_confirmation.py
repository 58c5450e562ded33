"""What plain HTTP has changed on the way is found out after the copy, and copied again."""

from __future__ import annotations

import pytest

from engines.objects.errors import IncompleteError
from tests.engines.objects.in_memory import bodies, mirrored
from tests.engines.objects.memory_store import MemoryStore
from tests.engines.objects.scripted import answer

BODY = b"what was measured"


class Damaged(MemoryStore):
    """The first ``times`` answers to a request for an object (or its tags) are changed on the way."""

    def __init__(self, change, times=1, *, of_tags=False):
        super().__init__()
        self._change, self._left, self._of_tags = change, times, of_tags

    def first(self, asked):
        if (
            asked.method != "GET"
            or not asked.key
            or ("tagging" in asked.query) != self._of_tags
            or not self._left
        ):
            return None
        self._left -= 1
        stored = self.objects[asked.key]
        headers = {
            "ETag": f'"{stored.etag}"',
            "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT",
            **stored.headers,
        }
        if self._of_tags:
            return answer(200, self._change(self._tags(stored)))
        headers["x-amz-tagging-count"] = str(len(stored.tags))
        body, headers = self._change(stored.body, headers)
        return answer(200, body, **headers)


def other_body(body, headers):
    return b"W" + body[1:], headers


def other_header(body, headers):
    return body, {**headers, "x-amz-meta-assay": "kinase-8"}


def no_metadata(body, headers):
    return body, {name: value for name, value in headers.items() if name != "x-amz-meta-assay"}


def no_tags(body, headers):
    return body, {**headers, "x-amz-tagging-count": "0"}


def source_of(serve, damaged):
    source = serve(damaged)
    source.put("a", BODY, headers={"x-amz-meta-assay": "kinase-7"}, tags={"stage": "raw"})
    return source


@pytest.mark.parametrize("change", [other_body, other_header, no_metadata, no_tags])
def test_an_answer_that_was_changed_once_is_copied_again(serve, target, change):
    source = source_of(serve, Damaged(change))
    assert mirrored(source, target)["copied"] == 1
    assert bodies(target) == {"a": BODY}
    assert target.objects["a"].headers["x-amz-meta-assay"] == "kinase-7"
    assert target.objects["a"].tags == {"stage": "raw"}


def test_tags_that_were_changed_once_are_copied_again(serve, target):
    source = source_of(serve, Damaged(lambda text: text.replace(b"raw", b"rav"), of_tags=True))
    assert mirrored(source, target)["copied"] == 1
    assert target.objects["a"].tags == {"stage": "raw"}


def test_an_object_that_is_never_read_the_same_is_named_and_left_out(serve, target):
    flips = iter(range(10_000))

    def another(body, headers):
        return str(next(flips)).encode().rjust(len(body)), headers

    with pytest.raises(IncompleteError, match="read twice was not the same"):
        mirrored(source_of(serve, Damaged(another, 1000)), target)
    assert bodies(target) == {}


def test_a_large_object_that_was_changed_is_sent_again(serve, target):
    body = bytes(range(256)) * (6 << 12)

    class Once(MemoryStore):
        """The first whole part is changed."""

        left = 1

        def first(self, asked):
            if (
                asked.method != "GET"
                or asked.headers.get("range", "bytes=0-0") == "bytes=0-0"
                or not self.left
            ):
                return None
            self.left = 0
            step = self._object(asked, self.objects[asked.key])
            self.objects[asked.key].body = b"\1" + body[1:]
            step = self._object(asked, self.objects[asked.key])
            self.objects[asked.key].body = body
            return step

    source = serve(Once())
    source.put("a", body)
    assert mirrored(source, target, part_size=5 << 20)["copied"] == 1
    assert bodies(target) == {"a": body}

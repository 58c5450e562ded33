"""The proofs on disk: what is written is read, and damage is noticed."""

from __future__ import annotations

import hashlib
import json

import pytest
import zstandard

from engines.objects.errors import ManifestError
from engines.objects.manifest import records as manifest
from engines.objects.manifest import state as journal
from engines.objects.manifest.records import Manifest, Record
from engines.objects.manifest.state import MirrorState

HERE, THERE = "http://old/raw", "s3://new"


def record(key: str, sha256: str = "ab") -> Record:
    attributes = {"headers": {"ContentType": "text/plain"}, "metadata": {"a": "ü"}}
    return Record(key, 5, sha256, "s", "2026-01-02T03:04:05", "t", "", attributes)


def test_a_manifest_is_read_as_it_was_written_and_twice_the_same(tmp_path):
    path = tmp_path / "folder" / "manifest"
    records = [record(""), record("a\n\u2028"), record("{"), record("\udcff"), record("😀")]
    written = manifest.write(path, HERE, THERE, records)
    assert list(Manifest(path, HERE, THERE)) == records
    read = Manifest(path)
    list(read)
    assert manifest.read_summary(path) == read.summary == written
    assert written.objects == 5
    content = path.read_bytes()
    assert manifest.write(path, HERE, THERE, records) == written
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["manifest"]


def test_no_manifest_is_an_empty_one(tmp_path):
    assert list(Manifest(tmp_path / "none")) == []
    assert manifest.read_summary(tmp_path / "none") is None


@pytest.mark.parametrize("names", [("http://else/raw", THERE), (HERE, "s3://else")])
def test_a_manifest_of_other_buckets_is_refused(tmp_path, names):
    manifest.write(tmp_path / "m", HERE, THERE, [record("a")])
    with pytest.raises(ManifestError, match="is about the"):
        list(Manifest(tmp_path / "m", *names))


def tampered(lines: list[bytes]) -> list[list[bytes]]:
    return [
        [*lines[:1], lines[1].replace(b'"ab"', b'"cd"'), *lines[2:]],
        [lines[0], *lines[2:]],
        lines[:-1],
        [*lines[:-1], b'{"objects": 2, "sha256": "00"}\n'],
        [*lines[:1], b"not json\n", *lines[2:]],
    ]


@pytest.mark.parametrize("case", range(5))
def test_a_changed_manifest_is_noticed(tmp_path, case):
    path = tmp_path / "m"
    manifest.write(path, HERE, THERE, [record("a"), record("b")])
    with path.open("rb") as packed:
        lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines(keepends=True)
    path.write_bytes(zstandard.ZstdCompressor().compress(b"".join(tampered(lines)[case])))
    with pytest.raises(ManifestError, match="damaged"):
        list(Manifest(path))


@pytest.mark.parametrize("content", [b"", b"no zstd", None])
def test_a_file_that_is_no_manifest_is_a_clear_error(tmp_path, content):
    path = tmp_path / "m"
    manifest.write(path, HERE, THERE, [record(str(number)) for number in range(500)])
    path.write_bytes(path.read_bytes()[:-300] if content is None else content)
    with pytest.raises(ManifestError, match="damaged"):
        list(Manifest(path))
    with pytest.raises(ManifestError, match="damaged"):
        manifest.read_summary(path)


def test_the_journal_supersedes_the_manifest_and_a_torn_line_is_nothing(tmp_path):
    path = tmp_path / "m"
    manifest.write(path, HERE, THERE, [record("a"), record("b"), record("d")])
    state = MirrorState(path, HERE, THERE)
    state.prove(record("c"))
    state.prove(record("b", "new"))
    state.upload_begun("e", "upload-1")
    state.prove(record("upload"))
    state.forget("a")
    with (tmp_path / "m.journal").open("a") as file:
        file.write('["f", 5, "sha')
    state.close()
    state = MirrorState(path, HERE, THERE)
    state.forget("x")
    known = [record("b", "new"), record("c"), record("d"), record("upload")]
    assert list(state.records()) == known
    assert state.uploads() == [("e", "upload-1")]
    state.write_manifest(state.records())
    assert not state.has_pending
    assert list(Manifest(path)) == known


def test_a_large_manifest_is_read_in_blocks(tmp_path):
    records = [record(f"{number:06}", "ab" * 32) for number in range(20_000)]
    written = manifest.write(tmp_path / "m", HERE, THERE, records)
    assert list(Manifest(tmp_path / "m")) == records
    assert manifest.read_summary(tmp_path / "m") == written


def test_a_plan_writes_nothing(tmp_path):
    with journal.open_state(tmp_path / "folder" / "m", HERE, THERE, readonly=True) as state:
        state.prove(record("a"))
        state.forget("a")
        state.upload_begun("a", "u")
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_says_itself_what_its_digest_is_of(tmp_path):
    """As the documentation has it: the digest is that of all lines before the last."""
    written = manifest.write(tmp_path / "m", HERE, THERE, [record("a"), record("b")])
    with (tmp_path / "m").open("rb") as file:
        lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines(True)
    assert json.loads(lines[0]) == {"format": "bmii-objects/2", "source": HERE, "target": THERE}
    assert hashlib.sha256(b"".join(lines[:-1])).hexdigest() == written.sha256
    assert json.loads(lines[-1]) == {"objects": 2, "sha256": written.sha256}

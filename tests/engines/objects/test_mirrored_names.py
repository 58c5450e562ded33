"""Names of every kind, markers of folders among them: each arrives or is listed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engines.objects.errors import IncompleteError, TargetRefusedError
from engines.objects.mirror import Options, mirror
from tests.engines.objects.conftest import NAMES, filled

# What only the target takes: seen when it is the source.
HOSTILE = [*NAMES, "a//b", "/lead", "./a", "../b", "x/../y", "x/./y", ".", "..", "//", "end/", "k" * 1024]


def test_every_name_arrives_and_the_source_is_as_it_was(stage):
    filled(stage.source, NAMES)
    before = stage.source.listing()
    assert sorted(before) == sorted(NAMES)
    outcome = stage.mirror()
    assert outcome.copied == len(NAMES)
    assert stage.source.listing() == before
    assert sorted(stage.target.listing()) == sorted(NAMES)
    assert {name: stage.target.body(name) for name in NAMES} == {
        name: stage.source.body(name) for name in NAMES
    }


def test_names_that_a_target_cannot_carry_are_reported_and_never_lost_in_silence(stage, clients, tmp_path):
    """The other way round, since MiniStack takes names that SeaweedFS refuses, renames or empties."""
    bucket = stage.source.endpoint.bucket
    names = [name for name in HOSTILE if name != "end/"]
    filled(stage.target, names)
    stage.target.put("end/", b"a folder marker with a body")
    assert sorted(stage.target.listing()) == sorted(HOSTILE)
    with pytest.raises(IncompleteError) as caught:
        mirror(stage.target.endpoint, stage.source.endpoint, Options(manifest=tmp_path / "m"))
    failed = {failure["key"] for failure in caught.value.details["failed_objects"]}
    arrived = stage.source.listing()
    for name in set(HOSTILE) - failed:
        assert name in arrived
        assert stage.source.body(name) == stage.target.body(name)
    assert {"./a", "../b", "x/../y", "x/./y", ".", "..", "/lead", "k" * 1024, "end/"} <= failed
    # SeaweedFS keeps `a//b` as `a/b`.
    assert failed & set(NAMES) <= {"a/b"}
    assert bucket in str(caught.value)


def test_markers_of_folders_arrive_whatever_is_in_them(stage):
    """The other way round, since SeaweedFS makes a folder for what is in it, and then refuses its marker."""
    folders = [f"dir{number}/{'sub/' * (number % 4)}" for number in range(12)]
    for folder in folders:
        stage.target.put(folder, b"", ContentType="text/x-folder", Metadata={"origin": "lab"})
        stage.target.put(f"{folder}inner", b"x")
    for run in range(10):
        target = replace(stage.source.endpoint, prefix=f"run{run}/")
        assert mirror(stage.target.endpoint, target, Options(jobs=16)).copied == 24
    assert len(stage.source.listing()) == 240


def test_a_marker_that_follows_what_is_in_its_folder_arrives(stage):
    stage.target.put("dir/inner", b"x")
    mirror(stage.target.endpoint, stage.source.endpoint, stage.options())
    stage.target.put("dir/", b"", ContentType="text/x-folder")
    assert mirror(stage.target.endpoint, stage.source.endpoint, stage.options()).copied == 1
    assert sorted(stage.source.listing()) == ["dir/", "dir/inner"]
    assert mirror(stage.target.endpoint, stage.source.endpoint, stage.options()).copied == 0
    # One that somebody else has put there is not written over.
    stage.target.put("own/", b"", ContentType="text/x-folder")
    stage.source.put("own/", b"", ContentType="text/x-other")
    with pytest.raises((TargetRefusedError, IncompleteError)):
        mirror(stage.target.endpoint, stage.source.endpoint, stage.options())
    assert stage.source.get("own/")["ContentType"] == "text/x-other"


def test_the_bucket_itself_is_never_written_for_a_key_that_stands_for_it(stage):
    stage.target.put("/", b"")
    stage.target.put("a/inner", b"x")
    with pytest.raises(IncompleteError, match="'/'"):
        mirror(stage.target.endpoint, stage.source.endpoint, stage.options())
    assert sorted(stage.source.listing()) == ["a/inner"]

"""Carrying a bucket between two real stores."""

from __future__ import annotations

import importlib
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from engines.aws import AwsError
from engines.errors import ConfigurationError
from engines.objects.compare import compare
from engines.objects.errors import Failure, IncompleteError, IntegrityError, ManifestError, TargetRefusedError
from engines.objects.manifest.records import Manifest, Record
from engines.objects.mirror import Options, mirror
from engines.objects.plan.decisions import Rules, Tally
from engines.objects.results import MirrorResult, as_result
from engines.objects.s3 import client, same_time
from engines.objects.s3.attributes import Attributes
from engines.objects.s3.endpoint import Endpoint
from engines.objects.transfer import apply, multipart
from tests.engines.objects.conftest import NAMES, filled

# The face has the function by this name.
MODULE = importlib.import_module("engines.objects.mirror")
MIB = 1 << 20


def test_an_object_that_failed_is_not_reported_again_for_its_record():
    before = Record("one", 3, "sha", "a", "", "b")
    result = MirrorResult(Tally(), Tally(), failures=[Failure("one", "was refused")])
    state = SimpleNamespace(records=lambda: iter([before, before._replace(key="two")]))

    assert list(MODULE._confirmed(SimpleNamespace(), state, result, [], only_new=False)) == []

    assert [failure.key for failure in result.failures] == ["one", "two"]


def test_an_object_keeps_everything_it_has(stage):
    everything = {
        "ContentType": "chemical/x-mdl-sdfile; charset=utf-8",
        "ContentEncoding": "gzip",
        "ContentDisposition": 'attachment; filename="x y.sdf"',
        "ContentLanguage": "en, de",
        "CacheControl": "max-age=60",
        "Expires": datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    more = {"Metadata": {"one": "1", "two-words": "b c"}, "Tagging": "stage=raw&note=x%20%2B%20%C3%A9"}
    bare = {"Metadata": {}, "ContentType": "application/json"}
    large = bytes(range(256)) * (11 * MIB // 256) + b"the end"
    stage.source.put("small", b"body", **everything, **more)
    stage.source.put("large", large, **everything, **more)
    stage.source.put("empty", b"", **bare)
    outcome = stage.mirror()
    assert (outcome.copied, outcome.size, outcome.failures) == (3, 4 + len(large), [])
    for key, body in (("small", b"body"), ("large", large)):
        answer = stage.target.get(key)
        assert answer["Body"].read() == body
        assert {name: answer[name] for name in everything} == everything
        assert answer["Metadata"] == more["Metadata"]
        tags = stage.target.client.get_object_tagging(Bucket=stage.target.endpoint.bucket, Key=key)["TagSet"]
        assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("note", "x + é"), ("stage", "raw")]
    assert stage.target.get("large")["ETag"].endswith('-3"')
    answer = stage.target.get("empty")
    assert (answer["ContentType"], answer["Metadata"], answer["Body"].read()) == ("application/json", {}, b"")


def test_a_second_run_copies_and_changes_nothing(stage):
    filled(stage.source, NAMES)
    first = stage.mirror()
    written, listing = stage.manifest.read_bytes(), stage.target.listing()
    second = stage.mirror()
    result = as_result(second, Rules(), stage.target.endpoint, check=False)
    assert (result["changed"], result["copied"], result["plan"]["equal"]) == (False, 0, len(NAMES))
    assert result["diff"]["before"] == result["diff"]["after"]
    assert second.manifest == first.manifest
    assert stage.manifest.read_bytes() == written
    assert stage.target.listing() == listing
    assert [file.name for file in stage.manifest.parent.iterdir()] == [stage.manifest.name]


def test_a_second_run_reads_no_object(stage, monkeypatch):
    filled(stage.source)
    stage.mirror()

    def unexpected(*_, **__):
        raise AssertionError("an object was read")

    monkeypatch.setattr("engines.objects.plan.object_diff.read", unexpected)
    monkeypatch.setattr("engines.objects.transfer.object_copy.open_object", unexpected)
    assert stage.mirror().copied == 0


def test_without_the_manifest_equal_objects_are_found_by_reading_them(stage):
    filled(stage.source)
    first = stage.mirror()
    stage.manifest.unlink()
    second = stage.mirror()
    assert (second.copied, second.plan.count("equal")) == (0, 3)
    assert second.manifest == first.manifest


def test_a_manifest_holds_the_proof_of_every_object(stage):
    filled(stage.source, ["b", "a"])
    stage.mirror()
    records = list(Manifest(stage.manifest))
    assert [record.key for record in records] == ["a", "b"]
    assert records[0].sha256 == "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"
    listed = stage.target.listing()["a"]
    assert records[0].target_etag == listed[0].strip('"')
    assert same_time(records[0].target_modified, listed[2].strftime("%Y-%m-%dT%H:%M:%S"))


def test_what_changes_in_the_source_follows_and_only_that(stage):
    filled(stage.source)
    stage.mirror()
    stage.source.put("two", b"new body", Metadata={"new": "yes"})
    stage.source.put("four", b"4")
    outcome = stage.mirror()
    assert outcome.copied == 2
    answer = stage.target.get("two")
    assert (answer["Body"].read(), answer["Metadata"]) == (b"new body", {"new": "yes"})
    assert stage.mirror().copied == 0


@pytest.mark.parametrize("body", [b"of another size", b"TWO" * 3])
def test_a_target_object_that_differs_is_refused_by_name_and_nothing_moves(stage, body):
    filled(stage.source)
    stage.target.put("two", body)
    with pytest.raises(TargetRefusedError, match=r"1 object.*'two'.*storage_on_target_difference: replace"):
        stage.mirror()
    assert stage.target.body("two") == body
    assert list(stage.target.listing()) == ["two"]
    with pytest.raises(TargetRefusedError):
        stage.mirror(on_target_difference="replace")
    assert stage.mirror(on_target_difference="replace", consent=stage.target.endpoint.bucket).copied == 3
    assert stage.target.body("two") == b"twotwotwo"


def test_an_object_of_ours_that_somebody_overwrote_is_no_longer_ours(stage):
    filled(stage.source)
    stage.mirror()
    stage.target.put("two", b"TWOTWOTWO")
    stage.source.put("two", b"and the source changed, too")
    with pytest.raises(TargetRefusedError, match="'two'"):
        stage.mirror()
    assert stage.target.body("two") == b"TWOTWOTWO"


def test_the_same_body_with_other_metadata_differs(stage):
    stage.source.put("one", b"1", ContentType="text/plain", Metadata={"a": "1"})
    stage.target.put("one", b"1", ContentType="text/plain", Metadata={"a": "2"})
    with pytest.raises(TargetRefusedError) as caught:
        stage.mirror()
    assert caught.value.details["examples"]["differs"] == [{"key": "one", "reason": "metadata"}]


def test_what_only_the_target_has_is_refused_kept_or_deleted_with_consent(stage):
    filled(stage.source)
    stage.target.put("users/own", b"precious")
    with pytest.raises(TargetRefusedError, match=r"'users/own'.*storage_on_target_extra: keep"):
        stage.mirror()
    assert list(stage.target.listing()) == ["users/own"]
    assert stage.mirror(on_target_extra="keep").copied == 3
    assert stage.target.body("users/own") == b"precious"
    with pytest.raises(TargetRefusedError, match="storage_consent: "):
        stage.mirror(delete_extraneous=True)
    outcome = stage.mirror(delete_extraneous=True, consent=stage.target.endpoint.bucket)
    assert (outcome.copied, outcome.deleted) == (0, 1)
    assert sorted(stage.target.listing()) == ["one", "three", "two"]
    assert sorted(stage.source.listing()) == ["one", "three", "two"]


def test_a_consent_for_another_bucket_is_refused(stage):
    with pytest.raises(ConfigurationError, match="names elsewhere, but the target bucket is"):
        stage.mirror(on_target_difference="replace", consent="elsewhere")


def test_prefixes_are_no_part_of_a_name(stage):
    filled(stage.source, ["in/one", "in/two", "out/three"])
    source = Endpoint(**{**vars(stage.source.endpoint), "prefix": "in/"})
    target = Endpoint(bucket=stage.target.endpoint.bucket, prefix="deep/er/")
    stage.target.put("deep/other", b"not ours to see")
    assert mirror(source, target, stage.options()).copied == 2
    assert sorted(stage.target.listing()) == ["deep/er/one", "deep/er/two", "deep/other"]
    assert [record.key for record in Manifest(stage.manifest)] == ["one", "two"]


def test_a_manifest_about_another_target_is_set_aside_and_ends_nothing(stage):
    filled(stage.source, ["one", "two"])
    source, first, other = (
        stage.source.endpoint,
        *(replace(stage.target.endpoint, prefix=prefix) for prefix in ("first/", "other/")),
    )
    mirror(source, first, stage.options())
    planned = mirror(source, other, stage.options(check=True))
    assert "a run sets it aside" in planned.set_aside
    assert planned.plan.objects == {"copy": 2}
    assert len(list(Manifest(stage.manifest, target=first.name))) == 2
    done = mirror(source, other, stage.options())
    assert (done.copied, "is about the target" in done.set_aside) == (2, True)
    assert mirror(source, other, stage.options()).set_aside == ""
    # Both sides can be read without any manifest; what was set aside is still good for its own target.
    kept = stage.manifest.with_name(done.set_aside.split("aside as ")[1].split(",")[0])
    assert compare(source, first, path=stage.manifest).is_equal
    with pytest.raises(ManifestError, match="is about the target"):
        compare(source, first, path=stage.manifest, mode="listing")
    assert compare(source, first, path=kept, mode="listing").is_equal


def test_a_plan_writes_nothing_and_says_what_the_run_will_do(stage):
    filled(stage.source)
    stage.target.put("one", b"oneoneone", ContentType=stage.source.get("one")["ContentType"])
    outcome = stage.mirror(check=True)
    result = as_result(outcome, Rules(), stage.target.endpoint, check=True)
    assert result["changed"]
    assert result["plan"] == {"copy": 2, "equal": 1, "differs": 0, "extra": 0, "unverifiable": 0}
    assert result["plan_bytes"]["copy"] == 24
    assert "copy: 'three'" in result["diff"]["after"]
    assert list(stage.target.listing()) == ["one"]
    assert not stage.manifest.parent.exists()
    assert stage.mirror().copied == 2
    assert not as_result(stage.mirror(check=True), Rules(), stage.target.endpoint, check=True)["changed"]


def test_a_plan_reports_what_would_be_refused(stage):
    filled(stage.source)
    stage.target.put("one", b"other")
    outcome = stage.mirror(check=True)
    assert "'one'" in outcome.refused[0]
    result = as_result(outcome, Rules(), stage.target.endpoint, check=True)
    assert not result["changed"]
    assert result["diff"]["before"] == result["diff"]["after"]


def test_a_missing_target_bucket_is_empty_in_a_plan_and_an_error_in_a_run(stage):
    filled(stage.source)
    target = Endpoint(bucket="not-there-yet")
    assert mirror(stage.source.endpoint, target, stage.options(check=True)).plan.count("copy") == 3
    with pytest.raises(AwsError, match="NoSuchBucket"):
        mirror(stage.source.endpoint, target, stage.options())
    with pytest.raises(AwsError, match="NoSuchBucket"):
        mirror(target, stage.target.endpoint, Options(check=True))


def break_reading(monkeypatch):
    """Let the parts of large objects end early, which no real store does to order."""

    def broken(*_):
        raise IntegrityError("its body ended before its announced length")

    monkeypatch.setattr(multipart.MultipartUpload, "_put", broken)
    monkeypatch.setattr(apply, "_PAUSE", 0.01)


def test_one_bad_object_does_not_stop_the_rest_and_the_next_run_goes_on(stage, monkeypatch):
    filled(stage.source, [f"object-{number:02}" for number in range(30)])
    stage.source.put("object-13", b"x" * 6 * MIB)
    break_reading(monkeypatch)
    with pytest.raises(IncompleteError, match=r"1 object.*'object-13' its body ended") as caught:
        stage.mirror()
    assert caught.value.details["copied"] == 29
    assert "object-13" not in stage.target.listing()
    uploads = stage.target.client.list_multipart_uploads(Bucket=stage.target.endpoint.bucket)
    assert uploads.get("Uploads", []) == []
    monkeypatch.undo()
    assert stage.mirror().copied == 1
    assert stage.target.body("object-13") == b"x" * 6 * MIB


def test_an_object_that_changes_or_vanishes_while_it_is_copied(stage, monkeypatch):
    filled(stage.source, ["changes", "vanishes", "stays"])
    tasks = MODULE._copies

    def meanwhile(*given):
        stage.source.put("changes", b"a new body of another length")
        stage.source.delete("vanishes")
        yield from tasks(*given)

    monkeypatch.setattr(MODULE, "_copies", meanwhile)
    monkeypatch.setattr(apply, "_PAUSE", 0.01)
    with pytest.raises(IncompleteError, match=r"'vanishes' vanished after it was listed.*2 were copied"):
        stage.mirror()
    assert stage.target.body("changes") == b"a new body of another length"
    assert sorted(stage.target.listing()) == ["changes", "stays"]
    monkeypatch.undo()


def test_what_appears_on_the_target_meanwhile_is_not_overwritten(stage, monkeypatch):
    filled(stage.source, ["mine", "same"])
    kind = stage.source.get("same")["ContentType"]
    tasks = MODULE._copies

    def meanwhile(*given):
        stage.target.put("mine", b"a user's own")
        stage.target.put("same", b"samesamesame", ContentType=kind)
        yield from tasks(*given)

    monkeypatch.setattr(MODULE, "_copies", meanwhile)
    with pytest.raises(IncompleteError) as caught:
        stage.mirror()
    assert [failure["key"] for failure in caught.value.details["failed_objects"]] == ["mine"]
    assert stage.target.body("mine") == b"a user's own"
    assert [record.key for record in Manifest(stage.manifest)] == ["same"]


def test_what_is_left_behind_is_reported(stage):
    """The other way round, since MiniStack knows versions and website redirects."""
    bucket = {"Bucket": stage.target.endpoint.bucket}
    stage.target.client.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second", b"third"):
        stage.target.put("versioned", body)
    stage.target.put("redirect", b"", WebsiteRedirectLocation="/elsewhere")
    outcome = mirror(stage.target.endpoint, stage.source.endpoint, stage.options())
    result = as_result(outcome, Rules(), stage.source.endpoint, check=False)
    assert [(note["what"], note["objects"]) for note in result["not_copied"]] == [
        ("older versions", 2),
        ("website redirect", 1),
    ]
    assert stage.source.body("versioned") == b"third"


def test_the_framing_of_an_upload_is_no_encoding():
    def written(encoding):
        return Attributes({"ContentEncoding": encoding}).for_target().request().get("content-encoding")

    assert [written(given) for given in ("aws-chunked", "gzip,aws-chunked", "aws-chunked, gzip", "br")] == [
        None,
        "gzip",
        "gzip",
        "br",
    ]


def test_wrong_credentials_end_the_run_at_once_and_are_not_quoted(stage):
    source = Endpoint(**{**vars(stage.source.endpoint), "access_key": "nobody", "secret_key": "hidden-value"})
    with pytest.raises(AwsError) as caught:
        mirror(source, stage.target.endpoint, stage.options())
    text = f"{caught.value} {caught.value!r} {caught.value.details}"
    assert "hidden-value" not in text
    assert caught.value.code in {"InvalidAccessKeyId", "AccessDenied"}


def test_a_store_that_is_not_there_is_a_clear_error(stage, monkeypatch):
    monkeypatch.setattr(client, "TRIES", 1)
    source = Endpoint(bucket="raw", endpoint="http://127.0.0.1:1", access_key="a", secret_key="b")
    with pytest.raises(AwsError, match=r"127\.0\.0\.1:1"):
        mirror(source, stage.target.endpoint, stage.options())


def test_progress_is_reported(stage):
    filled(stage.source)
    reported = []
    mirror(
        stage.source.endpoint,
        stage.target.endpoint,
        stage.options(),
        lambda kind, **fields: reported.append((kind, fields)),
    )
    kind, fields = reported[-1]
    assert kind == "objects.progress"
    assert fields["target"] == stage.target.endpoint.name
    assert fields.keys() == {
        "target", "phase", "objects", "bytes", "of_objects", "of_bytes", "rate", "seconds_left"
    }  # fmt: skip


@pytest.mark.parametrize("changes", [{"jobs": -1}, {"part_size": 1000}])
def test_a_wrong_option_is_named(changes):
    with pytest.raises(ConfigurationError, match=next(iter(changes))):
        Options(**changes)


def test_what_came_late_is_copied_over_nothing_of_the_users(stage):
    """Once users write to the target, only keys that neither it nor the manifest has are copied."""
    filled(stage.source, ("deleted", "kept", "rewritten", "gone"))
    stage.mirror()
    stage.target.delete("deleted")
    stage.target.put("rewritten", b"by a user")
    stage.target.put("theirs", b"by a user")
    stage.source.put("kept", b"written anew in the source")
    stage.source.put("theirs", b"of the source")
    stage.source.put("late", b"late")
    stage.source.delete("gone")
    for copied in (1, 0):
        assert stage.mirror(only_new=True).copied == copied
        assert stage.target.body("late") == b"late"
        assert stage.target.body("rewritten") == stage.target.body("theirs") == b"by a user"
        assert stage.target.body("kept") == b"keptkeptkept"
        assert stage.target.body("gone") == b"gonegonegone"
        with pytest.raises(stage.target.client.exceptions.NoSuchKey):
            stage.target.body("deleted")


def test_without_a_manifest_what_users_have_deleted_is_not_guessed(stage):
    filled(stage.source)
    with pytest.raises(ConfigurationError, match="manifest"):
        mirror(stage.source.endpoint, stage.target.endpoint, Options(rules=Rules(only_new=True)))

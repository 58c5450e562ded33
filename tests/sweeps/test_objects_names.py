"""Hostile names and metadata go both ways between two stores; what one cannot hold is listed, exactly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unicodedata
import urllib.error
import urllib.request
from email.header import decode_header, make_header
from pathlib import Path
from urllib.parse import quote

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.sweeps.objects_sandbox import BucketPair

PLAIN = [
    "plain", "with space", " lead space", "trail space ", "two  spaces", "a+b", "a%b", "a%2Fb", "a%2fb",
    "a%252Fb", "%", "a&b=c;d", "q?x=1#y", "#hash", "?query", "<&>\"'", "a:b|c*d", "~tilde",
    "`$(x)`", "{a,b}", "[a-z]", "Case", "case", "CASE", "dir/Case", "DIR/case", "日本/語", "العربية",
    "e\u0301\u0302", "zero\u200bwidth",
    # Order differs between UTF-8 and UTF-16: the second is a surrogate pair, and lower there.
    "\uffee", "\U0001f600", "\U0001f468\u200d\U0001f52c", "\U0010fffd",
    unicodedata.normalize("NFC", "Å-é"), unicodedata.normalize("NFD", "Å-é"),
    "a/b", "a-b/c", "a.b", "a/b.c", "a0b", "a/b/c/d/e/f", ".hidden", "..hidden", "x/.y", "x/..y", "...",
    "k" * 255, "é" * 127, "part/" * 180 + "deep",
]  # fmt: skip
CONTROL = ["tab\tkey", "line\nkey", "return\rkey", "bell\x07key", "delete\x7fkey", "unit\x1fkey"]
SLASHES = [
    "a//b", "a///b", "/lead", "//lead", "end/", "end//", "/", "//", "./a", "../b", "x/../y", "x/./y", "x/.",
    "x/..", ".", "..", "back\\slash", "marker/", "marker/in/it", "k" * 1024, "é" * 512,
]  # fmt: skip
NAMES = [*PLAIN, *CONTROL, *SLASHES]
EXOTIC = {
    "spaces": "  a  b ", "long": "x" * 1900, "quoted": "=?UTF-8?B?w6k=?=", "percent": "%C3%A9",
    "punctuation": "<>&\"',;:=()[]{}|\\^`~!@#$*", "number": "007", "many-dashes-in": "1", "under_score": "2",
}  # fmt: skip
TAGS = {"plain": "1", "with space": "a b", "é": "日本 \U0001f600", "a+b": "c%d/e=f"}


def held(bucket):
    """Return the names that a store can hold, each tried by itself: listed as given, and read back."""
    found = set()
    for name in NAMES:
        body = b"" if name.endswith("/") else b"try"
        try:
            bucket.put(name, body)
        except (BotoCoreError, ClientError):
            continue
        try:
            if bucket.listing() == [name] and bucket.body(name) == body:
                found.add(name)
        except (BotoCoreError, ClientError):
            pass
        for key in bucket.listing():
            bucket.client.delete_object(Bucket=bucket.name, Key=key)
        for key in bucket.listing():  # the folders that some stores keep
            bucket.client.delete_object(Bucket=bucket.name, Key=key)
    return found


def fill(bucket, names):
    """Put every name into the bucket, each with a body of its own. A marker is empty, as it must be."""
    for number, name in enumerate(sorted(names)):
        body = b"" if name.endswith("/") or number % 9 == 0 else f"{number} {name!r}".encode()
        metadata = {} if name.endswith("/") else {"number": str(number)}
        bucket.put(name, body, Metadata=metadata, ContentType="text/x-hostile")


def rclone_check(pair, folder: Path):
    """Return what ``rclone check --download`` says: the keys that match, differ, are missing, and errors."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "RCLONE_CONFIG": ""}
    for name, bucket in (("OLD", pair.source), ("NEW", pair.target)):
        option = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ENCODING": "None",
            "ENDPOINT": bucket.option["endpoint"],
        }
        keys = {
            "ACCESS_KEY_ID": bucket.option["access_key"],
            "SECRET_ACCESS_KEY": bucket.option["secret_key"],
        }
        environment |= {f"RCLONE_CONFIG_{name}_{key}": value for key, value in {**option, **keys}.items()}
    kinds = ("match", "differ", "missing-on-dst", "missing-on-src", "error")
    sides = (f"old:{pair.source.name}", f"new:{pair.target.name}")
    program = str(Path(sys.executable).parent / "rclone")
    reports = [part for kind in kinds for part in (f"--{kind}", str(folder / kind))]
    subprocess.run(
        [program, "check", "--download", "--no-unicode-normalization", *reports, *sides],
        env=environment,
        capture_output=True,
        check=False,
    )
    found = {kind: set((folder / kind).read_text(encoding="utf-8").split("\n")) - {""} for kind in kinds}
    # rclone lists control characters of one store as such, of another as pictures of them, or as unknown.
    return {
        kind: {key for key in keys if not re.search("[\x00-\x1f\x7f\u2400-\u2421\ufffd]", key)}
        for kind, keys in found.items()
    }


def rclone_can_name(key):
    """Return whether rclone, whose names are paths of printed characters, can speak of a key."""
    parts = key.split("/")
    return not ({"", ".", ".."} & set(parts)) and not any(one < " " or one == "\x7f" for one in key)


@pytest.fixture(params=["to ministack", "to seaweedfs"])
def sides(request, old_buckets, new_buckets, tmp_path):
    """Return a pair in one direction, and how to make another bucket of the target's store."""
    makers = (old_buckets, new_buckets) if request.param == "to ministack" else (new_buckets, old_buckets)
    return BucketPair(makers[0](), makers[1](), tmp_path), makers


def test_every_name_arrives_or_is_listed(sides, tmp_path):
    pair, makers = sides
    names, fits = held(makers[0]()), held(makers[1]())
    assert set(PLAIN) <= names  # or else there is little to see
    fill(pair.source, names)
    there = set(pair.source.listing())
    answer = pair.run()
    failed = {one["key"]: one["reason"] for one in answer.get("details", answer)["failed_objects"]}
    # What is held alone may not be held beside others: an object where another needs a folder. Which of the
    # two comes first is chance.
    fits -= {key for key in failed if any(other.startswith(f"{key}/") for other in there)}
    assert failed.keys() == there - fits, {key: failed[key] for key in failed.keys() - (there - fits)}
    # A store that takes one name for another does so with these; both are named.
    for odd, other in (("a//b", "a/b"), ("a///b", "a/b"), ("end//", "end/")):
        assert odd not in failed or f"taken for {other!r}" in failed[odd].replace("takes it", "taken")
    assert set(pair.target.listing()) == there & fits
    ours, theirs = pair.source.everything(), pair.target.everything()
    assert theirs == {key: ours[key] for key in there & fits}
    for source in (pair.source.option, None):
        compared = pair.run("s3_compare", source=source, require_equal=False)
        expected = len(failed) if source else 0
        assert compared["counts"] == {
            "equal": len(there & fits), "differs": 0, "missing": expected, "extra": 0, "unverifiable": 0
        }  # fmt: skip
    said = rclone_check(pair, tmp_path)
    assert said["differ"] == said["missing-on-src"] == said["error"] == set()
    nameable = {key for key in there if rclone_can_name(key)}
    assert len(nameable) >= len(PLAIN)
    assert said["match"] >= nameable & fits
    assert said["missing-on-dst"] & nameable == nameable - fits


def test_what_a_target_does_not_keep_of_a_folder_is_named(sides):
    pair, _ = sides
    pair.source.put("folder/", Metadata={"a": "b"}, ContentType="text/x-folder")
    answer = pair.run()
    # SeaweedFS is the store that forgets; as a source it has done so before.
    lost = ["metadata"] if pair.source.known("folder/")[2] != pair.target.known("folder/")[2] else []
    assert [(one["what"], one["examples"]) for one in answer["not_copied"]] == [
        (f"{name} of folders, which the target does not keep", [{"key": "folder/"}]) for name in lost
    ]
    assert pair.run()["copied"] == 0
    compared = pair.run("s3_compare", require_equal=False)
    assert [(one["key"], one["reason"]) for one in compared["differs"]] == [
        ("folder/", name) for name in lost
    ]
    assert pair.run("s3_compare", source=None)["is_equal"]


def test_metadata_and_tags_arrive(sides):
    pair, _ = sides
    tagging = "&".join(f"{quote(name)}={quote(value)}" for name, value in TAGS.items())
    for number, (name, value) in enumerate(EXOTIC.items()):
        pair.source.put(f"each/{number}", b"x", Metadata={name: value})
    pair.source.put("tags", b"x", Tagging=tagging)
    pair.source.put(
        "headers", b"x", ContentDisposition="attachment; filename*=UTF-8''%C3%A9", CacheControl="no-store"
    )
    answer = pair.run()
    assert "msg" not in answer, answer["msg"]
    pair.assert_whole()
    assert pair.source.known("tags")[3] == TAGS


def test_metadata_beyond_ascii_arrives_or_is_listed(sides):
    """No SDK of AWS sends it, but other clients do; a store hands it out as it was, or encoded."""
    pair, _ = sides
    for key, value in (("utf-8", "é 日本".encode().decode("latin-1")), ("latin-1", "é")):
        address = {"Bucket": pair.source.name, "Key": key, "Metadata": {"name": "x"}}
        url = pair.source.client.generate_presigned_url("put_object", Params=address)
        # Signed with x, sent with something else: a store that minds is one that cannot hold it.
        request = urllib.request.Request(url, data=b"x", method="PUT", headers={"x-amz-meta-name": value})
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as error:
            error.close()
    pair.source.put("plain", b"x")
    answer = pair.run()
    failed = {one["key"] for one in answer.get("details", answer)["failed_objects"]}
    ours, theirs = (
        {key: text_of(side.known(key)[2]) for key in side.listing()} for side in (pair.source, pair.target)
    )
    assert theirs == {key: ours[key] for key in ours.keys() - failed}
    assert "plain" in theirs


def text_of(metadata):
    """Return metadata as the text it means: stores and S3 write what is not ASCII as UTF-8 or as RFC 2047."""
    found = {}
    for name, value in metadata.items():
        try:
            found[name] = str(make_header(decode_header(value.encode("latin-1").decode("utf-8"))))
        except UnicodeError:
            found[name] = value
    return found

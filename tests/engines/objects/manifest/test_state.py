"""The state of a mirror: what is known of other endpoints is set aside, with its journal."""

from __future__ import annotations

from engines.objects.manifest import Record, open_state

SOURCE, TARGET = "http://source/raw", "s3://raw"


def record(key):
    return Record(key, 2, "ab", "s", "2026-01-02T03:04:05", "t")


def known(path, target=TARGET, **options):
    with open_state(path, SOURCE, target, **options) as state:
        return [one.key for one in state.records()], state.set_aside


def test_a_journal_about_another_target_is_set_aside_before_there_is_a_manifest(tmp_path):
    path = tmp_path / "raw"
    with open_state(path, SOURCE, TARGET) as state:
        state.prove(record("a"))
    assert known(path) == (["a"], "")
    keys, aside = known(path, "s3://other", readonly=True)
    assert (keys, "a run sets it aside" in aside) == ([], True)
    assert known(path) == (["a"], "")
    keys, aside = known(path, "s3://other")
    assert (keys, "is about the target s3://raw, not s3://other" in aside) == ([], True)
    kept = path.with_name(aside.split("aside as ")[1].split(",")[0])
    assert known(kept) == (["a"], "")


def test_of_each_pair_of_endpoints_the_last_that_was_known_is_kept(tmp_path):
    path = tmp_path / "raw"
    for key in "ab":
        with open_state(path, SOURCE, TARGET) as state:
            state.prove(record(key))
            state.write_manifest(state.records())
        _, aside = known(path, "s3://other")
        with open_state(path, SOURCE, "s3://other") as state:
            state.prove(record("x"))
        kept = path.with_name(aside.split("aside as ")[1].split(",")[0])
        assert known(kept)[0] == [key]
    assert known(path, "s3://other") == (["x"], "")

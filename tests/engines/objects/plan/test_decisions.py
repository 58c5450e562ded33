"""The plan, on literal values: what two listings and a record say of an object."""

from __future__ import annotations

import pytest

from engines.objects.manifest.records import Record
from engines.objects.plan.decisions import Rules, Tally, Verdict, decide, refusals
from engines.objects.s3.listing import Entry

SOURCE = Entry("k", 5, "s1", "100")
TARGET = Entry("k", 5, "t1", "200")
RECORD = Record("k", 5, "ab", "s1", "100", "t1", "200")


@pytest.mark.parametrize(
    ("source", "target", "record", "verdict", "reason"),
    [
        (SOURCE, None, None, Verdict.COPY, "is not on the target"),
        (SOURCE, None, RECORD, Verdict.COPY, "is not on the target"),
        (SOURCE, TARGET, RECORD, Verdict.EQUAL, ""),
        (
            Entry("k", 5, "s2", "100"),
            TARGET,
            RECORD,
            Verdict.COPY,
            "has changed in the source since it was copied",
        ),
        (
            Entry("k", 5, "s1", "101"),
            TARGET,
            RECORD,
            Verdict.COPY,
            "has changed in the source since it was copied",
        ),
        (SOURCE, TARGET, None, Verdict.UNKNOWN, ""),
        (SOURCE, Entry("k", 5, "t2", "200"), RECORD, Verdict.UNKNOWN, ""),
        (SOURCE, Entry("k", 5, "t1", "201"), RECORD, Verdict.UNKNOWN, ""),
        (
            SOURCE,
            Entry("k", 6, "t1", "200"),
            RECORD,
            Verdict.DIFFERS,
            "size: 5 in the source, 6 on the target",
        ),
        (None, TARGET, None, Verdict.EXTRA, "was not put there by the migration"),
        (None, TARGET, RECORD, Verdict.EXTRA, "was copied, and has left the source since"),
    ],
)
def test_a_verdict_follows_from_what_is_listed_and_recorded(source, target, record, verdict, reason):
    decision = decide(source, target, record)
    assert decision is not None
    assert (decision.verdict, decision.reason) == (verdict, reason)


def test_an_object_that_left_both_sides_needs_no_verdict():
    assert decide(None, None, RECORD) is None


def test_a_proof_holds_before_the_target_was_listed_again():
    fresh = Record("k", 5, "ab", "s1", "100", "t1")
    decision = decide(SOURCE, TARGET, fresh)
    assert decision is not None
    assert decision.verdict == Verdict.EQUAL


def tally(**kinds: int) -> Tally:
    result = Tally()
    for kind, count in kinds.items():
        for number in range(count):
            result.add(kind, f"{kind}{number}", 10)
    return result


@pytest.mark.parametrize(
    ("found", "rules", "words"),
    [
        ({"copy": 3, "equal": 3}, Rules(), []),
        ({"differs": 1}, Rules(), ["1 object(s) ('differs0') differ"]),
        ({"differs": 1}, Rules(on_target_difference="replace"), ["storage_consent: [new]"]),
        ({"differs": 1}, Rules(on_target_difference="replace", consent="other"), ["storage_consent: [new]"]),
        ({"differs": 1}, Rules(on_target_difference="replace", consent="new"), []),
        ({"differs": 1}, Rules(consent="new"), ["storage_on_target_difference: replace"]),
        ({"extra": 12}, Rules(), ["12 object(s) ('extra0', "]),
        ({"extra": 1}, Rules(on_target_extra="keep"), []),
        (
            {"extra": 1},
            Rules(on_target_extra="keep", delete_extraneous=True),
            ["deleting them needs storage_consent: [new]"],
        ),
        ({"extra": 1}, Rules(delete_extraneous=True, consent="new"), []),
        ({"extra": 1, "differs": 1}, Rules(), ["differ from the source", "only on the target"]),
    ],
)
def test_what_is_not_ours_is_refused_unless_consent_names_the_bucket(found, rules, words):
    sentences = refusals(tally(**found), rules, "new")
    assert len(sentences) == len(words)
    for sentence, word in zip(sentences, words, strict=True):
        assert word in sentence


def test_a_tally_names_a_few_and_counts_all():
    found = tally(copy=25)
    assert (found.count("copy"), found.size["copy"], len(found.examples["copy"])) == (25, 250, 10)

"""What the journals say one can go back to, as literal values."""

from __future__ import annotations

import pytest

from engines.errors import ConfigurationError
from engines.ledger.history import revisions, template, workers


def journal(run_id, **phases):
    return {"run_id": run_id, "phases": phases}


def ended(at, outcome="succeeded", outputs=None, **evidence):
    return {"outcome": outcome, "ended": at, "outputs": outputs or {}, "evidence": evidence}


def deployed(at, arn, outcome="succeeded"):
    return ended(at, outcome, {"task_definition_arn": arn})


def applied(at, digest, **more):
    return ended(at, archive={"sha256": digest, "key": f"templates/{digest}.json"}, **more)


def test_revisions_that_served_are_those_of_deploys_and_ways_back_that_succeeded():
    journals = [
        journal("r4", rollback=ended("t4", task_definition_arn="bmii:1")),
        journal("r3", deploy=deployed("t3", "bmii:3", "failed")),
        journal("r2", deploy=deployed("t2", "bmii:2"), container=ended("t1")),
        journal("r1", deploy=deployed("t1", "bmii:1")),
        journal("r0"),
    ]
    assert revisions(journals) == ["bmii:1", "bmii:2"]
    assert revisions([]) == []


def test_each_revision_has_the_workers_that_were_released_with_it_last():
    one = ended("t1", outputs={"task_definition_arn": "bmii:1"}, workers={"mailer": "mailer:1"})
    again = ended("t2", outputs={"task_definition_arn": "bmii:1"}, workers={"mailer": "mailer:2"})
    journals = [
        journal("r4", rollback=ended("t4", task_definition_arn="bmii:1", workers={"mailer": "mailer:2"})),
        journal("r3", deploy=deployed("t3", "bmii:2")),
        journal("r2", deploy=again),
        journal("r1", deploy=one),
    ]
    assert workers(journals) == {"bmii:1": {"mailer": "mailer:2"}, "bmii:2": {}}


JOURNALS = [
    journal("r3", provision=applied("t3", "abc1")),
    journal("r2", provision=applied("t2", "abc2")),
    journal("r1", provision=applied("t1", "def3")),
    journal("r0", provision=ended("t0")),
]


def test_the_template_before_the_latest_is_the_one_to_go_back_to():
    assert template(JOURNALS, "") == {"sha256": "abc2", "key": "templates/abc2.json", "run_id": "r2"}


def test_going_back_is_a_template_applied_too():
    gone_back = [journal("r4", rollback=applied("t4", "abc2")), *JOURNALS]
    assert template(gone_back, "")["sha256"] == "abc1"


def test_a_template_is_named_by_the_beginning_of_its_digest():
    assert template(JOURNALS, "d")["run_id"] == "r1"


@pytest.mark.parametrize(
    ("journals", "to"), [(JOURNALS, "abc"), (JOURNALS, "9"), (JOURNALS[:1], ""), ([], "")]
)
def test_what_cannot_be_determined_is_refused_with_what_is_known(journals, to):
    with pytest.raises(ConfigurationError, match="Known, the latest first: "):
        template(journals, to)

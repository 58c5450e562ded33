import pytest

from rehearsal.operator_jobs import JOBS, Job, Outcome, general, summary
from rehearsal.recording import Call


@pytest.mark.parametrize(
    ("recorded", "kept"),
    [
        ("*", "*"),
        (
            "arn:aws:cloudformation:us-east-1:000000000000:stack/bmii/e6e086c1-9b67",
            "arn:${Partition}:cloudformation:${Region}:${Account}:stack/bmii/*",
        ),
        (
            "arn:aws:ecr:*:000000000000:repository/bmii",
            "arn:${Partition}:ecr:${Region}:${Account}:repository/bmii",
        ),
        ("arn:aws:s3:::bmii-state/runs/20261126T02.json", "arn:${Partition}:s3:::bmii-state/*"),
        ("arn:aws:s3:::bmii-raw", "arn:${Partition}:s3:::bmii-raw"),
        (
            "arn:aws:ecs:us-east-1:000000000000:task-definition/bmii:12",
            "arn:${Partition}:ecs:${Region}:${Account}:task-definition/bmii:*",
        ),
    ],
)
def test_what_differs_between_rehearsals_is_not_kept(recorded, kept):
    assert general(recorded) == kept


def test_what_is_kept_of_a_job_is_each_action_in_the_order_of_its_first_use():
    calls = [Call(action, "*", False, "GET", "/") for action in ("b:B", "a:A", "b:B")]
    kept = summary({"job": calls}, {"job": 1.5})
    assert kept["jobs"] == {"job": {"seconds": 1.5, "actions": ["b:B", "a:A"]}}
    assert list(kept["resources"]) == ["a:A", "b:B"]


@pytest.mark.parametrize(
    ("code", "output", "expected"),
    [(2, "it said APP_ENV", True), (2, "it said nothing", False), (0, "it said APP_ENV", False)],
)
def test_a_job_that_has_to_fail_has_to_say_why(code, output, expected):
    assert (
        Job("bad", "deploy", fails=True, shows="APP_ENV").is_as_expected(Outcome(code, output, 1)) is expected
    )


def test_the_jobs_have_names_of_their_own():
    assert len({job.name for job in JOBS}) == len(JOBS)

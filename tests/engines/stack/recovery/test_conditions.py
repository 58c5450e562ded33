"""Each state of a stack has a sentence, its cause and its next step."""

import pytest

from engines.stack.model import Event
from engines.stack.recovery.conditions import condition, first_failure

STACK = "AWS::CloudFormation::Stack"


def event(status, name="bmii", kind=STACK, reason="", time="2026-01-01T00:00:00Z"):
    return Event(time, name, kind, status, reason)


# The latest first, as CloudFormation lists them.
FAILED_CREATION = [
    event("ROLLBACK_COMPLETE"),
    event("DELETE_COMPLETE", "Topic", "AWS::SNS::Topic"),
    event("ROLLBACK_IN_PROGRESS", reason="The following resource(s) failed to create: [Database]."),
    event("CREATE_FAILED", "Alarm", "AWS::CloudWatch::Alarm", "Resource creation cancelled"),
    event("CREATE_FAILED", "Bucket", "AWS::S3::Bucket", "second"),
    event("CREATE_FAILED", "Database", "AWS::RDS::DBInstance", "no such class"),
    event("CREATE_IN_PROGRESS", reason="User Initiated"),
]


@pytest.mark.parametrize(
    ("status", "step", "says"),
    [
        ("REVIEW_IN_PROGRESS", "delete", "nobody has executed"),
        ("CREATE_FAILED", "delete", "creation failed"),
        ("ROLLBACK_COMPLETE", "delete", "creation failed"),
        ("ROLLBACK_FAILED", "delete", "not all that was built of it could be removed"),
        ("DELETE_FAILED", "delete", "could not delete"),
        ("IMPORT_ROLLBACK_FAILED", "delete", "import"),
        ("UPDATE_FAILED", "roll back", "was not taken back"),
        ("UPDATE_ROLLBACK_FAILED", "continue", "could not be taken back"),
        ("CREATE_IN_PROGRESS", "wait", "at work on it since 2026-01-01T00:00:00Z"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "wait", "at work"),
        ("UPDATE_COMPLETE", "none", "has finished"),
    ],
)
def test_a_state_has_a_sentence_a_cause_and_a_step(status, step, says):
    found = condition("bmii", status, FAILED_CREATION)

    assert found.step == step
    assert found.sentence.startswith(f"is in {status}: ")
    assert says in found.sentence
    assert found.sentence.endswith("The first failure: Database (AWS::RDS::DBInstance): no such class")
    assert bool(found.does) == (step != "none")


def test_what_failed_in_an_earlier_operation_is_no_cause():
    later = [
        event("UPDATE_ROLLBACK_FAILED"),
        event("UPDATE_FAILED", "Topic", "AWS::SNS::Topic", "in the way"),
        event("UPDATE_IN_PROGRESS", reason="User Initiated"),
        *FAILED_CREATION,
    ]

    assert first_failure(later) == "Topic (AWS::SNS::Topic): in the way"


def test_the_failure_of_the_stack_itself_is_quoted_where_no_resource_failed():
    events = [event("CREATE_FAILED", reason="Validation failed"), event("CREATE_IN_PROGRESS")]

    assert first_failure(events) == f"bmii ({STACK}): Validation failed"


def test_a_denial_among_the_events_says_what_to_grant():
    reason = (
        "User: arn:aws:iam::1:user/ada is not authorized to perform: rds:CreateDBInstance on resource: "
        "arn:aws:rds:eu-south-1:1:db:bmii because no identity-based policy allows the action"
    )
    cause = first_failure([event("CREATE_FAILED", "Database", "AWS::RDS::DBInstance", reason)])

    assert '"Action": "rds:CreateDBInstance", "Resource": "arn:aws:rds:eu-south-1:1:db:bmii"' in cause


def test_nothing_failed():
    assert first_failure([event("CREATE_COMPLETE"), event("CREATE_IN_PROGRESS")]) == ""

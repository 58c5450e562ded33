"""A stack that AWS has left in any state: a sentence, and a command that, as it is printed, finishes the job.

The stack is put into the state by a patch of the emulator. In `make test` the provision phase of a seeded
state is run to its end; `make stress` migrates through all of them.
"""

from __future__ import annotations

import http.client
import json
import re
import shlex

import pytest

from rehearsal.emulator.patches.injections import REASON
from rehearsal.operator_jobs import Rehearsal
from rehearsal.stack import free_stack_ports, operator_user
from tests.stress import STRESS, some

pytestmark = pytest.mark.timeout(3600)

# Each with what the message has to say; without words nothing is to be consented to.
STATES = {
    "CREATE_FAILED": "its creation failed, and what was built of it is there still",
    "ROLLBACK_COMPLETE": "its creation failed, and what was built of it was removed",
    "ROLLBACK_FAILED": "its creation failed, and not all that was built of it could be removed",
    "DELETE_FAILED": "AWS could not delete all of it",
    "UPDATE_FAILED": "an update of it failed, and was not taken back",
    "UPDATE_ROLLBACK_FAILED": "an update of it failed, and could not be taken back",
    "IMPORT_ROLLBACK_FAILED": "an import into it failed, and could not be taken back",
    "REVIEW_IN_PROGRESS": "",
    "IMPORT_ROLLBACK_COMPLETE": "",
}
PLAYBOOK = "migrate" if STRESS else "provision"
TEMPLATE = {
    "Resources": {"AlarmTopic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "bmii-alarms"}}}
}
TAGS = [{"Key": "Project", "Value": "bmii"}, {"Key": "Environment", "Value": "local"}]
EVERYTHING = ("teardown_consent=local", "teardown_data=delete", "teardown_data_consent=local")


@pytest.fixture(scope="module")
def rehearsal(servers, tmp_path_factory):
    rehearsal = Rehearsal(tmp_path_factory.mktemp("states"), free_stack_ports())
    started = rehearsal.play("stack_up")
    assert started.code == 0, started.output[-4000:]
    yield rehearsal
    rehearsal.play("stack_down")


def injected(rehearsal, state):
    """Make a small stack of the platform's name, and put it into the state."""
    cloudformation = operator_user.client(rehearsal.config.aws, "cloudformation")
    if state == "REVIEW_IN_PROGRESS":
        cloudformation.create_change_set(
            StackName="bmii",
            ChangeSetName="one",
            ChangeSetType="CREATE",
            TemplateBody=json.dumps(TEMPLATE),
            Tags=TAGS,
        )
        return
    cloudformation.create_stack(StackName="bmii", TemplateBody=json.dumps(TEMPLATE), Tags=TAGS)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="bmii", WaiterConfig={"Delay": 1})
    connection = http.client.HTTPConnection("127.0.0.1", rehearsal.config.ports.aws)
    connection.request("PUT", f"/_ministack/stacks/bmii/{state}")
    assert connection.getresponse().status == http.HTTPStatus.NO_CONTENT
    connection.close()
    [stack] = cloudformation.describe_stacks(StackName="bmii")["Stacks"]
    assert stack["StackStatus"] == state


def of_domain(rehearsal):
    """Return the certificates of the account, and the types of the records of its zone."""
    route53 = operator_user.client(rehearsal.config.aws, "route53")
    [zone] = route53.list_hosted_zones()["HostedZones"]
    records = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    certificates = operator_user.client(rehearsal.config.aws, "acm").list_certificates()
    return certificates["CertificateSummaryList"], {one["Type"] for one in records}


@pytest.mark.parametrize("state", some(list(STATES), 1))
def test_a_state_is_explained_and_the_command_as_printed_finishes_it(rehearsal, state):
    injected(rehearsal, state)
    done = rehearsal.play(PLAYBOOK)
    if says := STATES[state]:
        said = " ".join(done.output.split())
        assert done.code != 0
        assert f"is in {state}: {says}." in said
        assert REASON in said or not state.endswith("_FAILED")
        [command] = set(re.findall(r"Run the same command with `([^`]+)`", said))
        done = rehearsal.play(PLAYBOOK, *shlex.split(command))
    assert done.code == 0, done.output[-6000:]
    gone = rehearsal.play("teardown", *(word for one in EVERYTHING for word in ("-e", one)))
    assert gone.code == 0, gone.output[-6000:]
    assert of_domain(rehearsal) == ([], {"NS", "SOA"})

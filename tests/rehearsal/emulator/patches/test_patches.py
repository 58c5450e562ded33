"""Each gap of the emulator, seen without its patch: a test that fails here says that the patch can go."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request

import boto3
import botocore.exceptions
import pytest

from rehearsal.process import PYTHON, free_ports, running
from rehearsal.servers import ministack

GO = "the emulator does this itself now: remove the patch"

RESOLVE = """
from ministack.services import ecs, ssm
ssm._put_parameter({"Name": "/secret", "Value": "plain text", "Type": "SecureString"})
print(ecs._resolve_container_secrets({"secrets": [{"name": "SECRET", "valueFrom": "/secret"}]})["SECRET"])
"""


class _Unpatched(ministack.Emulator):
    def _settings(self):
        return {**super()._settings(), "BMII_EMULATOR_UNPATCHED": "1"}


def _clients(server):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return lambda name: boto3.client(name, endpoint_url=server.endpoint, **keys)


@pytest.fixture(scope="module")
def unpatched(servers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpatched")
    server = _Unpatched(free_ports(1)[0], folder / "data")
    server.initialise()
    with running(server.program(), folder / "aws.log"):
        yield _clients(server)


@pytest.fixture(scope="module")
def dead_service(unpatched):
    """Create a service of an image that does not exist, with a target where nothing listens."""
    ecs, elb = unpatched("ecs"), unpatched("elbv2")
    group = elb.create_target_group(Name="dead", Port=9, Protocol="HTTP", TargetType="ip", VpcId="vpc-1")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": free_ports(1)[0]}])
    ecs.create_cluster(clusterName="dead")
    ecs.register_task_definition(
        family="dead", containerDefinitions=[{"name": "app", "image": "no/such:image", "memory": 64}]
    )
    ecs.create_service(
        cluster="dead",
        serviceName="app",
        taskDefinition="dead",
        desiredCount=1,
        loadBalancers=[{"targetGroupArn": arn, "containerName": "app", "containerPort": 9}],
    )
    return arn


def test_secrets_reach_containers_encrypted():
    answer = subprocess.run([PYTHON, "-c", RESOLVE], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() != "plain text", f"decrypt_container_secrets: {GO}"


CHANGE_WHILE_ANSWERING = """
import sys, threading
from ministack.services import ecs
deployment = {str(number): {} for number in range(50)}
def work():
    while True:
        for number in range(20):
            deployment[f"new {number}"] = 1
        for number in range(20):
            del deployment[f"new {number}"]
sys.setswitchinterval(1e-6)
threading.Thread(target=work, daemon=True).start()
for _ in range(500_000):
    try:
        ecs._sanitize(deployment)
    except RuntimeError as error:
        print(error)
        break
"""


def test_an_answer_fails_while_a_task_starts():
    done = subprocess.run([PYTHON, "-c", CHANGE_WHILE_ANSWERING], capture_output=True, text=True, check=True)
    assert "changed size" in done.stdout, f"answer_while_tasks_start: {GO}"


def test_tasks_are_reported_but_not_run(unpatched, dead_service, eventually):
    def runs():
        arns = unpatched("ecs").list_tasks(cluster="dead")["taskArns"]
        [task] = unpatched("ecs").describe_tasks(cluster="dead", tasks=arns)["tasks"]
        return task["lastStatus"] == "RUNNING"

    eventually(runs, f"run_tasks: {GO}")


def health_of_a_balancer(endpoint: str) -> tuple[int, bytes]:
    request = urllib.request.Request(
        f"{endpoint}/health", headers={"Host": "one-1a2b3c4d.us-east-1.elb.amazonaws.com"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_health_of_a_service_behind_a_load_balancer_is_the_emulators(unpatched):
    status, text = health_of_a_balancer(unpatched("elbv2").meta.endpoint_url)
    assert (status, b'"edition"' in text) == (200, True), f"pass_health_checks_on: {GO}"


def test_what_asks_for_the_health_of_a_service_reaches_its_load_balancer(aws):
    """Without a domain, a release was compared with what the emulator says of itself until time ran out."""
    _, text = health_of_a_balancer(aws.endpoint)
    assert b'"edition"' not in text


def test_dead_targets_are_healthy(unpatched, dead_service):
    answer = unpatched("elbv2").describe_target_health(TargetGroupArn=dead_service)
    states = {one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]}
    assert states == {"healthy"}, f"measure_target_health: {GO}"


def test_rollouts_complete_whatever_their_targets_say(unpatched, dead_service, eventually):
    def complete():
        [service] = unpatched("ecs").describe_services(cluster="dead", services=["app"])["services"]
        return service["deployments"][0]["rolloutState"] == "COMPLETED"

    eventually(complete, f"complete_rollouts_on_health: {GO}")


def test_buckets_do_not_get_the_tags_of_their_stack(unpatched):
    cloudformation, s3 = unpatched("cloudformation"), unpatched("s3")
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "tagged"}}
    cloudformation.create_stack(
        StackName="tagged",
        TemplateBody=json.dumps({"Resources": {"Bucket": bucket}}),
        Tags=[{"Key": "Project", "Value": "bmii"}],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="tagged", WaiterConfig={"Delay": 1})
    try:
        tags = s3.get_bucket_tagging(Bucket="tagged")["TagSet"]
    except botocore.exceptions.ClientError:
        tags = []
    assert tags == [], f"tag_buckets: {GO}"


def test_tags_do_not_narrow_the_list_of_endpoints(unpatched):
    ec2 = unpatched("ec2")
    ec2.create_vpc_endpoint(VpcId="vpc-1", ServiceName="com.amazonaws.us-east-1.s3")
    ec2.allocate_address(Domain="vpc")
    filters = [{"Name": "tag:Project", "Values": ["another"]}]
    assert ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"], f"filter_network: {GO}"
    assert ec2.describe_addresses(Filters=filters)["Addresses"], f"filter_network: {GO}"


def _twice(clients):
    """Create a stack and a service twice, each time with the same token."""
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    stack = {"StackName": "twice", "TemplateBody": template, "ClientRequestToken": "one"}
    ecs, cloudformation = clients("ecs"), clients("cloudformation")
    ecs.create_cluster(clusterName="twice")
    container = {"name": "app", "image": "none", "memory": 64}
    ecs.register_task_definition(family="twice", containerDefinitions=[container])
    service = {"cluster": "twice", "serviceName": "app", "taskDefinition": "twice", "clientToken": "one"}
    for create, asked in ((cloudformation.create_stack, stack), (ecs.create_service, service)):
        create(**asked)
        yield lambda create=create, asked=asked: create(**asked)


def test_a_repeated_request_is_refused(unpatched):
    for repeat in _twice(unpatched):
        with pytest.raises(botocore.exceptions.ClientError):  # else tokens.heed can go
            repeat()


def test_a_repeated_request_is_answered_as_the_first_was(aws):
    for repeat in _twice(boto3.client):
        repeat()
    changed = {"StackName": "other", "TemplateBody": "{}", "ClientRequestToken": "one"}
    with pytest.raises(botocore.exceptions.ClientError, match="token already exists"):
        boto3.client("cloudformation").create_stack(**changed)


def test_a_full_bucket_and_a_protected_database_are_deleted(unpatched):
    cloudformation, s3 = unpatched("cloudformation"), unpatched("s3")
    database = {
        "DBInstanceIdentifier": "protected",
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "AllocatedStorage": "20",
        "MasterUsername": "ada",
        "MasterUserPassword": "lovelace1",
        "DeletionProtection": True,
    }
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}},
        "Database": {"Type": "AWS::RDS::DBInstance", "Properties": database},
    }
    template = json.dumps({"Resources": resources})
    made = cloudformation.create_stack(StackName="kind", TemplateBody=template)["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(StackName=made, WaiterConfig={"Delay": 1})
    s3.put_object(Bucket="full", Key="one", Body=b"one")
    cloudformation.delete_stack(StackName=made)
    with contextlib.suppress(botocore.exceptions.WaiterError):
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=made, WaiterConfig={"Delay": 1})

    gone = {
        one["LogicalResourceId"]
        for one in cloudformation.describe_stack_events(StackName=made)["StackEvents"]
        if one["ResourceStatus"] == "DELETE_COMPLETE"
    }
    assert "Bucket" in gone, f"refusals.refuse_full_buckets: {GO}"
    assert "Database" in gone, f"refusals.refuse_protected_databases: {GO}"


def test_an_update_makes_a_parameter_group_anew(unpatched):
    cloudformation, rds = unpatched("cloudformation"), unpatched("rds")

    def template(connections):
        properties = {
            "DBParameterGroupName": "anew",
            "Description": "one",
            "Family": "postgres15",
            "Parameters": {"max_connections": connections},
        }
        return json.dumps(
            {"Resources": {"Group": {"Type": "AWS::RDS::DBParameterGroup", "Properties": properties}}}
        )

    cloudformation.create_stack(StackName="anew", TemplateBody=template("50"))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="anew", WaiterConfig={"Delay": 1})
    rds.delete_db_parameter_group(DBParameterGroupName="anew")
    cloudformation.update_stack(StackName="anew", TemplateBody=template("60"))
    cloudformation.get_waiter("stack_update_complete").wait(StackName="anew", WaiterConfig={"Delay": 1})

    assert rds.describe_db_parameter_groups(DBParameterGroupName="anew")["DBParameterGroups"], (
        f"refusals.miss_parameter_groups: {GO}"
    )


def test_databases_are_neither_restored_nor_renamed(unpatched):
    rds = unpatched("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="one",
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        BackupRetentionPeriod=7,
    )
    restore = {"SourceDBInstanceIdentifier": "one", "TargetDBInstanceIdentifier": "two"}
    unknown = botocore.exceptions.ClientError
    with pytest.raises(unknown, match="Unknown RDS action"):  # else databases.restore can go
        rds.restore_db_instance_to_point_in_time(**restore, UseLatestRestorableTime=True)
    with pytest.raises(unknown, match="Unknown RDS action"):  # else tell_what_can_be_restored can go
        rds.describe_db_instance_automated_backups(DBInstanceIdentifier="one")
    rds.modify_db_instance(
        DBInstanceIdentifier="one",
        NewDBInstanceIdentifier="two",
        EnablePerformanceInsights=True,
        ApplyImmediately=True,
    )
    [one] = rds.describe_db_instances()["DBInstances"]
    assert one["DBInstanceIdentifier"] == "one", f"databases.rename: {GO}"
    assert not one["PerformanceInsightsEnabled"], f"databases.switch_insights: {GO}"


STARTS_AND_STOPS = """
import inspect, json
from ministack.services import ecs

class Containers:
    def run(self, image, **options):
        if "platform" in options:
            raise RuntimeError("not this machine's")
        return self
    def get(self, identity):
        return self
    def stop(self, timeout):
        found["stop_timeout"] = timeout
    def remove(self, **_):
        pass
    id, status, attrs = "1", "running", {}
    reload = run
class Docker:
    containers = Containers()
found = {}
options = ecs._build_run_kwargs(
    {"name": "c", "memory": 64, "stopTimeout": 9}, {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
    {}, {}, "n", False, "t", "arn", "127.0.0.1", "arn")
found["limited"] = "mem_limit" in options
found["runs_elsewhere"] = bool(ecs._run_docker_container(Docker, {"image": "i"}, dict(options)))
ecs._cleanup_task_resources({"_docker_ids": ["1"]}, Docker)
found["says_out_of_memory"] = "OutOfMemoryError" in inspect.getsource(ecs)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def starts_and_stops():
    command = [PYTHON, "-c", STARTS_AND_STOPS]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(answer.stdout.splitlines()[-1])


def test_an_image_for_another_platform_runs_nevertheless(starts_and_stops):
    assert starts_and_stops["runs_elsewhere"], f"start_on_the_wanted_platform: {GO}"


def test_memory_has_no_limit_and_running_out_of_it_no_name(starts_and_stops):
    assert not starts_and_stops["limited"], f"start_on_the_wanted_platform: {GO}"
    assert not starts_and_stops["says_out_of_memory"], f"say_why_containers_ended: {GO}"


def test_every_task_has_the_same_short_time_to_stop(starts_and_stops):
    assert starts_and_stops["stop_timeout"] == 5, f"stop_gently: {GO}"


def test_whoever_asks_where_tasks_look_for_credentials_gets_those_of_one_role(unpatched):
    address = f"{unpatched('sts').meta.endpoint_url}/v2/credentials/{'0' * 36}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        role = json.load(answer)["RoleArn"]
    assert role.endswith(":role/ministack-ecs-task-role"), f"give_tasks_their_role: {GO}"


def _crash_and_restart(server, log, between):
    """Run the server, call ``between``, kill it, run it again, and return a parameter that was put before."""
    with running(server.program(), log) as process:
        ssm = _clients(server)("ssm")
        ssm.put_parameter(Name="/kept", Value="yes", Type="String")
        between()
        process.kill()
        process.wait()
    with running(server.program(), log):
        return _clients(server)("ssm").get_parameters(Names=["/kept"])["Parameters"]


def test_a_crash_empties_the_account(servers, tmp_path):
    server = _Unpatched(free_ports(1)[0], tmp_path / "data")
    server.initialise()
    found = _crash_and_restart(server, tmp_path / "log", lambda: time.sleep(3))
    assert found == [], f"save_always: {GO}"


def test_the_patched_account_outlives_a_crash(servers, tmp_path, eventually):
    server = ministack.Emulator(free_ports(1)[0], tmp_path / "data")
    server.initialise()
    state = server.folder / "state" / "ssm.json"

    def saved():
        return state.exists() and "/kept" in state.read_text(encoding="utf-8")

    [found] = _crash_and_restart(server, tmp_path / "log", lambda: eventually(saved, "saved"))
    assert found["Value"] == "yes"


def test_services_come_back_after_a_crash(servers, tmp_path, registry_of, platform_of, eventually):
    """Also: no task outlives the emulator that ran it."""
    server = ministack.Emulator(free_ports(1)[0], tmp_path / "data")
    server.initialise()
    log = tmp_path / "log"
    with running(server.program(), log) as process, pytest.MonkeyPatch.context() as patch:
        for name, value in server.credentials().items():
            patch.setenv(name, value)
        platform = platform_of(server)
        definition = platform.define(registry_of(server)("one"))
        platform.create(definition)
        platform.await_rollout(definition, "COMPLETED")
        task = platform.get()[3]
        state = server.folder / "state"

        def saved():
            ecs, ecr = state / "ecs.json", state / "ecr.json"
            return ecr.exists() and ecs.exists() and '"COMPLETED"' in ecs.read_text(encoding="utf-8")

        eventually(saved, "saved")
        time.sleep(3)
        process.kill()
        process.wait()
        eventually(lambda: not _listens(task.removeprefix("BIND_HOST=")), "the task ended with the emulator")
        with running(server.program(), log):
            platform.await_rollout(definition, "COMPLETED")
            # The dead task may be registered for a moment yet: what counts is that users are answered.
            eventually(lambda: _answers(platform, "one"), "the service answers again")


def _answers(platform, first_line):
    try:
        return platform.get()[0] == first_line
    except OSError:  # refused, or no answer in time
        return False


def _listens(address):
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex((address, 8000)) == 0

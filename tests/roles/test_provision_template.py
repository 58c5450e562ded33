"""The stack's template: without a finding from cfn-lint, and really built in an emulated account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from engines.aws import client
from engines.stack import Bucket, merge, with_buckets

ROLE = Path(__file__).parents[2] / "roles" / "provision"
NAME = "stacktest"
BUCKETS = ("raw", "processed", "artifacts", "features")
DATA = ("Raw", "Processed", "Artifacts", "Features", "AccessLogs")
PARAMETERS = {
    "Name": NAME,
    "ParameterPath": f"/{NAME}/local",
    "VpcCidr": "10.20.0.0/16",
    "ContainerPort": "8000",
    "HealthCheckPath": "/health",
    "EgressMode": "endpoints",
    "DatabaseAccess": "relay",
    "RelayImage": f"public.ecr.aws/docker/library/python@sha256:{'0' * 64}",
    "RelayProgram": (ROLE / "files" / "relay.py").read_text(encoding="utf-8"),
    "DatabaseName": "bio_bind_rank",
    "DatabaseUser": "bmii_admin",
    "DatabaseInstanceIdentifier": f"{NAME}-postgres",
    "DatabaseInstanceClass": "db.t4g.medium",
    "DatabaseAllocatedStorage": "20",
    "DatabaseMaxAllocatedStorage": "40",
    "DatabaseEngineVersion": "15.17",
    "DatabaseBackupRetentionDays": "7",
    "DatabaseMultiAz": "false",
    "DatabaseDeletionProtection": "false",
    "LogRetentionDays": "30",
    "AccessLogsBucketName": f"{NAME}-access-logs",
    "AccessLogsDays": "90",
    "AlarmEmail": "somebody@example.org",
}
OUTPUTS = {
    *(
        "AlbDnsName",
        "AlbName",
        "AlbUrl",
        "AlbZoneId",
        "ClusterName",
        "EcrRepositoryName",
        "EcrRepositoryUrl",
        "ExecutionRoleArn",
    ),
    *("LogGroupName", "RdsEndpoint", "RdsPort", "ServiceSecurityGroupId", "ServiceSubnetIds"),
    *("TargetGroupArn", "TaskRoleArn", "VpcId", "RawBucket", "ProcessedBucket", "ArtifactsBucket"),
    *("FeaturesBucket", "AccessLogsBucket", "AlarmTopicArn"),
    *("PublicSubnetIds", "RelaySecurityGroupId", "RelayTaskDefinition"),
}
PASSWORD = "Sesame1234567890"


@pytest.fixture(scope="module")
def template():
    """The template of the parts that the role names, in its order."""
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    parts = merge([ROLE / "files" / part for part in variables["_provision_template_parts"]])
    return with_buckets(parts, [Bucket(name, f"{NAME}-{name}") for name in BUCKETS])


@pytest.fixture(scope="module")
def stack(aws, template):
    """The stack, built once for this module in the emulated account; its outputs."""
    client("ssm").put_parameter(Name=f"/{NAME}/local/db_password", Value=PASSWORD, Type="SecureString")
    cloudformation = client("cloudformation")
    cloudformation.create_stack(**_request(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    [description] = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}


def _request(template, **parameters):
    return {
        "StackName": NAME,
        "TemplateBody": json.dumps(template),
        "StackPolicyBody": (ROLE / "files" / "stack-policy.json").read_text(encoding="utf-8"),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in (PARAMETERS | parameters).items()
        ],
    }


def test_data_outlives_the_stack(template):
    kept = {
        name: (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for name, resource in template["Resources"].items()
        if resource["Type"] in {"AWS::S3::Bucket", "AWS::RDS::DBInstance"}
    }

    assert kept == {
        "Database": ("Snapshot", "Snapshot"),
        **{f"{name}Bucket": ("RetainExceptOnCreate", "Retain") for name in DATA},
    }


def test_buckets_give_up_abandoned_uploads_and_old_logs(template):
    # The emulator takes no lifecycle from a template, so what is asked for is all that can be seen.
    rules = {
        name: template["Resources"][f"{name}Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        for name in DATA
    }

    aborted = {
        name: rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for name, [rule] in rules.items()
    }
    ends = {name: rule.get("ExpirationInDays") for name, [rule] in rules.items()}

    assert aborted == dict.fromkeys(DATA, 7)
    assert ends == {**dict.fromkeys(DATA), "AccessLogs": {"Ref": "AccessLogsDays"}}


def test_the_stack_is_built_with_its_outputs(stack):
    assert set(stack) == OUTPUTS
    assert stack["AlbName"] == stack["ClusterName"] == stack["EcrRepositoryName"] == NAME
    assert stack["AlbUrl"].startswith("http://")
    assert len(stack["ServiceSubnetIds"].split(",")) == 2
    assert [stack[f"{bucket.title()}Bucket"] for bucket in BUCKETS] == [
        f"{NAME}-{bucket}" for bucket in BUCKETS
    ]


def test_the_network_spans_two_zones_and_the_service_has_no_public_route(stack):
    ec2 = client("ec2")
    subnets = ec2.describe_subnets(SubnetIds=stack["ServiceSubnetIds"].split(","))["Subnets"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [stack["VpcId"]]}])[
        "RouteTables"
    ]
    private = [
        table
        for table in tables
        if {one.get("SubnetId") for one in table["Associations"]} & {one["SubnetId"] for one in subnets}
    ]

    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    assert private
    assert not [
        route
        for table in private
        for route in table["Routes"]
        if str(route.get("GatewayId", "")).startswith("igw-")
    ]


def test_the_database_lets_only_the_service_and_the_relay_in(stack):
    [instance] = client("rds").describe_db_instances(DBInstanceIdentifier=f"{NAME}-postgres")["DBInstances"]
    [group] = instance["VpcSecurityGroups"]
    [rules] = client("ec2").describe_security_groups(GroupIds=[group["VpcSecurityGroupId"]])["SecurityGroups"]
    found = rules["IpPermissions"]
    admitted = {pair["GroupId"] for rule in found for pair in rule.get("UserIdGroupPairs", ())}

    assert not instance["PubliclyAccessible"]
    assert instance["StorageEncrypted"]
    assert instance["BackupRetentionPeriod"] == 7
    assert {(rule["FromPort"], rule["ToPort"]) for rule in found} == {(5432, 5432)}
    assert admitted == {stack["ServiceSecurityGroupId"], stack["RelaySecurityGroupId"]}
    assert not any(rule.get("IpRanges") for rule in found)


def test_the_database_encrypts_backs_up_watches_itself_and_grows(stack, template):
    [instance] = client("rds").describe_db_instances(DBInstanceIdentifier=f"{NAME}-postgres")["DBInstances"]
    asked = template["Resources"]["Database"]["Properties"]
    forced = template["Resources"]["DatabaseParameterGroup"]["Properties"]["Parameters"]

    assert instance["PerformanceInsightsEnabled"]
    assert (instance["AllocatedStorage"], instance["MaxAllocatedStorage"]) == (20, 40)
    assert asked["DeletionProtection"] == {"Ref": "DatabaseDeletionProtection"}
    assert asked["MultiAZ"] == {"Ref": "DatabaseMultiAz"}
    assert forced == {"rds.force_ssl": "1"}


def test_access_logs_go_to_a_bucket_that_only_load_balancers_of_the_account_write_to(stack):
    balancing, name = client("elbv2"), f"{NAME}-access-logs"
    [balancer] = balancing.describe_load_balancers(Names=[NAME])["LoadBalancers"]
    answer = balancing.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])
    attributes = {one["Key"]: one["Value"] for one in answer["Attributes"]}
    statements = json.loads(client("s3").get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    allowed, denied = statements

    assert (attributes["access_logs.s3.enabled"], attributes["access_logs.s3.bucket"]) == ("true", name)
    assert allowed["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert allowed["Resource"] == f"arn:aws:s3:::{name}/AWSLogs/000000000000/*"
    assert ":000000000000:loadbalancer/" in allowed["Condition"]["ArnLike"]["aws:SourceArn"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_alarms_watch_what_was_built_and_are_published(stack):
    alarms = client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}-")["MetricAlarms"]
    watched = {alarm["AlarmName"].removeprefix(f"{NAME}-"): alarm for alarm in alarms}
    dimensions = {
        name: {one["Name"]: one["Value"] for one in alarm["Dimensions"]} for name, alarm in watched.items()
    }

    assert set(watched) == {
        *("server-errors", "balancer-errors", "latency-p99", "unhealthy-hosts"),
        *("service-cpu", "service-memory", "database-cpu", "database-memory", "database-storage"),
    }
    assert all(alarm["AlarmActions"] == [stack["AlarmTopicArn"]] for alarm in alarms)
    assert watched["latency-p99"]["ExtendedStatistic"] == "p99"
    assert dimensions["database-storage"] == {"DBInstanceIdentifier": f"{NAME}-postgres"}
    assert dimensions["service-cpu"] == {"ClusterName": NAME, "ServiceName": NAME}
    # The emulator leaves out the "targetgroup/" that AWS puts before it.
    assert dimensions["unhealthy-hosts"]["TargetGroup"].removeprefix("targetgroup/").startswith(f"{NAME}/")
    assert dimensions["unhealthy-hosts"]["LoadBalancer"].startswith(f"app/{NAME}/")


def test_somebody_hears_of_alarms(stack):
    answer = client("sns").list_subscriptions_by_topic(TopicArn=stack["AlarmTopicArn"])

    assert [(one["Protocol"], one["Endpoint"]) for one in answer["Subscriptions"]] == [
        ("email", "somebody@example.org")
    ]


def test_no_log_is_kept_for_ever(stack):
    groups = client("logs").describe_log_groups()["logGroups"]
    kept = {
        group["logGroupName"]: group.get("retentionInDays")
        for group in groups
        if NAME in group["logGroupName"]  # other tests have stacks of their own
    }

    assert kept == {
        f"/ecs/{NAME}": 30,
        f"/aws/ecs/containerinsights/{NAME}/performance": 30,
        f"/aws/rds/instance/{NAME}-postgres/postgresql": 30,
        f"/aws/rds/instance/{NAME}-postgres/upgrade": 30,
    }


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_private_encrypted_versioned_and_tls_only(stack, bucket):
    s3, name = client("s3"), f"{NAME}-{bucket}"
    policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    [rule] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]

    assert all(block.values())
    assert len(block) == 4
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert policy["Statement"][0]["Effect"] == "Deny"
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_images_cannot_be_moved_under_a_tag(stack):
    [repository] = client("ecr").describe_repositories(repositoryNames=[NAME])["repositories"]

    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"]["scanOnPush"]


def test_targets_are_addresses_that_answer_on_health(stack):
    balancing = client("elbv2")
    [group] = balancing.describe_target_groups(TargetGroupArns=[stack["TargetGroupArn"]])["TargetGroups"]
    attributes = balancing.describe_target_group_attributes(TargetGroupArn=stack["TargetGroupArn"])

    assert (group["TargetType"], group["Port"], group["HealthCheckPath"]) == ("ip", 8000, "/health")
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in attributes["Attributes"]


def _statements(role, policy):
    document = client("iam").get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_the_task_may_use_its_buckets_and_nothing_else(stack):
    statements = _statements(f"{NAME}-task", "use-buckets")

    assert set(statements["ListBuckets"]["Resource"]) == {
        f"arn:aws:s3:::{NAME}-{bucket}" for bucket in BUCKETS
    }
    assert set(statements["UseObjects"]["Resource"]) == {
        f"arn:aws:s3:::{NAME}-{bucket}/*" for bucket in BUCKETS
    }
    assert len(statements) == 2


def test_starting_a_task_needs_its_own_image_logs_and_secrets_only(stack):
    statements = _statements(f"{NAME}-execution", "start-tasks")
    everywhere = [sid for sid, statement in statements.items() if statement["Resource"] == "*"]

    assert everywhere == ["SignInToRegistry"]
    assert statements["PullImage"]["Resource"].endswith(f":repository/{NAME}")
    assert f":log-group:/ecs/{NAME}" in statements["WriteLogs"]["Resource"]
    assert statements["ReadSecrets"]["Resource"].endswith(f":parameter/{NAME}/local/*")


def test_a_certificate_adds_https_and_turns_http_into_a_redirect(stack, template):
    cloudformation = client("cloudformation")
    arn = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"
    request = _request(template, CertificateArn=arn)
    request.pop("StackPolicyBody")

    change = cloudformation.create_change_set(ChangeSetName="https", **request)
    cloudformation.get_waiter("change_set_create_complete").wait(
        ChangeSetName=change["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    changes = cloudformation.describe_change_set(ChangeSetName=change["Id"])["Changes"]
    cloudformation.delete_change_set(ChangeSetName=change["Id"])
    planned = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in changes}

    assert {"HttpsListener", "HttpListener", "BalancerSecurityGroup"} <= set(planned)
    assert [name for name, change in planned.items() if change.get("Replacement") == "True"] == []


def test_the_password_is_in_no_template_event_or_parameter(stack):
    cloudformation = client("cloudformation")
    shown = [
        cloudformation.get_template(StackName=NAME)["TemplateBody"],
        cloudformation.describe_stacks(StackName=NAME)["Stacks"],
        cloudformation.describe_stack_events(StackName=NAME)["StackEvents"],
    ]

    assert PASSWORD not in json.dumps(shown, default=str)


def test_a_policy_protects_data_from_updates(stack):
    policy = json.loads(client("cloudformation").get_stack_policy(StackName=NAME)["StackPolicyBody"])
    [denied] = [one for one in policy["Statement"] if one["Effect"] == "Deny"]

    assert set(denied["Action"]) == {"Update:Replace", "Update:Delete"}
    assert set(denied["Condition"]["StringEquals"]["ResourceType"]) == {
        "AWS::RDS::DBInstance",
        "AWS::S3::Bucket",
    }


def test_buckets_and_a_snapshot_stay_when_the_stack_goes(stack):
    # The last test of this file, because it takes the stack away.
    cloudformation = client("cloudformation")
    cloudformation.delete_stack(StackName=NAME)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    snapshots = client("rds").describe_db_snapshots(DBInstanceIdentifier=f"{NAME}-postgres")["DBSnapshots"]

    assert len(snapshots) == 1
    for bucket in BUCKETS:
        client("s3").head_bucket(Bucket=f"{NAME}-{bucket}")

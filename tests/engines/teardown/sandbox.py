"""A whole platform in the emulated account: the role's own stack, secrets, an image, a service, objects."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from engines.aws import client
from engines.stack import Bucket, lifecycle, merge, with_buckets
from engines.stack.resource_import import adopt
from engines.teardown.model import Platform

ROLE = Path(__file__).parents[3] / "roles" / "provision"
BUCKETS = ("raw", "processed", "artifacts", "features")


def template(name):
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    parts = merge([ROLE / "files" / part for part in variables["_provision_template_parts"]])
    return json.dumps(with_buckets(parts, [Bucket(bucket, f"{name}-{bucket}") for bucket in BUCKETS]))


class Sandbox:
    """The platform ``name``. ``provision`` is what the role does, ``use`` what users and phases leave."""

    def __init__(self, name, *, protected=False):
        self.name, self.protected = name, protected
        self.path = f"/{name}/test"
        self.tags = {"Project": name, "Environment": "test", "ManagedBy": "bmii-migrate"}
        names = {f"{bucket.title()}Bucket": f"{name}-{bucket}" for bucket in BUCKETS}
        self.buckets = {**names, "AccessLogsBucket": f"{name}-access-logs"}

    def platform(self, **options):
        return Platform(
            name=self.name,
            stack_name=self.name,
            database=f"{self.name}-postgres",
            parameter_path=self.path,
            buckets=tuple(self.buckets.values()),
            tags=self.tags,
            **options,
        )

    def provision(self):
        """Secrets, kept buckets, the stack: as often as you like. Returns the names of imported buckets."""
        for name in ("db_password", "API_KEY"):
            client("ssm").put_parameter(
                Name=f"{self.path}/{name}", Value="Sesame1234567890", Type="SecureString", Overwrite=True
            )
        answer = adopt(self.name, self.buckets, tags=self.tags)
        found = lifecycle.find(self.name)
        cloudformation = client("cloudformation")
        if found is None:
            cloudformation.create_stack(**self._request(), OnFailure="DELETE")
        elif lifecycle.settle(found, 60).status != "CREATE_COMPLETE":
            try:
                cloudformation.update_stack(**self._request())
            except cloudformation.exceptions.ClientError as error:
                if "No updates" not in str(error):
                    raise
        after = lifecycle.settle(lifecycle.find(self.name), 60)
        assert after.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, after
        if self.protected:
            cloudformation.update_termination_protection(
                StackName=self.name, EnableTerminationProtection=True
            )
        return answer["adopted"]

    def use(self):
        """An image, a service that runs it (or tries to), a task of nobody, and an object in two versions."""
        image = {"repositoryName": self.name, "imageTag": "one", "imageManifest": '{"schemaVersion": 2}'}
        ecr, ecs, s3 = client("ecr"), client("ecs"), client("s3")
        if not ecr.list_images(repositoryName=self.name)["imageIds"]:
            ecr.put_image(**image)
        container = {"name": self.name, "image": "no/such:image", "memory": 64}
        ecs.register_task_definition(family=self.name, containerDefinitions=[container])
        services = {"cluster": self.name, "services": [self.name]}
        if not any(one["status"] == "ACTIVE" for one in ecs.describe_services(**services)["services"]):
            ecs.create_service(
                cluster=self.name, serviceName=self.name, taskDefinition=self.name, desiredCount=1
            )
        self.leave_a_database()
        for body in (b"first", b"second"):
            s3.put_object(Bucket=f"{self.name}-raw", Key="kept", Body=body)

    @property
    def kept_database(self):
        """The name of the instance that a rollback has left."""
        return f"{self.name}-postgres-before-261126-041000"

    def leave_a_database(self):
        """What a rollback in time leaves: an instance that the stack does not know, and its log."""
        rds, logs = client("rds"), client("logs")
        if self.kept_database not in {
            one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]
        }:
            rds.create_db_instance(
                DBInstanceIdentifier=self.kept_database,
                DBInstanceClass="db.t4g.medium",
                Engine="postgres",
                DeletionProtection=self.protected,
                Tags=[{"Key": key, "Value": value} for key, value in self.tags.items()],
            )
        group = f"/aws/rds/instance/{self.kept_database}/postgresql"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)

    def content(self):
        return client("s3").get_object(Bucket=f"{self.name}-raw", Key="kept")["Body"].read()

    def _request(self):
        parameters = {
            "Name": self.name,
            "ParameterPath": self.path,
            "VpcCidr": "10.20.0.0/16",
            "ContainerPort": "8000",
            "HealthCheckPath": "/health",
            "EgressMode": "endpoints",
            "DatabaseName": "bio_bind_rank",
            "DatabaseUser": "bmii_admin",
            "DatabaseInstanceIdentifier": f"{self.name}-postgres",
            "DatabaseInstanceClass": "db.t4g.medium",
            "DatabaseAllocatedStorage": "20",
            "DatabaseMaxAllocatedStorage": "40",
            "DatabaseEngineVersion": "15.17",
            "DatabaseBackupRetentionDays": "7",
            "DatabaseMultiAz": "false",
            "DatabaseDeletionProtection": str(self.protected).lower(),
            "LogRetentionDays": "30",
            "AccessLogsBucketName": self.buckets["AccessLogsBucket"],
            "AccessLogsDays": "90",
            "DatabaseAccess": "relay",
            "RelayImage": f"public.ecr.aws/docker/library/python@sha256:{'0' * 64}",
            "RelayProgram": "pass",
        }
        return {
            "StackName": self.name,
            "TemplateBody": template(self.name),
            "StackPolicyBody": (ROLE / "files" / "stack-policy.json").read_text(encoding="utf-8"),
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            "Tags": [{"Key": key, "Value": value} for key, value in {**self.tags, "RunId": "one"}.items()],
        }

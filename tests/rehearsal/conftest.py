"""A tiny image, pushed to the emulated registry by hand, and a service that runs it."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import tarfile
import time
import urllib.request
import uuid

import boto3
import pytest

SERVER = """
import http.server, os, signal, sys, time

VERSION = "{version}"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = VERSION == "sick" and self.path == "/health"
        self.send_response(503 if sick else 200)
        self.end_headers()
        keys = ("SECRET", "PLAIN", "BIND_HOST", "AWS_REGION", "AWS_ENDPOINT_URL", "SHOULD_NOT_BE_SEEN",
                "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN")
        lines = [VERSION] + [k + "=" + os.environ.get(k, "") for k in keys] + sys.path
        self.wfile.write("\\n".join(lines).encode())
    def log_message(self, *arguments):
        pass

print("starting", VERSION, flush=True)
if VERSION == "crash":
    print("cannot go on", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, signal.SIG_IGN if VERSION == "stubborn" else lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer((os.environ["BIND_HOST"], 8000), Handler).serve_forever()
"""


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer(files: dict[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


class Registry:
    """The writing half of the registry protocol, as far as a test needs it."""

    def __init__(self, port):
        self.port = port

    def _call(self, method, path, body=b"", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status < 300, (method, path, answer.status)
        return answer

    def blob(self, repository, content):
        started = self._call("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
        path = "/" + started.split("/", 3)[3] if started.startswith("http") else started
        separator = "&" if "?" in path else "?"
        self._call("PUT", f"{path}{separator}digest={digest(content)}", content)
        return {"digest": digest(content), "size": len(content)}

    def push(self, repository, layers, **config):
        kind = "application/vnd.oci.image"
        body = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, **config}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{kind}.manifest.v1+json",
            "config": {"mediaType": f"{kind}.config.v1+json", **self.blob(repository, body)},
            "layers": [
                {"mediaType": f"{kind}.layer.v1.tar+gzip", **self.blob(repository, one)} for one in layers
            ],
        }
        raw = json.dumps(manifest).encode()
        headers = {"Content-Type": manifest["mediaType"]}
        self._call("PUT", f"/v2/{repository}/manifests/{digest(raw)}", raw, headers)
        return digest(raw)


def pusher(server):
    """Return a function that pushes the tiny service in a version, and returns the image's full name."""
    name = f"tiny-{uuid.uuid4().hex[:8]}"
    boto3.client("ecr").create_repository(repositoryName=name)

    def push(version):
        files = layer({"app/tiny.py": SERVER.replace("{version}", version).encode()})
        config = {
            "Entrypoint": ["python3", "-m", "tiny"],
            "WorkingDir": "/app",
            "Env": ["PYTHONPATH=/app/site-packages:/app", "PATH=/usr/bin"],
        }
        pushed = Registry(server.port).push(name, [files], config=config)
        return f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}@{pushed}"

    return push


@pytest.fixture
def registry_of():
    return pusher


@pytest.fixture
def image(aws):
    return pusher(aws)


class Platform:
    """A cluster, a load balancer with one target group, and a service."""

    def __init__(self, endpoint, name):
        self.name, self.url = name, f"{endpoint}/_alb/{name}"
        self.ecs, self.elb, self.logs = boto3.client("ecs"), boto3.client("elbv2"), boto3.client("logs")
        boto3.client("ssm").put_parameter(Name=f"/{name}/SECRET", Value="plain text", Type="SecureString")
        self.logs.create_log_group(logGroupName=name)
        self.ecs.create_cluster(clusterName=name)
        balancer = self.elb.create_load_balancer(Name=name, Subnets=["subnet-1", "subnet-2"])
        self.group = self.elb.create_target_group(
            Name=name, Port=8000, Protocol="HTTP", TargetType="ip", VpcId="vpc-1", HealthCheckPath="/health"
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
            Port=80,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )

    def define(self, image, container=None, **more):
        options = {"awslogs-group": self.name, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"}
        return self.ecs.register_task_definition(
            family=self.name,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": image,
                    "portMappings": [{"containerPort": 8000}],
                    "environment": [{"name": "PLAIN", "value": "yes"}],
                    "secrets": [{"name": "SECRET", "valueFrom": f"/{self.name}/SECRET"}],
                    "logConfiguration": {"logDriver": "awslogs", "options": options},
                    **(container or {}),
                }
            ],
            **more,
        )["taskDefinition"]["taskDefinitionArn"]

    def create(self, definition, desired=1):
        """Create the service. Its grace is longer than a busy machine takes to start its tasks.

        One that is slow to start would be replaced as unhealthy, and two targets be seen at once.
        """
        self.ecs.create_service(
            cluster=self.name,
            serviceName="app",
            taskDefinition=definition,
            desiredCount=desired,
            launchType="FARGATE",
            healthCheckGracePeriodSeconds=60,
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "app", "containerPort": 8000}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        )

    def service(self):
        return self.ecs.describe_services(cluster=self.name, services=["app"])["services"][0]

    def deployment(self, definition):
        found = [one for one in self.service()["deployments"] if one["taskDefinition"] == definition]
        return found[0] if found else None

    def await_rollout(self, definition, state):
        def reached():
            deployment = self.deployment(definition)
            return deployment is not None and deployment["rolloutState"] == state

        eventually(reached, f"{definition} {state}: {self.service()['deployments']}")

    def tasks(self, status="RUNNING"):
        arns = self.ecs.list_tasks(cluster=self.name, desiredStatus=status)["taskArns"]
        return self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"] if arns else []

    def health(self):
        answer = self.elb.describe_target_health(TargetGroupArn=self.group)["TargetHealthDescriptions"]
        return [(one["Target"]["Id"], one["TargetHealth"]) for one in answer]

    def get(self, path="/"):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode().splitlines()

    def log(self):
        streams = self.logs.describe_log_streams(logGroupName=self.name)["logStreams"]
        lines = []
        for stream in streams:
            name = stream["logStreamName"]
            events = self.logs.get_log_events(logGroupName=self.name, logStreamName=name)["events"]
            lines += [event["message"] for event in events]
        return lines

    def remove(self):
        self.ecs.delete_service(cluster=self.name, service="app", force=True)


def eventually(holds, what, seconds=120):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.1)


@pytest.fixture(name="eventually")
def _eventually():
    return eventually


@pytest.fixture
def platform_of():
    return lambda server: Platform(server.endpoint, f"p-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def platform(aws, platform_of):
    platform = platform_of(aws)
    yield platform
    if platform.ecs.describe_services(cluster=platform.name, services=["app"])["services"]:
        platform.remove()

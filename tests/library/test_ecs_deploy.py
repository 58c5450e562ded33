"""``ecs_deploy`` as Ansible runs it, against the emulated ECS, where tasks are processes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import uuid
from pathlib import Path

import pytest
import urllib3

from engines import aws as aws_clients

MODULE = Path(__file__).parents[2] / "library" / "ecs_deploy.py"
CANARY = "canary-7d1e0b52c9"
# What the image does is decided by a word in it, so that every behaviour has a digest of its own.
PROGRAM = """
import http.server, json, os, signal, sys
KIND = "{kind}"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        digest = "sha256:" + "0" * 64 if KIND == "liar" else os.environ["IMAGE_DIGEST"]
        body = json.dumps({"status": "ok", "image": digest, "plain": os.environ.get("PLAIN")}).encode()
        self.send_response(503 if KIND == "sick" and self.path == "/health" else 200)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
print("starting", KIND, "with", os.environ["API_KEY"], flush=True)
if KIND == "crash":
    print("cannot go on", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer((os.environ["BIND_HOST"], 8000), Handler).serve_forever()
"""
OCI = "application/vnd.oci.image"


class World:
    """A cluster, a registry with images, a load balancer, a secret, and the module to be called with them."""

    def __init__(self, aws):
        self.name = f"d-{uuid.uuid4().hex[:8]}"
        self.endpoint = aws.endpoint
        self.url = f"{aws.endpoint}/_alb/{self.name}"
        self.http = urllib3.PoolManager()
        self.said = []
        self.ecs, self.ssm = aws_clients.client("ecs"), aws_clients.client("ssm")
        self.ecs.create_cluster(clusterName=self.name)
        self.ssm.put_parameter(Name=f"/{self.name}/API_KEY", Value=CANARY, Type="SecureString")
        aws_clients.client("logs").create_log_group(logGroupName=self.name)
        ecr = aws_clients.client("ecr").create_repository(repositoryName=self.name)
        self.repository = ecr["repository"]["repositoryUri"]
        iam = aws_clients.client("iam")
        role = iam.create_role(RoleName=self.name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self.options = {
            "cluster": self.name,
            "service": self.name,
            "family": self.name,
            "execution_role_arn": role,
            "task_role_arn": role,
            "environment": {"PLAIN": True},
            "secrets": {"API_KEY": f"/{self.name}/API_KEY"},
            "log_group": self.name,
            "region": "us-east-1",
            "subnet_ids": ["subnet-2", "subnet-1"],
            "security_group_ids": ["sg-1"],
            "target_group_arn": self._balancer(),
            "health_check_grace": 0,
            "url": self.url,
            "timeout": 30,
        }

    def _balancer(self):
        elb = aws_clients.client("elbv2")
        balancer = elb.create_load_balancer(Name=self.name, Subnets=["subnet-1", "subnet-2"])
        group = elb.create_target_group(
            Name=self.name,
            Port=8000,
            Protocol="HTTP",
            TargetType="ip",
            VpcId="vpc-1",
            HealthCheckPath="/health",
        )["TargetGroups"][0]["TargetGroupArn"]
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
            Port=80,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        return group

    def image(self, kind):
        """Push an image of that kind, and return its name by digest."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            content = PROGRAM.replace("{kind}", kind).encode()
            member = tarfile.TarInfo("app/tiny.py")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        layer = self._blob("layer.v1.tar+gzip", gzip.compress(archive.getvalue(), mtime=0))
        config = {"Entrypoint": ["python3", "-m", "tiny"], "WorkingDir": "/app", "Env": ["PYTHONPATH=/app"]}
        described = {"architecture": "amd64", "os": "linux", "config": config}
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": self._blob("config.v1+json", json.dumps(described).encode()),
            "layers": [layer],
        }
        raw = json.dumps(manifest).encode()
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        self._send("PUT", f"manifests/{digest}", raw, {"Content-Type": manifest["mediaType"]})
        return f"{self.repository}@{digest}"

    def _blob(self, kind, content):
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        place = self._send("POST", "blobs/uploads/", b"").headers["Location"]
        target = place if place.startswith("http") else self.endpoint + place
        joined = f"{target}{'&' if '?' in target else '?'}digest={digest}"
        assert self.http.request("PUT", joined, body=content).status < 300
        return {"mediaType": f"{OCI}.{kind}", "digest": digest, "size": len(content)}

    def _send(self, method, path, body, headers=None):
        url = f"{self.endpoint}/v2/{self.name}/{path}"
        answer = self.http.request(method, url, body=body, headers=headers)
        assert answer.status < 300, answer.data
        return answer

    def call(self, *, check=False, **options):
        """Run the module in a process of its own, as Ansible does at the highest verbosity."""
        arguments = {**self.options, **options, "_ansible_check_mode": check, "_ansible_verbosity": 5}
        done = subprocess.run(
            [sys.executable, MODULE],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append(done.stdout + done.stderr)
        return json.loads(done.stdout)

    def service(self):
        return self.ecs.describe_services(cluster=self.name, services=[self.name])["services"][0]

    def revisions(self):
        arns = self.ecs.list_task_definitions(familyPrefix=self.name)["taskDefinitionArns"]
        return [arn.rpartition("/")[2] for arn in arns]

    def running(self):
        """Return the digest of the image that answers to users."""
        return json.loads(self.http.request("GET", f"{self.url}/health").data)["image"]


@pytest.fixture
def world(aws):
    world = World(aws)
    yield world
    found = world.ecs.describe_services(cluster=world.name, services=[world.name])["services"]
    if found:
        world.ecs.delete_service(cluster=world.name, service=world.name, force=True)
    assert CANARY not in "".join(world.said)


def digest(image):
    return image.partition("@")[2]


def test_a_release_reaches_its_users_and_the_second_run_changes_nothing(world):
    image = world.image("good")
    planned = world.call(image=image, check=True)
    assert planned["changed"]
    assert planned["actions"] == [f"register a revision of {world.name}", f"create service {world.name}"]
    assert world.revisions() == []
    assert world.ecs.list_services(cluster=world.name)["serviceArns"] == []

    first = world.call(image=image)
    assert first["changed"]
    assert first["registered"]
    assert first["actions"] == planned["actions"]
    assert first["diff"]["after"] == planned["diff"]["after"]
    assert first["deployment"]["rollout_state"] == "COMPLETED"
    assert first["task_definition_arn"].endswith(f"/{world.name}:1")
    assert world.running() == digest(image)

    again = world.call(image=image)
    assert not again["changed"]
    assert not again["registered"]
    assert again["diff"]["before"] == again["diff"]["after"]
    assert again["deployment"] == first["deployment"]
    assert not world.call(image=image, check=True)["changed"]
    assert world.revisions() == [f"{world.name}:1"]

    second = world.image("better")
    assert world.call(image=second, check=True)["registered"]
    assert world.running() == digest(image)
    moved = world.call(image=second)
    assert moved["actions"][1] == f"update service {world.name}: taskDefinition"
    assert {world.running() for _ in range(5)} == {digest(second)}


def test_a_crash_is_explained_and_undone(world, tmp_path, monkeypatch):
    monkeypatch.setenv("BMII_EVENTS", str(tmp_path / "events"))
    good = world.image("good")
    world.call(image=good)
    failed = world.call(image=world.image("crash"))
    assert failed["failed"]
    assert failed["details"]["reason"] == "failed"
    assert f"release {world.name}:2 did not reach its users" in failed["msg"]
    assert "exit code 3" in failed["msg"]
    assert "cannot go on" in failed["msg"]
    assert "starting crash with ********" in failed["msg"]
    assert f"The service is back on {world.name}:1, and answers." in failed["msg"]
    assert failed["details"]["back"]["verified"]
    assert world.running() == digest(good)
    assert world.service()["taskDefinition"].endswith(":1")
    assert not world.call(image=good)["changed"]
    events = (tmp_path / "events").read_text()
    world.said.append(events)
    kinds = {json.loads(line)["kind"] for line in events.splitlines()}
    assert kinds == {"ecs.register", "ecs.create", "ecs.update", "ecs.rollout", "ecs.failed"}


def test_a_task_that_is_never_healthy_is_explained_and_undone(world):
    good = world.image("good")
    world.call(image=good)
    failed = world.call(image=world.image("sick"))
    assert "failed ELB health checks" in failed["msg"]
    assert failed["details"]["back"]["verified"]
    assert world.running() == digest(good)


def test_what_ecs_takes_for_a_success_is_undone_when_another_image_answers(world):
    good = world.image("good")
    world.call(image=good, desired_count=2)
    failed = world.call(image=world.image("liar"), desired_count=1, timeout=2)
    assert failed["details"]["reason"] == "timeout"
    assert "answers from image sha256:000" in failed["msg"]
    assert failed["details"]["back"]["verified"]
    assert world.running() == digest(good)
    assert world.service()["desiredCount"] == 2


def test_a_first_release_that_failed_succeeds_once_its_secret_is_there(world):
    image = world.image("good")
    world.ssm.delete_parameter(Name=f"/{world.name}/API_KEY")
    failed = world.call(image=image)
    assert f"/{world.name}/API_KEY" in failed["msg"]
    assert "There is no earlier good revision to go back to." in failed["msg"]
    world.ssm.put_parameter(Name=f"/{world.name}/API_KEY", Value=CANARY, Type="SecureString")
    mended = world.call(image=image)
    assert mended["actions"] == [f"update service {world.name}: forceNewDeployment"]
    assert world.running() == digest(image)


def test_a_run_killed_after_registering_is_finished_with_the_same_revision(world):
    world.call(image=world.image("good"))
    newest = world.image("better")
    world.call(image=newest)
    world.ecs.update_service(cluster=world.name, service=world.name, taskDefinition=f"{world.name}:1")
    finished = world.call(image=newest)
    assert finished["changed"]
    assert not finished["registered"]
    assert world.revisions() == [f"{world.name}:1", f"{world.name}:2"]
    assert world.running() == digest(newest)


def test_a_dry_run_on_an_empty_account_has_a_plan(world):
    unknown = dict.fromkeys(
        ("cluster", "image", "execution_role_arn", "task_role_arn", "log_group", "url"), ""
    )
    planned = world.call(check=True, **unknown, subnet_ids=[], security_group_ids=[], target_group_arn="")
    assert planned["changed"]
    assert planned["diff"]["before"] == {}
    refused = world.call(**unknown)
    assert "cluster, image, execution_role_arn: is empty" in refused["msg"]


def test_tags_and_literal_secrets_are_refused_before_anything_is_made(world):
    assert "by digest, not by tag" in world.call(image=f"{world.repository}:latest")["msg"]
    refused = world.call(image=world.image("good"), secrets={"API_KEY": CANARY})
    assert "secret API_KEY" in refused["msg"]
    assert world.revisions() == []

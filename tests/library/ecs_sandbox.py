"""A cluster, images that behave as a word in them says, and ``ecs_deploy`` as Ansible runs it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import uuid
from concurrent.futures import ThreadPoolExecutor

import urllib3

from engines import aws as aws_clients
from tests.library import modules
from tests.library.rds_sandbox import eventually

CANARY = "canary-7d1e0b52c9"
STAYS = "it has to stay so for"  # how the module says that a release serves its users, so far
# What the image does is decided by a word in it, so that every behaviour has a digest of its own.
PROGRAM = """
import http.server, json, os, signal, sys, threading, time
KIND = "{kind}"
HEALTH = {"sick": 503, "broken": 500}.get(KIND, 200)
PORT = 9000 if KIND == "elsewhere" else 8000
busy = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global busy
        busy += self.path != "/health"
        if self.path == "/crash":
            give_up()
        time.sleep(1 if self.path == "/slow" else 0)
        digest = "sha256:" + "0" * 64 if KIND == "liar" else os.environ["IMAGE_DIGEST"]
        body = json.dumps({"status": "ok", "image": digest, "plain": os.environ.get("PLAIN")}).encode()
        self.send_response(HEALTH if self.path == "/health" else 200)
        self.end_headers()
        self.wfile.write(body)
        busy -= self.path != "/health"
    def log_message(self, *arguments):
        pass
def stop(*_):
    print("asked to stop with", busy, "requests in hand", flush=True)
    os._exit(0)
def give_up():
    print("cannot go on", flush=True)
    os._exit(4)
def crash_later():
    time.sleep(2)
    give_up()
print("starting", KIND, "with", os.environ["API_KEY"], flush=True)
if KIND == "crash":
    print("cannot go on", flush=True)
    sys.exit(3)
if KIND == "late":
    time.sleep(60)
if KIND == "hungry":
    hoard = [bytearray(os.urandom(1 << 20)) * 64 for _ in range(12)]
    time.sleep(60)
if KIND == "fleeting":
    threading.Thread(target=crash_later, daemon=True).start()
signal.signal(signal.SIGTERM, stop)
print("listening on", PORT, flush=True)
server = http.server.ThreadingHTTPServer
server.request_queue_size = 64
server((os.environ["BIND_HOST"], PORT), Handler).serve_forever()
"""
OCI = "application/vnd.oci.image"


class Sandbox:
    """A cluster, a registry with images, a load balancer, a secret, and the module to be called with them."""

    def __init__(self, aws):
        self.name = f"d-{uuid.uuid4().hex[:8]}"
        self.endpoint = aws.endpoint
        self.url = f"{aws.endpoint}/_alb/{self.name}"
        self.http = urllib3.PoolManager()
        self.said = []
        self.ecs, self.ssm = aws_clients.client("ecs"), aws_clients.client("ssm")
        self.logs = aws_clients.client("logs")
        self.ecs.create_cluster(clusterName=self.name)
        self.ssm.put_parameter(Name=f"/{self.name}/API_KEY", Value=CANARY, Type="SecureString")
        self.logs.create_log_group(logGroupName=self.name)
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
            "health_check_grace": 60,  # what is slow to start on a busy machine is not unhealthy
            "url": self.url,
            "probe": {"path": "/health", "json": "image"},
            "timeout": 120,  # of a busy machine; what is never healthy is told earlier, by the breaker
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

    def image(self, kind, architecture="amd64"):
        """Push an image of that kind, and return its name by digest."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            content = PROGRAM.replace("{kind}", kind).encode()
            member = tarfile.TarInfo("app/tiny.py")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        layer = self._blob("layer.v1.tar+gzip", gzip.compress(archive.getvalue(), mtime=0))
        config = {"Entrypoint": ["python3", "-m", "tiny"], "WorkingDir": "/app", "Env": ["PYTHONPATH=/app"]}
        described = {"architecture": architecture, "os": "linux", "config": config}
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
        """Release with ``ecs_deploy``."""
        return self.run("ecs_deploy", {**self.options, **options}, check=check)

    def crash_once_it_serves(self, events, **options):
        """Release, and let a task crash once the module has seen that the release serves its users.

        ``events`` is the file in which the module reports that (``BMII_EVENTS``).
        """
        with ThreadPoolExecutor(1) as thread:
            release = thread.submit(self.call, **options)
            eventually(lambda: release.done() or (events.exists() and STAYS in events.read_text()), 250)
            self.http.request("GET", f"{self.url}/crash", retries=False)
            return release.result()

    def run(self, module, arguments, *, check):
        """Run a module in a process of its own, as Ansible does at the highest verbosity."""
        answer, said = modules.call(module, {**arguments, "_ansible_verbosity": 5}, check=check)
        self.said.append(said)
        return answer

    def service(self):
        return self.ecs.describe_services(cluster=self.name, services=[self.name])["services"][0]

    def revisions(self):
        arns = self.ecs.list_task_definitions(familyPrefix=self.name)["taskDefinitionArns"]
        return [arn.rpartition("/")[2] for arn in arns]

    def lines(self, revision):
        """Return what the tasks of a revision wrote."""
        found = []
        for status in ("RUNNING", "STOPPED"):
            for task in self.tasks(status):
                if task["taskDefinitionArn"].endswith(f":{revision}"):
                    stream = f"{self.name}/{self.name}/{task['taskArn'].rpartition('/')[2]}"
                    events = self.logs.get_log_events(logGroupName=self.name, logStreamName=stream)["events"]
                    found += [event["message"] for event in events]
        return found

    def tasks(self, status):
        arns = self.ecs.list_tasks(cluster=self.name, serviceName=self.name, desiredStatus=status)["taskArns"]
        return self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"] if arns else []

    def remove(self):
        """Delete the service; nothing that was said may hold the secret."""
        if self.ecs.list_services(cluster=self.name)["serviceArns"]:
            self.ecs.delete_service(cluster=self.name, service=self.name, force=True)
        assert CANARY not in "".join(self.said)

    def running(self):
        """Return the digest of the image that answers to users."""
        return json.loads(self.http.request("GET", f"{self.url}/health").data)["image"]

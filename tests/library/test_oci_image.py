"""``oci_image`` as Ansible runs it, against the emulated ECR."""

from __future__ import annotations

import uuid

import pytest

from engines.aws import client
from tests.library import modules


class Sandbox:
    """A repository, a service without requirements, and the module to be called with them."""

    def __init__(self, aws, folder):
        self.name = f"bmii-{uuid.uuid4().hex[:8]}"
        self.url = client("ecr").create_repository(repositoryName=self.name)["repository"]["repositoryUri"]
        self.service, self.cache = folder / "service", folder / "cache"
        (self.service / "bmii").mkdir(parents=True)
        (self.service / "bmii" / "__main__.py").write_text("print('hello')\n")
        (self.service / "requirements.lock").write_text("# none\n")
        self.options = {
            "repository_url": self.url,
            "registry": aws.endpoint,
            "source_dir": str(self.service),
            "packages": [{"src": "bmii", "dest": "/app/bmii"}],
            "entrypoint": ["python3", "-m", "bmii"],
            "requirements": str(self.service / "requirements.lock"),
            "labels": {"org.opencontainers.image.version": "1.4.0"},
            "tags": ["1.4.0"],
            "cache_dir": str(self.cache),
        }

    def call(self, *, check=False, **options):
        """Run the module in a process of its own."""
        return modules.call("oci_image", {**self.options, **options}, check=check)[0]

    def images(self):
        return client("ecr").describe_images(repositoryName=self.name)["imageDetails"]


@pytest.fixture
def sandbox(aws, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return Sandbox(aws, tmp_path)


def test_check_then_run_then_again_then_another_source(sandbox):
    planned = sandbox.call(check=True)
    assert planned["changed"]
    assert planned["built"]
    assert planned["image"] == ""
    assert sandbox.images() == []
    assert not sandbox.cache.exists()

    first = sandbox.call()
    assert first["changed"]
    assert first["source_digest"] == planned["source_digest"]
    assert first["image"] == f"{sandbox.url}@{first['digest']}"
    assert [image["imageDigest"] for image in sandbox.images()] == [first["digest"]]
    assert first["pushed_bytes"] == sum(layer["size"] for layer in first["layers"] if layer["pushed"]) > 0
    assert first["diff"]["before"] == ""
    assert f"{sandbox.url}:1.4.0 is {first['digest']}" in first["diff"]["after"]

    for check in (True, False):
        again = sandbox.call(check=check)
        assert not again["changed"]
        assert (again["image"], again["built"], again["pushed_bytes"]) == (first["image"], False, 0)
        assert again["diff"]["before"] == again["diff"]["after"]

    (sandbox.service / "bmii" / "__main__.py").write_text("print('bye')\n")
    assert sandbox.call(check=True)["changed"]
    second = sandbox.call()
    assert second["changed"]
    assert second["digest"] != first["digest"]
    assert len(sandbox.images()) == 2


def test_check_does_without_a_repository_and_the_run_does_not(sandbox):
    assert sandbox.call(check=True, repository_url="known after apply")["changed"]
    refused = sandbox.call(repository_url="known after apply")
    assert refused["failed"]
    assert "repository_url" in refused["msg"]


def test_failures_are_words_and_not_tracebacks(sandbox):
    missing = sandbox.call(repository_url=sandbox.url + "x")
    assert missing["failed"]
    assert "does not exist in the registry" in missing["msg"]
    assert "provision" in missing["remedy"]
    assert "latest" in sandbox.call(tags=["latest"])["msg"]
    assert "HTTPS" in sandbox.call(registry="http://192.0.2.1")["msg"]
    assert "docker" in sandbox.call(base="python:3.13")["msg"]

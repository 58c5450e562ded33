"""A service in miniature: an application folder, and wheels of its own, so that no index is needed."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import textwrap
import threading
import uuid
import zipfile
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engines.aws import client
from engines.images.ecr import Repository
from engines.images.model import Platform
from engines.images.recipe import Package, Recipe

VERSION = "3.13"


def write_wheel(folder: Path, name: str, files: dict[str, str], scripts: str = "") -> str:
    """Write a wheel, and return its line in a lock."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n"
    record = "".join(f"{file},{_hash(text)},{len(text.encode())}\n" for file, text in content.items())
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**content, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(zipfile.ZipInfo(file, (2026, 1, 1, 0, 0, 0)), text)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def write_service(root: Path, greeting: str = "hello") -> Path:
    """Write the application and the lock below ``root``."""
    application = root / "bmii"
    (application / "reference").mkdir(parents=True)
    (application / "__init__.py").write_text("import alpha\n")
    program = f"""
        import sys, alpha, beta
        print("{greeting}", alpha.WORD, beta.WORD, sys.argv[1:])
    """
    (application / "__main__.py").write_text(textwrap.dedent(program))
    (application / "reference" / "a.csv").write_text("x,y\n")
    (application / "run.sh").write_text("#!/bin/sh\n")
    (application / "run.sh").chmod(0o755)
    (application / "__pycache__").mkdir()
    (application / "__pycache__" / "x.pyc").write_text("junk")
    lines = [
        write_wheel(
            root / "wheels",
            "alpha",
            {
                "alpha/__init__.py": "from .tests import used\nWORD = used.WORD\n",
                "alpha/tests/__init__.py": "",
                "alpha/tests/used.py": "WORD = 'alpha'\n",
                f"alpha/{'long' * 30}.py": "# a name that a plain tar header cannot hold\n",
            },
            scripts="alpha = alpha:main",
        ),
        write_wheel(
            root / "wheels", "beta", {"beta/__init__.py": "WORD = 'beta'\n", "beta/tests/test_b.py": "boom\n"}
        ),
    ]
    (root / "requirements.lock").write_text("".join(lines))
    return root


@pytest.fixture(autouse=True)
def _own_index(monkeypatch, tmp_path):
    """Let uv see the wheels of the test alone."""
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "service" / "wheels"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))


@pytest.fixture
def service(tmp_path):
    return write_service(tmp_path / "service")


@pytest.fixture
def recipe_of():
    """Return a function that makes the recipe of a service's folder; its keywords replace fields."""

    def make(service: Path, **changes) -> Recipe:
        recipe = Recipe(
            packages=(Package(service / "bmii", "/app/bmii"),),
            requirements=service / "requirements.lock",
            python_version=VERSION,
            platform=Platform("linux", "amd64"),
            labels={"org.opencontainers.image.title": "bmii"},
            entrypoint=("python3", "-m", "bmii", "serve"),
        )
        return replace(recipe, **changes)

    return make


@pytest.fixture
def recipe(service, recipe_of):
    return recipe_of(service)


@dataclass
class Proxy:
    """Stands between us and the real registry: notes each request, and spoils the answers it is told to.

    A rule of ``spoil`` is a method, a part of the path, how often, and what happens: a status, code and
    message are answered instead, a header of the answer (or ``body``) is given another value, or (``None``)
    the connection is cut in the middle of the upload.
    """

    upstream: str
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    spoil: list[list] = field(default_factory=list)
    url: str = ""

    def sent(self, *methods: str) -> list[str]:
        return [path for method, path, _ in self.requests if method in methods]

    def fault(self, method: str, path: str) -> tuple | None:
        for rule in self.spoil:
            wanted, part, times, answer = rule
            if wanted == method and part in path and times:
                rule[2] -= 1
                return answer
        return ()


class Relay(BaseHTTPRequestHandler):
    """One request through the proxy; ``state`` is set on a subclass."""

    state: Proxy
    protocol_version = "HTTP/1.1"

    def relay(self) -> None:
        self.state.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
        fault = self.state.fault(self.command, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if fault is None:
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if len(fault) == 3:
            status, code, message = fault
            self.answer(status, {}, json.dumps({"errors": [{"code": code, "message": message}]}).encode())
            return
        status, headers, content = self.ask(body)
        if fault and fault[0] == "body":
            content = fault[1]
        self.answer(status, {**headers, **dict([fault] if fault else [])}, content)

    def ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        there = urlsplit(self.state.upstream)
        connection = http.client.HTTPConnection(there.hostname, there.port, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection"}}
        connection.request(self.command, self.path, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {name.title(): value for name, value in answer.getheaders()}, content

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name in headers.keys() & {"Content-Type", "Docker-Content-Digest", "Location"}:
            self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = relay  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_) -> None:
        """Say nothing."""


@pytest.fixture
def proxy(aws):
    state = Proxy(aws.endpoint)
    handler = type("Handler", (Relay,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def repository(aws, proxy):
    """Return a new repository in the emulated ECR, reached through ``proxy``."""
    name = f"bmii-{uuid.uuid4().hex[:8]}"
    found = client("ecr").create_repository(repositoryName=name)["repository"]
    return Repository.locate(found["repositoryUri"], endpoint=proxy.url)

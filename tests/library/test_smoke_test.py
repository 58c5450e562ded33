"""``smoke_test`` as Ansible runs it, against real HTTP servers."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engines import aws as aws_clients
from tests.library import modules

CANARY = "canary-93ab41d0"
ASPIRIN = {"smiles": "CC(=O)Oc1ccccc1C(=O)O", "record": False}
RANKED = {"method": "POST", "path": "/rank", "body": ASPIRIN}


class Service(ThreadingHTTPServer):
    """A stand-in for the platform: ``key`` is what it asks for, ``score`` what it answers."""

    def __init__(self, key="", score=0.1 + 0.2, *, listens=True):
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server_bind()
        if listens:
            self.server_activate()
        self.key, self.score, self.delay, self.seen = key, score, 0.0, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(("GET", self.path))
        time.sleep(self.server.delay)
        if self.path == "/moved":
            return self.answer(302, {}, Location="/health")
        if self.path == "/page":
            return self.answer(200, "<html>")
        if self.path == "/echo":
            return self.answer(500, {"headers": dict(self.headers)})
        return self.answer(200, {"status": "ok", "image": "sha256:aa"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append(("POST", self.path))
        key = self.headers.get("X-API-Key", "")
        if self.server.key and not key:
            return self.answer(401, {"error": {"code": "missing_key"}})
        if self.server.key != key:
            return self.answer(403, {"error": {"code": "wrong_key"}})
        results = [{"symbol": name, "score": self.server.score} for name in ("PTGS2", "PTGS1", "EGFR")]
        return self.answer(200, {"id": None, "smiles": body["smiles"], "results": results})

    def do_REPORT(self):
        self.server.seen.append(("REPORT", self.path))
        said = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(200, f"{said} {self.headers.get('Authorization', '')} {self.server.score}")

    def answer(self, status, body, **headers):
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def serve(servers):
    """Return a function that starts a service."""
    started = []

    def start(**options):
        service = Service(**options)
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        started.append((service, thread))
        return service

    yield start
    for service, thread in started:
        service.shutdown()
        thread.join()
        service.server_close()


@pytest.fixture
def call():
    """Return a function that runs the module; nothing that it ever says may hold the key."""
    said = []

    def run(base_url, tests=(), *, check=False, **options):
        arguments = {"base_url": base_url, "tests": list(tests), "connect_window": 0, **options}
        arguments["_ansible_verbosity"] = 5
        answer, printed = modules.call(
            "smoke_test", arguments, check=check, environment={"SMOKE_KEY": CANARY}
        )
        said.append(printed)
        return answer

    yield run
    assert CANARY not in "".join(said)


def post(name, **more):
    return {"name": name, "method": "POST", "path": "/rank", "body": ASPIRIN, **more}


KEY = {"X-API-Key": "env:SMOKE_KEY"}


def test_what_is_as_expected_passes_and_is_reported(serve, call):
    service = serve(key=CANARY)
    answer = call(
        service.url + "/",
        [
            {
                "name": "health",
                "path": "/health",
                "json": {"status": "ok", "image": "sha256:aa"},
                "repeat": 3,
            },
            post("no key", status=[401, 403]),
            post("another key", headers={"X-API-Key": "not-the-key"}, status=[403]),
            post(
                "the key",
                headers=KEY,
                json={"results.*.score": [0.1 + 0.2] * 3},
                json_contains={"results.0:2.symbol": ["PTGS1", "PTGS2"]},
                latency_ms=20_000,
            ),
        ],
    )
    assert not answer["changed"]
    assert [(result["name"], result["ok"], result["status"]) for result in answer["results"]] == [
        ("health", True, 200),
        ("no key", True, 401),
        ("another key", True, 403),
        ("the key", True, 200),
    ]
    assert answer["evidence"]["tests"] == answer["evidence"]["passed"] == 4
    assert [line.split()[:2] for line in answer["table"]] == [
        ["RESULT", "STATUS"],
        ["ok", "200"],
        ["ok", "401"],
        ["ok", "403"],
        ["ok", "200"],
    ]
    assert service.seen.count(("GET", "/health")) == 3


def test_every_failure_is_named_with_what_was_expected_and_what_came(serve, call):
    answer = call(
        serve(key=CANARY).url,
        [
            {"name": "health", "path": "/health"},
            {"name": "image", "path": "/health", "json": {"image": "sha256:bb"}},
            {"name": "nothing there", "path": "/health", "json": {"absent": None}},
            {"name": "a page", "path": "/page", "json": {"status": "ok"}},
            {"name": "not followed", "path": "/moved"},
            post("no key"),
            post("top two", headers=KEY, json_contains={"results.0:2.symbol": ["PTGS1", "EGFR"]}),
        ],
    )
    assert answer["failed"]
    assert "6 of 7 smoke tests failed" in answer["msg"]
    lines = answer["msg"].splitlines()
    assert (
        '- image: expected GET /health to answer 200, image = "sha256:bb"; got image = "sha256:aa"' in lines
    )
    assert (
        "- nothing there: expected GET /health to answer 200, absent = null; got absent = (nothing)" in lines
    )
    assert any(line.startswith("- a page: ") and "not JSON: <html>" in line for line in lines)
    assert any(line.startswith("- not followed: ") and "got 302" in line for line in lines)
    assert any(line.startswith("- no key: ") and "got 401" in line for line in lines)
    assert any(line.startswith("- top two: ") and '["PTGS2", "PTGS1"]' in line for line in lines)
    assert [result["ok"] for result in answer["details"]["results"]] == [True] + [False] * 6
    table = answer["details"]["table"]
    assert [line.split()[0] for line in table[1:]] == ["ok"] + ["FAILED"] * 6
    assert table[2].endswith('image = "sha256:aa"')


def test_a_key_that_a_service_echoes_is_not_shown(serve, call):
    answer = call(
        serve().url,
        [
            {"name": "by reference", "path": "/echo", "headers": KEY},
            {"name": "by value", "path": "/echo", "headers": {"X-API-Key": CANARY}},
        ],
    )
    assert answer["msg"].count("********") >= 2


def test_a_budget_of_time_is_kept(serve, call):
    service = serve()
    service.delay = 0.05
    answer = call(service.url, [{"name": "fast", "path": "/health", "latency_ms": 20, "repeat": 2}])
    assert "at most 20 ms" in answer["msg"]
    assert len(service.seen) == 2


def test_old_and_new_must_answer_alike(serve, call):
    old, new = serve(), serve(key=CANARY)
    equality = {
        "reference_url": old.url,
        "requests": [RANKED, {**RANKED, "body": {"smiles": "CCO"}}],
        "headers": KEY,
    }
    answer = call(new.url, equality=equality)
    assert [result["ok"] for result in answer["results"]] == [True, True]
    assert answer["results"][0]["got"].startswith("equal, sha256:")

    new.score = 0.3  # one unit in the last place away from 0.1 + 0.2
    answer = call(new.url, equality=equality)
    assert "2 of 2 smoke tests failed" in answer["msg"]
    assert "got results.0.score = 0.3 instead of 0.30000000000000004" in answer["msg"]
    assert not call(new.url, equality={**equality, "ignore": ["results.*.score"]})["changed"]


def test_two_refusals_are_not_an_equal_answer(serve, call):
    old, new = serve(key=CANARY), serve(key=CANARY)
    equality = {"reference_url": old.url, "requests": [RANKED]}
    assert "401 from the source" in call(new.url, equality=equality)["msg"]
    equality["reference_headers"] = KEY
    assert "got 401 instead of 200" in call(new.url, equality=equality)["msg"]


def test_without_an_old_service_nothing_is_compared(serve, call):
    answer = call(serve().url, equality={"reference_url": "", "requests": [RANKED]})
    assert answer["results"] == []


def test_a_dry_run_writes_nothing_and_does_not_fail(serve, call):
    old, new = serve(), serve()
    answer = call(
        new.url,
        [
            post("rank"),
            {"name": "image", "path": "/health", "json": {"image": "sha256:bb"}},
            {"name": "no secret yet", "path": "/health", "headers": {"X-API-Key": "env:NOT_SET_ANYWHERE"}},
        ],
        check=True,
        equality={"reference_url": old.url, "requests": [RANKED]},
    )
    assert [(result["ok"], result["skipped"]) for result in answer["results"]] == [
        (True, True),
        (False, False),
        (True, True),
        (True, True),
    ]
    assert "Would fail now: - image" in json.dumps(answer["warnings"])
    assert new.seen == [("GET", "/health")]
    assert old.seen == []


def test_a_dry_run_without_an_address_skips_everything(call):
    answer = call("", [{"name": "health", "path": "/health"}], check=True)
    assert answer["evidence"]["skipped"] == 1
    assert "base_url: is empty" in call("", [{"name": "health", "path": "/health"}])["msg"]


def test_a_service_that_is_starting_is_waited_for(serve, call):
    service = Service(listens=False)  # its port is taken already, so that nobody else gets it

    def start():
        time.sleep(1)
        service.server_activate()
        service.serve_forever(poll_interval=0.02)

    thread = threading.Thread(target=start)
    thread.start()
    answer = call(service.url, [{"name": "health", "path": "/health"}], connect_window=60)
    service.shutdown()
    thread.join()
    service.server_close()
    assert answer["results"][0]["ok"]


def test_nobody_there_is_a_failure(servers, call):
    service = Service(listens=False)
    answer = call(service.url, [{"name": "health", "path": "/health"}])
    service.server_close()
    assert "no answer: " in answer["msg"]
    assert "refused" in answer["msg"]


def test_a_header_can_come_from_parameter_store(aws, serve, call):
    aws_clients.client("ssm").put_parameter(Name="/smoke/API_KEY", Value=CANARY, Type="SecureString")
    answer = call(serve(key=CANARY).url, [post("the key", headers={"X-API-Key": "ssm:/smoke/API_KEY"})])
    assert answer["results"][0]["ok"]
    missing = call(serve().url, [post("none", headers={"X-API-Key": "ssm:/smoke/none"})])
    assert "SSM parameter /smoke/none" in missing["msg"]


@pytest.mark.parametrize(
    "tests",
    [
        [{"name": "a", "path": "/"}, {"name": "a", "path": "/health"}],
        [{"name": "a", "path": "health"}],
        [{"name": "a", "path": "/", "repeat": 0}],
    ],
)
def test_tests_that_make_no_sense_are_refused(call, tests):
    assert call("http://127.0.0.1:1", tests)["failed"]


def test_any_method_any_text_and_a_reference_within_a_header(serve, call, monkeypatch):
    monkeypatch.setenv("SMOKE_TOKEN", CANARY)
    test = {
        "name": "report",
        "method": "REPORT",
        "path": "/calendar",
        "headers": {"Authorization": "Bearer {env:SMOKE_TOKEN}", "Content-Type": "text/plain"},
        "text": "all",
        "status": [200, 207],
        "matches": f"^all Bearer {CANARY[:6]}",
    }
    service = serve()

    assert call(service.url, [test])["results"][0]["ok"]
    assert service.seen == [("REPORT", "/calendar")]
    answer = call(service.url, [{**test, "matches": "^none"}])
    assert "a text that matches ^none" in answer["msg"]
    assert CANARY not in json.dumps(answer)


def test_answers_that_are_no_json_are_compared_as_text(serve, call):
    old, new = serve(), serve()
    equality = {
        "reference_url": old.url,
        "requests": [{"method": "REPORT", "path": "/", "text": "x"}, {"path": "/page"}],
    }

    assert [one["ok"] for one in call(new.url, equality=equality)["results"]] == [True, True]
    new.score = 7
    assert "another text: x  7 instead of x  0.3" in call(new.url, equality=equality)["msg"]


def test_a_request_names_what_may_differ_in_its_answer(serve, call):
    old, new = serve(), serve(score=7)
    asked = {**RANKED, "ignore": ["results.*.score"]}

    assert call(new.url, equality={"reference_url": old.url, "requests": [asked]})["results"][0]["ok"]

"""The API over real HTTP, against a real database and a real store."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import httpx
import pytest
import uvicorn

from bmii import __version__, api
from bmii.artifacts import ModelHolder
from bmii.ingest import ingest
from bmii.settings import Settings

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@contextlib.contextmanager
def serving(settings):
    """Serve ``settings`` on a free port, and yield a client."""
    server = uvicorn.Server(
        uvicorn.Config(api.create_app(settings), port=0, log_config=None, access_log=False)
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # whoever asks before the server accepts waits
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def until(found, *, seconds=60):
    """Return what ``found()`` returns as soon as that is something: a busy machine takes its time."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return answer


def until_healthy(client):
    def healthy():
        answer = client.get("/health")
        return answer.json() if answer.status_code == 200 else None

    return until(healthy)


def until_failing(client, *parts):
    """Return what /health answers once just these parts fail: a busy machine may be late with others."""

    def failing():
        answer = client.get("/health")
        return error(answer) if answer.json()["failing"] == [*parts] else None

    return until(failing)


def changed(platform, **changes):
    return Settings(**(platform.settings.model_dump() | changes))


def error(answer):
    """Return the status and the code of an answer that must have the one error shape."""
    body = answer.json()
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    assert "Traceback" not in answer.text
    return answer.status_code, body["error"]["code"]


@pytest.fixture
def filled(platform, interactions):
    ingest(platform.engine, platform.store, interactions)
    return platform


@pytest.fixture
def client(filled):
    with serving(filled.settings) as client:
        until_healthy(client)
        yield client


def test_aspirin_ranks_its_targets_first_and_is_recorded(client, filled):
    answer = client.post("/rank", json={"smiles": "OC(=O)c1ccccc1OC(C)=O", "top_k": 2}).json()
    assert [(t["rank"], t["symbol"], t["accession"]) for t in answer["results"]] == [
        (1, "PTGS2", "P35354"),
        (2, "PTGS1", "P23219"),
    ]
    assert answer["smiles"] == ASPIRIN
    nearest = answer["results"][1]["evidence"][0]
    assert (nearest["compound"], nearest["similarity"], nearest["value_nm"]) == ("aspirin", 1.0, 2000.0)
    ((identity, smiles, top_k, symbols),) = filled.rows(
        "SELECT id::text, smiles, top_k, jsonb_path_query_array(results, '$[*].symbol') FROM rankings"
    )
    assert (identity, smiles, top_k, symbols) == (answer["id"], ASPIRIN, 2, ["PTGS2", "PTGS1"])


def test_record_false_writes_nothing_and_gives_the_same_bytes_each_time(client, filled):
    question = {"smiles": ASPIRIN, "top_k": 3, "record": False}
    first, second = client.post("/rank", json=question), client.post("/rank", json=question)
    assert first.content == second.content
    assert first.json()["id"] is None
    assert filled.rows("SELECT count(*) FROM rankings") == [(0,)]


def test_a_molecule_unlike_any_has_no_targets(client):
    answer = client.post("/rank", json={"smiles": "[He]", "record": False})
    assert (answer.status_code, answer.json()["results"]) == (200, [])


BAD_QUESTIONS = [
    ({"smiles": "C1CC"}, 422, "invalid_smiles"),
    ({"smiles": "C*"}, 422, "invalid_smiles"),
    ({"smiles": "C\x00C"}, 422, "invalid_smiles"),
    ({"smiles": "C" * 300}, 422, "molecule_too_large"),
    ({"smiles": "C" * 5000}, 422, "invalid_request"),
    ({"smiles": "C" * 70000}, 413, "too_large"),
    ({"smiles": ""}, 422, "invalid_request"),
    ({"smiles": 5}, 422, "invalid_request"),
    ({}, 422, "invalid_request"),
    ([], 422, "invalid_request"),
    ({"smiles": "CCO", "top_k": 0}, 422, "invalid_request"),
    ({"smiles": "CCO", "top_k": 101}, 422, "invalid_request"),
    ({"smiles": "CCO", "top_k": "many"}, 422, "invalid_request"),
    ({"smiles": "CCO", "top_k": 1.5}, 422, "invalid_request"),
    ({"smiles": "CCO", "unheard": "of"}, 422, "invalid_request"),
]


def test_bad_questions(client, filled):
    answers = [error(client.post("/rank", json=body)) for body, _, _ in BAD_QUESTIONS]
    assert answers == [(status, code) for _, status, code in BAD_QUESTIONS]
    assert filled.rows("SELECT count(*) FROM rankings") == [(0,)]


def test_bad_requests(client):
    as_json = {"Content-Type": "application/json"}
    assert error(client.post("/rank", content=b"{broken", headers=as_json)) == (422, "invalid_request")
    assert error(client.post("/rank", content=b"\xff\xfe", headers=as_json))[0] in {400, 422}
    endless = (b"x" * 1000 for _ in range(100))
    assert error(client.post("/rank", content=endless, headers=as_json)) == (413, "too_large")
    assert error(client.get("/nothing")) == (404, "not_found")
    assert error(client.get("/rank")) == (405, "method_not_allowed")


def test_the_key(filled):
    with serving(changed(filled, api_key="k3y")) as client:
        until_healthy(client)  # without a key
        question = {"smiles": ASPIRIN, "record": False}
        assert error(client.post("/rank", json=question)) == (401, "missing_key")
        for wrong in (b"wrong", b"k3", b"k3yy", "k3ÿ".encode("latin-1"), "☃".encode()):
            assert error(client.post("/rank", json=question, headers={"X-API-Key": wrong})) == (
                403,
                "wrong_key",
            )
        assert error(client.post("/rank", content=b"{broken")) == (401, "missing_key")
        assert client.post("/rank", json=question, headers={"X-API-Key": "k3y"}).status_code == 200
        for path in ("/openapi.json", "/docs", "/metrics"):
            assert client.get(path).status_code == 200


def test_what_the_api_says_of_itself(client):
    document = client.get("/openapi.json").json()
    assert (document["info"]["title"], document["info"]["version"]) == ("BMII", __version__)
    assert document["components"]["securitySchemes"]["APIKeyHeader"]["name"] == "X-API-Key"
    assert {"401", "403", "422", "503"} <= set(document["paths"]["/rank"]["post"]["responses"])


def test_health_when_all_is_well(filled):
    with serving(changed(filled, image_digest="sha256:abc")) as client:
        body = until_healthy(client)
    assert {name: check["status"] for name, check in body["checks"].items()} == {
        "database": "ok",
        "object_store": "ok",
        "model": "ok",
    }
    assert (body["status"], body["version"], body["image"]) == ("ok", __version__, "sha256:abc")


def test_the_model_is_loaded_when_it_appears_and_again_when_it_is_newer(platform, interactions, monkeypatch):
    monkeypatch.setattr(ModelHolder, "SECONDS_WITHOUT", 0.05)
    monkeypatch.setattr(ModelHolder, "SECONDS_WITH", 0.05)
    with serving(platform.settings) as client:
        assert until_failing(client, "model") == (503, "unhealthy")
        assert error(client.post("/rank", json={"smiles": "CCO"})) == (503, "model_unavailable")
        ingest(platform.engine, platform.store, interactions)
        until_healthy(client)
        assert "bmii_model_compounds 4.0" in client.get("/metrics").text
        interactions.write_text(interactions.read_text() + "ethanol,CCO,,P29274,ADORA2A,x,Ki,1,test\n")
        ingest(platform.engine, platform.store, interactions)
        until(lambda: "bmii_model_compounds 5.0" in client.get("/metrics").text)
        assert client.post("/rank", json={"smiles": "CCO", "record": False}).json()["results"]


def test_an_index_with_another_digest_is_not_loaded(filled):
    (key,) = [key for key in filled.keys("artifacts") if key.endswith(".h5")]
    filled.store.put("artifacts", key, b"something else", content_type="application/x-hdf5")
    holder = ModelHolder(filled.store)
    with pytest.raises(api.BmiiError, match=r"the digest of .* is not the one in the manifest"):
        holder.refresh()


def test_the_database_is_away(filled, free_port):
    away = changed(filled, database_url=f"postgresql://u:hidden@127.0.0.1:{free_port}/d")
    with serving(away) as client:
        assert until_failing(client, "database") == (503, "unhealthy")
        answer = client.post("/rank", json={"smiles": ASPIRIN})
        assert error(answer) == (503, "database_unavailable")
        assert "hidden" not in answer.text


def test_the_database_has_no_schema(bare_platform):
    bare_platform.store.create_buckets()
    with serving(bare_platform.settings) as client:
        until(lambda: "has not the schema" in client.get("/health").json()["checks"]["database"]["message"])


def test_the_store_is_away(filled, free_port):
    with serving(changed(filled, object_store_endpoint=f"127.0.0.1:{free_port}")) as client:
        assert until_failing(client, "object_store", "model") == (503, "unhealthy")


def test_a_database_that_hangs_does_not_hang_health(filled):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        port = silent.getsockname()[1]
        with serving(changed(filled, database_url=f"postgresql://u:p@127.0.0.1:{port}/d")) as client:
            answer = client.get("/health", timeout=60)
            assert answer.json()["checks"]["database"]["message"] == "no answer within 0.8 s"


def test_a_defect_is_a_plain_500(filled, monkeypatch):
    def broken(*_arguments, **_options):
        raise RuntimeError("a secret in a message")

    monkeypatch.setattr(api, "rank", broken)
    with serving(filled.settings) as client:
        until_healthy(client)
        answer = client.post("/rank", json={"smiles": ASPIRIN})
        assert error(answer) == (500, "internal_error")
        assert "secret" not in answer.text
        assert client.get("/health").status_code == 200


def test_metrics_have_rate_errors_and_duration_with_few_labels(client):
    client.post("/rank", json={"smiles": ASPIRIN, "record": False})
    client.post("/rank", json={"smiles": "C1CC"})
    for number in range(3):
        client.get(f"/nothing/{number}")
    text = client.get("/metrics").text
    assert 'bmii_http_requests_total{method="POST",route="/rank",status="200"} 1.0' in text
    assert 'bmii_http_requests_total{method="POST",route="/rank",status="422"} 1.0' in text
    assert 'bmii_http_requests_total{method="GET",route="unmatched",status="404"} 3.0' in text
    assert 'bmii_http_request_duration_seconds_count{method="POST",route="/rank",status="200"} 1.0' in text
    assert f'bmii_info{{version="{__version__}"}} 1.0' in text


def test_the_schema_before_the_newest_is_enough(bare_platform, interactions):
    bare_platform.migrate("0003")
    bare_platform.store.create_buckets()
    ingest(bare_platform.engine, bare_platform.store, interactions)
    with serving(bare_platform.settings) as client:
        until_healthy(client)
        question = {"smiles": ASPIRIN, "record": False}
        before = client.post("/rank", json=question).content
        assert client.post("/rank", json={"smiles": ASPIRIN}).status_code == 200
        bare_platform.migrate()
        assert client.post("/rank", json=question).content == before
        assert client.post("/rank", json={"smiles": ASPIRIN}).status_code == 200
    assert bare_platform.rows("SELECT count(*) FROM rankings") == [(2,)]

"""The process: it starts, it says what is wrong, and it ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(bare_platform, free_port, number):
    changes = {"PORT": str(free_port), "BIND_HOST": "127.0.0.1", "APP_ENV": "production", "API_KEY": "k"}
    process = subprocess.Popen(
        [sys.executable, "-m", "bmii", "serve"],
        env={"PATH": os.environ["PATH"], **bare_platform.environment, **changes, "OTEL_EXPORTER": "otlp"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for _ in range(400):
            try:
                assert httpx.get(f"http://127.0.0.1:{free_port}/health", timeout=10).status_code == 503
                break
            except httpx.TransportError:
                time.sleep(0.05)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert all(json.loads(line) for line in output.splitlines())
    assert "Traceback" not in output


def test_a_port_that_is_taken_is_said(platform):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = platform.run("serve", PORT=port, BIND_HOST="127.0.0.1")
    assert result.returncode not in {0, -9}
    assert "Traceback" not in result.stderr + result.stdout
    assert "address already in use" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ingest", "/nowhere.csv"], 1, "bmii: /nowhere.csv cannot be read: No such file or directory"),
        (["evaluate", "/nowhere.csv"], 1, "bmii: /nowhere.csv cannot be read: No such file or directory"),
        (["generate", "--compounds", "0"], 1, "bmii: --compounds is a number from 1"),
        (["nonsense"], 2, "No such command 'nonsense'"),
    ],
)
def test_commands_fail_with_a_message(bmii, arguments, code, said):
    result = bmii({"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/d"}, *arguments)
    assert result.returncode == code
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_url_that_is_none_is_refused_without_being_shown(bmii):
    result = bmii({"DATABASE_URL": "postgresql://u:hidden@host:port/d"}, "serve")
    assert (result.returncode, result.stderr) == (
        2,
        "bmii: the configuration is wrong: DATABASE_URL is not a database URL\n",
    )

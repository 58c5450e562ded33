"""asyncpg connects as libpq does: every setting of an address is honoured, or refused by name."""

from __future__ import annotations

import asyncio
import ssl
import subprocess

import asyncpg
import psycopg
import pytest
import uvloop

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.copy.copy_stream import CopyStream
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import asyncpg_params, connection
from engines.postgres.session.errors import UnreachableError
from rehearsal.servers import postgres

# As of RDS: no resolver here knows it.
NAME = "bmii-postgres.abc.us-east-1.rds.amazonaws.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Return a folder with a certificate authority's certificate and a server's, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    for name, more in (
        ("ca", ["-subj", "/CN=authority"]),
        ("other", ["-subj", "/CN=other"]),
        (
            "server",
            [
                *("-subj", "/CN=localhost", "-CA", "ca.crt", "-CAkey", "ca.key"),
                *(
                    "-addext",
                    f"subjectAltName=IP:127.0.0.1,DNS:{NAME}",
                    "-addext",
                    "basicConstraints=CA:FALSE",
                ),
            ],
        ),
    ):
        command = [*make, "-keyout", f"{name}.key", "-out", f"{name}.crt", *more]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def tls_server(servers, authority, tmp_path_factory):
    """Return a server that takes connections over TLS alone."""
    with postgres.server(tmp_path_factory.mktemp("tls-postgres")) as server:
        with psycopg.connect(server.url()) as session:
            if not session.execute("SELECT 1 FROM pg_config WHERE setting LIKE '%--with-%ssl%'").fetchone():
                pytest.skip("this server was built without TLS")
        for name in ("server.key", "server.crt"):
            path = server.folder / name
            path.write_bytes((authority / name).read_bytes())
            path.chmod(0o600)
        server.create_role("master", "test")
        server.create_database("target", owner="master")
        rules = (server.folder / "pg_hba.conf").read_text(encoding="utf-8").replace("\nhost ", "\nhostssl ")
        with psycopg.connect(server.url(), autocommit=True) as session:
            session.execute("ALTER SYSTEM SET ssl = on")
            (server.folder / "pg_hba.conf").write_text(rules, encoding="utf-8")
            session.execute("SELECT pg_reload_conf()")
        yield server


def address(server, **parts):
    parsed = connection.parse(server.url("target", "master", "test"))
    return connection.Address({**parsed.parameters, **parts})


def test_rows_travel_over_a_verified_connection(ends, tls_server, authority):
    target = address(tls_server, sslmode="verify-full", sslrootcert=str(authority / "ca.crt"))
    clone_database(ends.source, target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, target).differences() == []


def test_a_name_is_verified_whatever_address_leads_there(ends, tls_server, authority):
    given = {"hostaddr": "127.0.0.1", "sslmode": "verify-full", "sslrootcert": str(authority / "ca.crt")}
    target = address(tls_server, host=NAME, **given)
    clone_database(ends.source, target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, target).differences() == []


@pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop])
def test_another_name_is_refused_at_the_same_address(tls_server, authority, loop):
    wanted = address(tls_server, hostaddr="127.0.0.1", sslmode="require")
    with connection.session(wanted) as session:
        given = asyncpg_params.arguments(wanted, session, purpose="test")
    over = {"hostaddr": "127.0.0.1", "sslmode": "verify-full", "sslrootcert": str(authority / "ca.crt")}

    async def connect(name):
        opened = await asyncpg.connect(**{**given, "ssl": asyncpg_params.context(over, name)})
        await opened.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(connect(NAME))
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            runner.run(connect("other.rds.amazonaws.com"))


def relay_to(server, **parts):
    """Open a relay to ``server`` beside a session with ``parts``, as if libpq had let it pass."""
    good = address(server, sslmode="require")
    with connection.session(good) as session:
        given = asyncpg_params.arguments(good, session, purpose="test")
        options = {option.keyword.decode(): (option.val or b"").decode() for option in session.pgconn.info}
        given["ssl"] = asyncpg_params.context(
            {**{key: text for key, text in options.items() if text}, **parts}, "127.0.0.1"
        )
        return CopyStream(given, given, names=("a", "b"), start_source=(), start_target=())


def test_a_server_that_cannot_prove_itself_is_not_trusted(tls_server, authority):
    ours, other = str(authority / "ca.crt"), str(authority / "other.crt")
    relay_to(tls_server, sslmode="verify-full", sslrootcert=ours).close()
    relay_to(tls_server, sslmode="require").close()
    for parts in ({"sslmode": "verify-ca", "sslrootcert": other}, {"sslrootcert": other}):
        with pytest.raises(UnreachableError, match="certificate was not accepted"):
            relay_to(tls_server, **parts)


def test_plain_text_is_not_used_where_libpq_uses_tls(tls_server):
    good = address(tls_server)  # sslmode=prefer
    with connection.session(good) as session:
        assert asyncpg_params.arguments(good, session, purpose="test")["ssl"]


def test_what_libpq_found_elsewhere_is_taken_over(ends, postgres_server, tmp_path, monkeypatch):
    passwords, services = tmp_path / "pgpass", tmp_path / "services"
    passwords.write_text("*:*:*:master:s3cr\\:t/@\n", encoding="utf-8")
    passwords.chmod(0o600)
    services.write_text(
        f"[mine]\nhost=127.0.0.1\nport={postgres_server.port}\nuser=master\n", encoding="utf-8"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    text = f"service=mine dbname={ends.target_name} passfile={passwords} options='-c work_mem=7MB'"
    ends.target = connection.parse(text)
    with connection.session(ends.target) as session:
        given = asyncpg_params.arguments(ends.target, session, purpose="test")
    assert (given["host"], given["user"], given["password"]) == ("127.0.0.1", "master", "s3cr:t/@")
    assert given["server_settings"]["options"] == "-c work_mem=7MB"
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_what_cannot_be_honoured_is_refused_by_name(tls_server):
    wanted = address(tls_server, require_auth="scram-sha-256")
    with (
        connection.session(wanted) as session,
        pytest.raises(ConfigurationError, match="require_auth=scram-sha-256 cannot be had"),
    ):
        asyncpg_params.arguments(wanted, session, purpose="test")

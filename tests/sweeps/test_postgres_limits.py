"""What a server may do to a clone short of dying: no room, TLS only, odd settings, odd tables."""

from __future__ import annotations

import datetime
import ipaddress
import os
import subprocess

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engines.postgres import compare_databases
from engines.postgres.session import connection
from rehearsal.servers import postgres
from tests.stress import size
from tests.sweeps.postgres_runs import Runner
from tests.sweeps.postgres_sandbox import SECRET, Server, sandbox

TABLES = size(sample=200, full=5000)
STATEMENTS = """
CREATE TABLE parent (id serial PRIMARY KEY, body text);
CREATE TABLE child (id serial PRIMARY KEY, parent_id integer NOT NULL REFERENCES parent, body text);
INSERT INTO parent (body) SELECT repeat(md5(i::text), 10) FROM generate_series(1, 2000) i;
INSERT INTO child (parent_id, body) SELECT 1 + i % 2000, md5(i::text) FROM generate_series(1, 10000) i;
CREATE INDEX ON child (parent_id);
ANALYZE"""


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Return the two servers, the source with two tables."""
    with sandbox(tmp_path_factory.mktemp("limits"), STATEMENTS) as found:
        yield found


@pytest.fixture(scope="module")
def runner():
    one = Runner()
    yield one
    one.close()


@pytest.fixture
def blank(here):
    """Return the servers, the target blank; roles are as they were afterwards."""
    here.fresh()
    yield here
    for server in (here.source, here.target):
        server.execute("ALTER ROLE ALL RESET ALL")
        for role in server.execute("SELECT rolname FROM pg_roles WHERE rolname IN ('master', 'reader')"):
            server.execute(f"ALTER ROLE {role[0]} RESET ALL")
            server.execute(f"ALTER ROLE {role[0]} CONNECTION LIMIT -1")


def copied(here, runner, source=None, target=None, **options):
    """Clone, and prove it."""
    run = runner.run(source or here.url("source"), target or here.url("target"), **options)
    assert run.end == "done", run.message
    assert equal(here)
    return run


def equal(here):
    return (
        compare_databases(
            connection.parse(here.url("source")), connection.parse(here.url("target"))
        ).differences()
        == []
    )


def refused(here, runner, source=None, target=None, **options):
    """Clone, and return what it says when it fails, which holds no secret."""
    run = runner.run(source or here.url("source"), target or here.url("target"), **options)
    assert run.end == "failed", f"{run.end} {run.message}"
    assert SECRET not in run.message
    return run.message


def test_of_two_at_once_the_second_learns_that_the_first_works(blank, runner):
    other = Runner()
    said = []

    def meanwhile(run, number, event):
        if number == 1:
            said.append(refused(blank, other, lock_wait=0.1))

    try:
        run = runner.run(blank.url("source"), blank.url("target"), on_event=meanwhile)
    finally:
        other.close()
    assert run.end == "done"
    assert "another migration works on this database" in said[0]
    assert equal(blank)


@pytest.mark.parametrize("side", ["source", "target"])
def test_defaults_of_a_role_do_not_matter(blank, runner, side):
    role = {"source": "ALL", "target": "master"}[side]
    for setting in (
        "statement_timeout = '20ms'",
        "lock_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '20ms'",
        "datestyle = 'SQL, DMY'",
        "search_path = 'nowhere'",
        "bytea_output = 'escape'",
        "client_encoding = 'latin1'",
        "default_transaction_isolation = 'serializable'",
        "check_function_bodies = 'on'",
        "row_security = 'off'",
        "synchronous_commit = 'on'",
    ):
        blank.server(side).execute(f"ALTER ROLE {role} SET {setting}")
    copied(blank, runner)


def test_a_role_with_few_connections_is_reported_and_finishes_with_more(blank, runner):
    blank.target.execute("ALTER ROLE master CONNECTION LIMIT 1")
    message = refused(blank, runner, jobs=3)
    assert "no free connection" in message
    assert "Use fewer jobs" in message
    blank.target.execute("ALTER ROLE master CONNECTION LIMIT 20")
    copied(blank, runner, jobs=3)


def test_a_wrong_password_is_said_on_either_side(blank, runner):
    for side in ("source", "target"):
        wrong = blank.url(side).replace(f":{SECRET}@", ":other@").replace(":postgres@", ":other@")
        assert "wrong user or password" in refused(blank, runner, **{side: wrong})


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a file system of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=777", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_and_finished_when_there_is_room(blank, runner, small_disk):
    inside = small_disk / "space"
    inside.mkdir(mode=0o777)
    inside.chmod(0o777)
    blank.target.execute(f"DROP DATABASE {blank.name}")
    blank.target.execute(f"CREATE TABLESPACE small LOCATION '{inside}'")
    try:
        blank.target.execute(f"CREATE DATABASE {blank.name} OWNER master TABLESPACE small")
        # Room for the tables, not for the rows.
        (small_disk / "filler").write_bytes(bytes(room(small_disk) - 800_000))
        assert "the server's disk is full" in refused(blank, runner)
        (small_disk / "filler").unlink()
        copied(blank, runner)
    finally:
        blank.target.execute(f"DROP DATABASE IF EXISTS {blank.name} (FORCE)")
        blank.target.execute("DROP TABLESPACE small")


def room(folder):
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def certificate(folder, name):
    """Write a certificate that vouches for itself, for 127.0.0.1, and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    paths[1].chmod(0o600)
    return paths


@pytest.mark.skipif(postgres.without_root()[:1] == ("setpriv",), reason="the server could not read its key")
def test_a_target_that_takes_tls_only(blank, runner, tmp_path):
    ours, others = certificate(tmp_path, "ours"), certificate(tmp_path, "others")
    server = Server(tmp_path / "tls", ssl="on", ssl_cert_file=str(ours[0]), ssl_key_file=str(ours[1]))
    server.start()
    try:
        server.at.create_role("master", SECRET)
        server.at.create_database("one", owner="master")
        # From here on, only with TLS.
        (tmp_path / "tls" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        server.execute("SELECT pg_reload_conf()")
        url = server.at.url("one", "master", SECRET)
        assert "asks for TLS" in refused(blank, runner, target=f"{url}?sslmode=disable")
        wrong = f"{url}?sslmode=verify-full&sslrootcert={others[0]}"
        assert "certificate was not accepted" in refused(blank, runner, target=wrong)
        right = f"{url}?sslmode=verify-full&sslrootcert={ours[0]}"
        for target, changed in ((f"{url}?sslmode=require", True), (right, False)):
            run = runner.run(blank.url("source"), target)
            assert (run.end, run.result.get("changed")) == ("done", changed), run.message
        server.execute("DROP DATABASE one")
        server.at.create_database("one", owner="master")
        assert runner.run(blank.url("source"), right).end == "done"
        assert (
            compare_databases(connection.parse(blank.url("source")), connection.parse(right)).differences()
            == []
        )
    finally:
        server.stop()


@pytest.fixture
def other_source(blank):
    """Return the servers with an empty source, which ``fill`` fills."""
    kept = blank.filled
    blank.filled = "odd"
    blank.source.execute("CREATE DATABASE odd")
    yield blank
    blank.filled = kept
    blank.source.execute("DROP DATABASE odd (FORCE)")


def fill(here, *statements):
    with psycopg.connect(here.source.at.url(here.filled), autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


def test_a_table_as_wide_as_they_come(other_source, runner):
    columns = ", ".join(f"column_{i} smallint" for i in range(1600))
    values = f"({', '.join(str(i) for i in range(1600))})"
    fill(
        other_source,
        f"CREATE TABLE wide ({columns})",
        f"INSERT INTO wide VALUES {', '.join([values] * 20)}",  # noqa: S608 - made up here
    )
    copied(other_source, runner)


def test_a_great_many_small_tables(other_source, runner):
    each = "CREATE TABLE t{0} (id integer PRIMARY KEY, v text); INSERT INTO t{0} VALUES (1, 'v{0}');"
    for start in range(0, TABLES, 100):
        fill(other_source, "".join(each.format(i) for i in range(start, start + 100)))
    assert len(copied(other_source, runner).result["tables"]) == TABLES


def test_a_row_as_large_as_they_come(other_source, runner):
    fill(
        other_source,
        "CREATE TABLE large (id integer PRIMARY KEY, body bytea)",
        "INSERT INTO large SELECT 1, convert_to(repeat('0123456789abcdef', 4 * 1024 * 1024), 'UTF8')",
        "INSERT INTO large SELECT i, 'small' FROM generate_series(2, 100) i",
    )
    copied(other_source, runner)


def test_source_and_target_may_not_be_one(blank, runner):
    url = blank.url("source")
    assert "the same database" in refused(blank, runner, target=url.replace("127.0.0.1", "localhost"))

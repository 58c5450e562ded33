"""Name, route, TLS, login: each that does not hold is told apart from the others, with its remedy."""

from __future__ import annotations

import contextlib
import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engines.database_access.apply import enter, opened
from engines.database_access.errors import AccessError
from engines.database_access.model import PORT, Access
from engines.database_access.proof import prove
from engines.postgres.session import Address, UnreachableError
from rehearsal.process import free_ports
from tests.engines.database_access.conftest import NAME, connects, listening, serving


def through(relay, guarded, **parts):
    return {
        "hostaddr": relay.host,
        "port": str(PORT),
        "sslmode": "verify-full",
        "sslrootcert": guarded.ca,
        **parts,
    }


def test_all_of_it_holds(guarded, relay):
    lines = prove(Access("relay"), guarded.address(host=NAME), through(relay(), guarded))
    assert [line.split(":")[0] for line in lines] == ["route", "TLS", "login"]
    assert f"the certificate is of {NAME}" in lines[1]


def test_a_forwarded_port_leads_there(guarded, relay, monkeypatch):
    monkeypatch.setattr("engines.database_access.apply.LOOPBACK", relay().host)
    access = Access("bastion", guarded.ca, PORT, "me@bastion")
    assert opened(access, guarded.address(host=NAME)).parameters["port"] == str(PORT)
    connects(enter(access, guarded.address(host=NAME)))


def failure(guarded, found, *, mode="relay", **parts):
    with pytest.raises((AccessError, UnreachableError)) as error:
        prove(Access(mode, through="i-0abc"), guarded.address(**{"host": NAME, **parts}), found)
    assert "canary" not in str(error.value)
    return str(error.value)


def test_a_name_that_is_not_known(guarded):
    said = failure(guarded, {}, mode="direct", host="bmii.invalid")
    assert said.startswith("name of the database bmii.invalid: has no address here.")


@pytest.mark.parametrize(
    ("mode", "remedy"),
    [
        ("bastion", f"ssh -N -L 127.0.0.1:PORT:{NAME}:5432 i-0abc"),
        ("ssm", f'{{"host":["{NAME}"],"portNumber":["5432"],"localPortNumber":["PORT"]}}'),
        ("direct", "set database_access: relay"),
    ],
)
def test_a_route_that_leads_nowhere(guarded, mode, remedy):
    port = str(free_ports(1)[0])
    said = failure(guarded, {"hostaddr": "127.0.0.1", "port": port}, mode=mode, port="5432")
    assert f"route to the database {NAME}:5432: nothing answers at 127.0.0.1:{port}" in said
    assert remedy.replace("PORT", port) in said


def test_a_relay_that_does_not_admit_this_machine(guarded, monkeypatch):
    monkeypatch.setattr("engines.database_access.proof._SERVES", 0)
    found = {"hostaddr": "127.0.0.1", "port": str(free_ports(1)[0])}
    assert "provision_operator_cidr" in failure(guarded, found)


def test_a_relay_that_cannot_reach_the_database(guarded, relay):
    said = failure(guarded, through(relay("127.0.0.1:1"), guarded))
    assert "TLS of the database" in said
    assert "The relay runs and cannot reach the database" in said


def test_a_server_without_tls(guarded):
    with listening(b"N") as port:
        found = {
            "hostaddr": "127.0.0.1",
            "port": str(port),
            "sslmode": "verify-full",
            "sslrootcert": guarded.ca,
        }
        assert "it offers none" in failure(guarded, found)


def test_a_certificate_of_another_name(guarded, relay):
    said = failure(guarded, through(relay(), guarded), host="other.rds.amazonaws.com")
    assert "Who answers is not other.rds.amazonaws.com" in said


def test_a_certificate_of_another_authority(guarded, relay):
    said = failure(guarded, through(relay(), guarded, sslrootcert=guarded.other))
    assert f"No authority of {guarded.other} has signed it" in said


def test_a_certificate_that_has_expired(guarded, tmp_path):
    ended = expired(tmp_path / "expired.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ended)

    def answer(visitor):
        visitor.recv(8)
        visitor.sendall(b"S")
        with contextlib.suppress(OSError):
            context.wrap_socket(visitor, server_side=True)

    with serving(answer) as port:
        found = {
            "hostaddr": "127.0.0.1",
            "port": str(port),
            "sslmode": "verify-full",
            "sslrootcert": str(ended),
        }
        said = failure(guarded, found)
    assert "certificate has expired" in said
    assert "Renew it" in said


def expired(path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    begun = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begun)
        .not_valid_after(begun + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_a_user_who_is_not_let_in(guarded, relay):
    said = failure(guarded, through(relay(), guarded), password="wrong")
    assert "wrong user or password" in said


def test_without_a_way_of_its_own_an_address_stays_as_it_is():
    address = Address({"host": "db.example", "dbname": "d"})
    assert enter(Access(), address) == address

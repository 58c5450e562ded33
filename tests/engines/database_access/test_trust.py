"""The bundle of RDS: fetched once, and only a list of certificates is kept."""

from __future__ import annotations

import datetime
import io
import urllib.error

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engines.database_access import trust
from engines.errors import ConfigurationError

PEM = """-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUE4P3kS6gJ0oE4UpjcAa8bWtoyq4wCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


def test_a_file_stays_what_it_is():
    assert trust.trusted("/etc/ca.pem", "") == "/etc/ca.pem"
    assert trust.trusted("", "") == ""


@pytest.mark.parametrize("text", ["<html>sign in to the network</html>", PEM])
def test_what_is_no_list_of_certificates_is_not_kept(monkeypatch, tmp_path, text):
    monkeypatch.setattr(trust.urllib.request, "urlopen", lambda *_, **__: io.BytesIO(text.encode()))
    with pytest.raises(ConfigurationError, match=r"certificates of RDS .* cannot be fetched"):
        trust.trusted("aws", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_it_is_fetched_once(monkeypatch, tmp_path, authority):
    asked = []

    def answer(address, **_):
        asked.append(address)
        return io.BytesIO(authority)

    monkeypatch.setattr(trust.urllib.request, "urlopen", answer)
    for _ in range(2):
        file = trust.trusted("aws", str(tmp_path / "new"))
    assert asked == ["https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"]
    assert (tmp_path / "new").joinpath(file).read_bytes() == authority


def test_a_machine_that_cannot_reach_it_learns_what_to_set(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(trust.urllib.request, "urlopen", fail)
    with pytest.raises(ConfigurationError, match="set database_ca to the file"):
        trust.trusted("aws", str(tmp_path))


@pytest.fixture(scope="module")
def authority():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)

"""The authority whose certificates the emulated load balancers serve, where ACM has issued them."""

from __future__ import annotations

import datetime
import ssl
import threading
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_YEAR = datetime.timedelta(days=365)
_PEM = serialization.Encoding.PEM


class Authority:
    """Keeps its key in ``folder``, beside its certificate ``ca.pem``, which clients are to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._made: dict[str, ssl.SSLContext] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file = folder / "ca.pem"
        if not self.file.exists():
            self._begin()

    def context(self, key: str, names: tuple[str, ...], imported: str = "") -> ssl.SSLContext:
        """Return what serves certificate ``key``: the ``imported`` one with its key, or one for ``names``."""
        with self._lock:
            if key not in self._made:
                path = self._folder / f"{key.rpartition('/')[2]}.pem"
                _write(path, imported.encode() if imported else self._issue(names))
                self._made[key] = serving(path)
            return self._made[key]

    def _begin(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("The rehearsal's certificate authority")
        made = _builder(name, name, key.public_key(), 10 * _YEAR)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = made.sign(key, hashes.SHA256())
        _write(self._folder / "ca.key", _private(key))
        _write(self.file, certificate.public_bytes(_PEM))

    def _issue(self, names: tuple[str, ...]) -> bytes:
        authority = x509.load_pem_x509_certificate(self.file.read_bytes())
        signer: Any = serialization.load_pem_private_key((self._folder / "ca.key").read_bytes(), None)
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_name(names[0]), authority.subject, key.public_key(), _YEAR)
        alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        certificate = made.add_extension(alternatives, critical=False).sign(signer, hashes.SHA256())
        return certificate.public_bytes(_PEM) + _private(key)


def serving(path: Path | None = None) -> ssl.SSLContext:
    """Return a server's TLS as the policy ELBSecurityPolicy-TLS13-1-2-2021-06 has it: 1.2 at least."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if path:
        context.load_cert_chain(path)
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, lasts: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + lasts)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)

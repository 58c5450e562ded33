"""A server with the certificates that a test makes up, under a name that resolves nowhere."""

from __future__ import annotations

import contextlib
import datetime
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DOMAIN = "bmii.invalid"
DAY = datetime.timedelta(days=1)


class Authority:
    """Issues certificates; ``file`` is its own."""

    def __init__(self, folder, name="authority"):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, is_authority=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, domain=DOMAIN, *, ends=DAY, begins=-DAY, itself=False):
        """Return the path of a certificate for ``domain`` with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, domain)])
        made = self._sign(
            subject, key, domain, begins, ends, signer=key if itself else self.key, itself=itself
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.folder / f"{domain}-{made.serial_number}.pem"
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
        return path

    def _sign(
        self, subject, key, domain="", begins=-DAY, ends=DAY, *, signer=None, itself=False, is_authority=False
    ):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if itself else self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins - DAY)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if domain:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False
            )
        return builder.sign(signer or self.key, hashes.SHA256())


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.server.names.pop(), self.headers["Host"], self.path))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client that refuses the certificate is no error of the server."""


@contextlib.contextmanager
def serving(certificate):
    """Serve with ``certificate``; ``asked`` has the SNI, the host and the path of each request."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.asked, server.names = [], []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: server.names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

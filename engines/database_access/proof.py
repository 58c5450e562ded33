"""The proof of the way to a database, before anything is moved: name, route, TLS and login, in that order."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping

from engines.database_access.errors import AccessError
from engines.database_access.model import FORWARDED, Access
from engines.passfile import look
from engines.postgres.session import Address, asyncpg_params

_REQUEST_TLS = bytes.fromhex("0000000804d2162f")
_PATIENCE = 10.0
_SERVES = 30.0  # seconds after which a relay that runs has to answer
_SELF_SIGNED, _UNKNOWN_ISSUER, _EXPIRED, _OTHER_NAME = (18, 19), (20, 21), (10,), (62, 64)


def prove(access: Access, address: Address, found: Mapping[str, str], *, login: bool = True) -> list[str]:
    """Return a line for each thing that holds of ``address``, which ``found`` leads to.

    Raises ``AccessError`` for the first that does not; nothing after it is tried.
    """
    name, port = address.parameters.get("host", "localhost"), int(address.parameters.get("port") or 5432)
    lines = []
    if "hostaddr" not in found and not name.startswith("/"):
        lines.append(f"name: {name} is {_resolved(name)}")
    to = (found.get("hostaddr") or name, int(found.get("port") or port))
    if not name.startswith("/"):
        with _connected(access, to, f"{name}:{port}") as connection:
            lines.append(f"route: {to[0]}:{to[1]} answers ({access.mode})")
            if found.get("sslmode") == "verify-full":
                lines.append(f"TLS: {_secured(access, connection, name, found, f'{name}:{port}')}")
    if login:
        look(Address({**address.parameters, **found}), must_work=True)
        lines.append(f"login: {address.parameters.get('user', '')} is let in")
    return lines


def _resolved(name: str) -> str:
    try:
        return str(socket.getaddrinfo(name, None)[0][4][0])
    except OSError as error:
        raise AccessError(
            "has no address here",
            subject=f"name of the database {name}",
            remedy="Wait until the instance is available (an RDS name needs some minutes), or correct the "
            "resolver of this machine. With database_access: relay the name is resolved in the VPC.",
        ) from error


def _connected(access: Access, to: tuple[str, int], database: str) -> socket.socket:
    # A task counts as running before its program listens.
    deadline = time.monotonic() + (_SERVES if access.mode == "relay" else 0)
    while True:
        try:
            return socket.create_connection(to, timeout=_PATIENCE)
        except OSError as error:
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise AccessError(
                f"nothing answers at {to[0]}:{to[1]} ({error.strerror or 'no answer'})",
                subject=f"route to the database {database}",
                remedy=_way(access, to, database),
            ) from error


def _way(access: Access, to: tuple[str, int], database: str) -> str:
    """Say how the way is opened."""
    host, _, port = database.rpartition(":")
    if access.mode == "relay":
        return (
            "The relay admits the addresses of provision_operator_cidr alone. Set it to the public address "
            "of this machine (`curl https://checkip.amazonaws.com` shows it), with /32, and run "
            "`ansible-playbook playbooks/provision.yml`."
        )
    if access.mode == "bastion":
        through = access.through or "USER@BASTION"
        return f"Keep this open in another terminal: ssh -N -L 127.0.0.1:{to[1]}:{database} {through}"
    if access.mode == "ssm":
        through = access.through or "INSTANCE_ID"
        given = f'{{"host":["{host}"],"portNumber":["{port}"],"localPortNumber":["{to[1]}"]}}'
        return (
            "Keep this open in another terminal (AWS ends it after 60 minutes at the latest): "
            f"aws ssm start-session --target {through} "
            f"--document-name AWS-StartPortForwardingSessionToRemoteHost --parameters '{given}'"
        )
    return (
        "database_access: direct needs a VPN, a peered network or a machine in the VPC, whose range "
        "provision_operator_cidr names. Without one, set database_access: relay."
    )


def _secured(
    access: Access, connection: socket.socket, name: str, found: Mapping[str, str], database: str
) -> str:
    """Return the protocol after a handshake in which the server has proven that it is ``name``."""
    context = asyncpg_params.context({**found, "sslmode": "verify-full"}, "")
    subject = f"TLS of the database {database}"
    try:
        connection.sendall(_REQUEST_TLS)
        answer = connection.recv(1)
        if answer == b"S":
            with context.wrap_socket(connection, server_hostname=name) as secured:
                return f"{secured.version()}, and the certificate is of {name}"
    except ssl.SSLCertVerificationError as error:
        raise AccessError(
            f"its certificate was not accepted: {error.verify_message}",
            subject=subject,
            remedy=_mistrusted(error.verify_code, found.get("sslrootcert", ""), name),
        ) from error
    except OSError as error:
        raise AccessError(
            f"the handshake failed: {error.strerror or error}", subject=subject, remedy=_cut(access)
        ) from error
    if answer == b"N":
        raise AccessError(
            "it offers none",
            subject=subject,
            remedy="RDS does: check that the address is the instance's.",
        )
    raise AccessError("the connection was closed instead", subject=subject, remedy=_cut(access))


def _cut(access: Access) -> str:
    if access.mode == "relay":
        return (
            "The relay runs and cannot reach the database: check the database's security group and that the "
            "instance is available. The relay's log is in the service's log group, under relay/."
        )
    if access.mode in FORWARDED:
        return "The forwarded port leads to something else, or its far end cannot reach the database."
    return "Something between here and the database cuts connections: check firewalls and the address."


def _mistrusted(code: int, ca: str, name: str) -> str:
    if code in _EXPIRED:
        return "Renew it (`aws rds modify-db-instance --ca-certificate-identifier`), or set this clock right."
    if code in _OTHER_NAME:
        return f"Who answers is not {name}: check the address and where the way leads. Do not go on."
    if code in _SELF_SIGNED or code in _UNKNOWN_ISSUER:
        return f"No authority of {ca} has signed it: if AWS has a new one, delete that file."
    return f"Check {ca} (database_ca), and where the way leads."

"""Connection parameters for asyncpg from a libpq session: each setting of an address is used or refused."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.errors import ConfigurationError
from engines.postgres.session.connection import Address, Session

_TLS_FILES = Path(".postgresql")

# Demands that asyncpg cannot meet, with the values that demand nothing.
_DEMANDS: Mapping[str, tuple[str, ...]] = {
    "channel_binding": ("prefer", "disable"),
    "gssencmode": ("prefer", "disable"),
    "require_auth": (),
    "requirepeer": (),
}


def arguments(address: Address, session: Session, *, purpose: str) -> dict[str, Any]:
    """Return arguments of ``asyncpg.connect`` for one more session to ``address``, where ``session`` is.

    What libpq found out (host, password file, service file, environment) is taken from the session that it
    opened, so that nothing is interpreted twice. Raises ``ConfigurationError`` about what cannot be done.
    """
    libpq = session.pgconn
    given = {
        option.keyword.decode(): option.val.decode() for option in libpq.info if option.val not in (None, b"")
    }
    for name, harmless in _DEMANDS.items():
        if given.get(name, "") not in ("", *harmless):
            raise ConfigurationError(
                f"{name}={given[name]} cannot be had while rows are copied",
                subject=str(address),
                remedy=f"Remove {name} from the address (sslmode=verify-full also proves who the server is).",
            )
    server = {"application_name": purpose}
    if options := given.get("options"):
        server["options"] = options
    return {
        "host": host(address, given, libpq.host.decode()),
        "port": int(libpq.port.decode()),
        "user": libpq.user.decode(),
        "password": libpq.password.decode(),
        "database": libpq.db.decode(),
        "passfile": "/dev/null",  # libpq has looked there
        "ssl": context(given) if libpq.ssl_in_use else False,
        "direct_tls": given.get("sslnegotiation") == "direct",
        "target_session_attrs": "any",
        "timeout": float(given.get("connect_timeout", "10")),
        "server_settings": server,
        "statement_cache_size": 0,
    }


def host(address: Address, given: Mapping[str, str], name: str) -> str:
    """Return where to connect, for libpq's settings ``given`` and the host's ``name``."""
    if "hostaddr" not in given:
        return name
    if given.get("sslmode") == "verify-full" and name != given["hostaddr"]:
        raise ConfigurationError(
            "hostaddr and sslmode=verify-full cannot be had together while rows are copied",
            subject=str(address),
            remedy="Let the host's name lead to its address, and remove hostaddr.",
        )
    return given["hostaddr"]


def context(given: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context that trusts what libpq trusts under the same settings."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = given.get("sslmode") == "verify-full"
    context.set_alpn_protocols(["postgresql"])
    root = given.get("sslrootcert") or _existing("root.crt")
    if root == "system":
        context.check_hostname = True
        context.load_default_certs()
    elif root and (Path(root).exists() or given.get("sslmode", "").startswith("verify")):
        context.load_verify_locations(cafile=root)
    else:
        # As libpq does: without a certificate to trust the connection is encrypted, and no more.
        context.verify_mode = ssl.CERT_NONE
    revoked = given.get("sslcrl") or _existing("root.crl")
    if revoked or given.get("sslcrldir"):
        context.load_verify_locations(cafile=revoked or None, capath=given.get("sslcrldir"))
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    own = given.get("sslcert") or _existing("postgresql.crt")
    if own and given.get("sslcertmode") != "disable":
        key = given.get("sslkey") or _existing("postgresql.key") or None
        context.load_cert_chain(own, key, password=given.get("sslpassword", ""))
    for name, bound in (("ssl_min_protocol_version", "minimum"), ("ssl_max_protocol_version", "maximum")):
        if name in given:
            setattr(context, f"{bound}_version", ssl.TLSVersion[given[name].replace(".", "_")])
    return context


def _existing(name: str) -> str:
    path = Path.home() / _TLS_FILES / name
    return str(path) if path.exists() else ""

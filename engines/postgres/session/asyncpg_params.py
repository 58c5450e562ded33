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
        "host": given.get("hostaddr") or libpq.host.decode(),
        "port": int(libpq.port.decode()),
        "user": libpq.user.decode(),
        "password": libpq.password.decode(),
        "database": libpq.db.decode(),
        "passfile": "/dev/null",  # libpq has looked there
        "ssl": context(given, libpq.host.decode()) if libpq.ssl_in_use else False,
        "direct_tls": given.get("sslnegotiation") == "direct",
        "target_session_attrs": "any",
        "timeout": float(given.get("connect_timeout", "10")),
        "server_settings": server,
        "statement_cache_size": 0,
    }


class _Named(ssl.SSLContext):
    """A context whose connections expect the certificate of a certain ``name``, wherever they lead.

    asyncpg expects that of the host it connects to; libpq, given ``hostaddr``, that of ``host``.
    """

    name = ""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection, as asyncio and uvloop do."""
        return super().wrap_bio(incoming, outgoing, server_side, self.name or server_hostname, session)


def context(given: Mapping[str, str], expected: str) -> ssl.SSLContext:
    """Return a context that trusts what libpq trusts under the same settings, for the host ``expected``."""
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = expected if "hostaddr" in given else ""
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

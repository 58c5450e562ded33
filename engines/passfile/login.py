"""Try an address, and say how others log in there."""

from __future__ import annotations

from psycopg import pq

from engines.errors import ConfigurationError
from engines.passfile import file
from engines.passfile.model import Login
from engines.postgres.session import AbsentError, Address, UnreachableError, session

_SECRET = ("password", "sslpassword", "passfile")


def look(address: Address, *, must_work: bool) -> Login:
    """Try ``address`` and return its login.

    Raises ``AbsentError`` when there is no such database, and ``UnreachableError`` when the server refuses it
    and ``must_work``.
    """
    works = True
    try:
        with session(address, read_only=True, purpose="bmii-migrate pg_passfile"):
            pass
    except AbsentError:
        raise
    except UnreachableError:
        if must_work:
            raise
        works = False
    shown = {key: value for key, value in address.parameters.items() if key not in _SECRET}
    return Login(works, shown.get("user", ""), shown)


def verifier_of(address: Address) -> str:
    """Return what a server keeps of the password of ``address`` (SCRAM-SHA-256): a login needs more than it.

    The salt is drawn anew by each call. Raises ``ConfigurationError`` without a password.
    """
    password = address.parameters.get("password", "")
    if not password:
        raise ConfigurationError(
            "names no password",
            subject=str(address),
            remedy="Give the address with its password, by reference.",
        )
    # libpq prepares the password as the server would; it wants a connection, though not one that is open.
    nowhere = pq.PGconn.connect(b"host=/nonexistent")
    try:
        user = address.parameters.get("user", "").encode()
        return nowhere.encrypt_password(password.encode(), user, b"scram-sha-256").decode()
    finally:
        nowhere.finish()


def keep_password(address: Address, login: Login) -> Login:
    """Return ``login`` with the file that holds the password, for as long as it is needed."""
    path = file.write(address)
    given = address.parameters.get("passfile", "")
    more = {"passfile": str(path) if path else given} if path or given else {}
    return Login(login.works, login.user, {**login.parameters, **more})

"""Whether an instance can take over: the wanted database, at a known revision, that lets both users in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from engines.database_access import Access, enter
from engines.passfile import look
from engines.postgres.catalog import Scope, relations
from engines.postgres.session import Address, UnreachableError, connection
from engines.rds.errors import RollbackError
from engines.rds.model import Instance
from engines.schema import RevisionError, revisions


@dataclass(frozen=True)
class Users:
    """The addresses of the owner and of the application (None without one), and where revisions are known.

    ``access`` is the way to other instances than that of the addresses; None where none may be opened.
    """

    owner: Address
    application: Address | None
    alembic: Path
    access: Access | None = field(default_factory=Access)

    def at(self, instance: Instance) -> Users:
        """Return the same users of the same database, at another instance, the way to which is opened."""
        if self.access is None:  # pragma: no cover - nothing is asked of it then
            raise ValueError("no way may be opened")
        # A forwarded port leads to one instance, so that the other has the next one.
        access = replace(self.access, port=self.access.port + 1)
        return Users(
            enter(access, _moved(self.owner, instance)),
            enter(access, _moved(self.application, instance)) if self.application else None,
            self.alembic,
            self.access,
        )


def prove(users: Users, name: str) -> tuple[str, ...]:
    """Return the revisions at which the database of the instance ``name`` is, which ``users`` lead to.

    Raises ``RollbackError`` when one of them cannot log in, or a revision is not one of this checkout's.
    """
    _, scripts = revisions.load(users.alembic)
    for address in (users.owner, users.application):
        if address is not None:
            _let_in(address, name)
    with connection.session(users.owner, read_only=True, purpose="bmii-migrate rollback") as session:
        found = relations.revision(session, relations.tables(session, Scope()))
    if not found:
        raise RollbackError(
            "its database has no schema revision: it is not what the service worked with",
            subject=f"instance {name}",
            remedy="Name a moment after the migration.",
        )
    try:
        revisions.pending(scripts, found, revisions.resolve_targets(scripts, "heads"))
    except RevisionError as error:
        raise RollbackError(error.what, subject=f"instance {name}", remedy=error.remedy) from error
    return found


def _let_in(address: Address, name: str) -> None:
    try:
        look(address, must_work=True)
    except UnreachableError as error:
        raise RollbackError(
            f"{address} cannot log in: {error.what}",
            subject=f"instance {name}",
            remedy="Users are those of that moment, with the passwords of then. Give them those of now, as "
            "its owner or by `aws rds modify-db-instance --master-user-password`; then run the same command.",
        ) from error


def _moved(address: Address, instance: Instance) -> Address:
    kept = {key: value for key, value in address.parameters.items() if key not in {"host", "hostaddr"}}
    return Address({**kept, "host": instance.host, "port": str(instance.port)})

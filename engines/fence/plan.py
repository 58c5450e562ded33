"""The plan of a fence, and what makes one impossible. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engines.fence.errors import FenceForeignError, FenceImpossibleError
from engines.fence.model import Found, Name, Terms

_SHOWN = 10
ALTERNATIVE = (
    "Or set migrate_source_fence=none, stop whatever writes to the source, and keep it from writing: "
    "ALTER DATABASE … SET default_transaction_read_only = on. The last comparison is made all the same."
)


def lines(found: Found, terms: Terms) -> list[str]:
    """Return the steps of putting the fence up, and what stands in its way, without raising."""
    reported = [
        f"make schema bmii_migrate_fence and its triggers on {len(found.bare)} tables of {found.database}, "
        f"which refuse every write for at most {terms.limit:g} s while users are moved"
    ]
    if found.mode == "lasting":
        reported = [f"hold the fence that run {found.run_id} has left around {found.database}"]
    if terms.end_idle:
        reported.append(f"end sessions that are idle in a transaction for longer than {terms.patience:g} s")
    return [*reported, *obstacles(found)]


def obstacles(found: Found) -> list[str]:
    """Return what keeps a fence from being put up, or from seeing every write."""
    reported = [
        f"prepared transaction {gid} is open: COMMIT PREPARED or ROLLBACK PREPARED it"
        for gid in found.prepared
    ]
    reported += [
        f"subscription {name} brings rows that no trigger sees: ALTER SUBSCRIPTION … DISABLE it"
        for name in found.subscriptions
    ]
    return [*reported, *(f"{what}: {remedy}" for what, remedy in missing_rights(found))]


def missing_rights(found: Found) -> list[tuple[str, str]]:
    """Return what the user may not do and a fence needs, each with its remedy. It does not pass by itself."""
    reported = []
    if found.foreign:
        reported.append((f"the user does not own {shorten(found.foreign)}", "name the owner in the address"))
    if not found.may_create:
        reported.append(("the user may not create a schema", f"GRANT CREATE ON DATABASE {found.database}"))
    return reported


def require_possible(found: Found, terms: Terms) -> None:
    """Raise ``FenceImpossibleError`` or ``FenceForeignError`` unless this run may put the fence up."""
    if found.mode == "lasting" and not found.is_of(terms):
        raise FenceForeignError(
            f"it was moved to {found.place} by run {found.run_id}, and is closed",
            subject=found.database,
            remedy="If it is to be moved again, open it first: playbooks/unfence.yml of that environment.",
        )
    reported = obstacles(found)
    if reported:
        raise FenceImpossibleError(
            f"no fence can be put around it: {'; '.join(reported)}",
            subject=found.database,
            remedy=ALTERNATIVE,
            details=reported,
        )


def require_own(found: Found, terms: Terms) -> None:
    """Raise ``FenceForeignError`` if another environment has closed the database for good."""
    known = found.environment and terms.environment
    if found.mode == "lasting" and known and not found.is_of(terms):
        raise FenceForeignError(
            f"it was moved to {found.place} by run {found.run_id}, whose users would write to it again",
            subject=found.database,
            remedy=f"It stays closed. playbooks/unfence.yml of {found.place} opens it.",
        )


def shorten(tables: Sequence[Name]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    return ", ".join(".".join(name) for name in tables[:_SHOWN]) + more

"""Both databases' facts, with what the copy leaves out set aside: what clone and compare have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from engines.postgres import adjust, carry, catalog, facts, large_objects, limits, offers, schema, sequences
from engines.postgres.adjust import Adjustments
from engines.postgres.carry import NotCarried
from engines.postgres.catalog import ForeignKey, Scope, Sequence
from engines.postgres.connection import Session
from engines.postgres.errors import translated
from engines.postgres.facts import Facts
from engines.postgres.limits import Limits
from engines.postgres.schema import Key


@dataclass(frozen=True)
class Survey:
    """What is on both sides, and what the target does not get.

    ``source`` and ``target`` are without the objects that are left out and that the target does not have;
    the sequences of ``source`` are as they have to stand on the target, ``standing`` as they stand.
    ``outside`` are foreign keys to tables that are not copied. ``roles`` are those that policies name.
    """

    scope: Scope
    source: Facts
    target: Facts
    limits: Limits
    adjustments: Adjustments
    standing: tuple[Sequence, ...] = ()
    outside: tuple[ForeignKey, ...] = ()
    not_carried: tuple[NotCarried, ...] = ()
    roles: Mapping[str, str] | None = None


def read(source: Session, target: Session, scope: Scope, *, by_anyone: bool = False) -> Survey:
    """Survey both databases, each inside a snapshot.

    ``by_anyone`` sets aside what an ordinary role could not have carried, though the target's user of now
    could: a comparison by an administrator does not miss it.
    """
    with translated(target.info.dbname):
        there = facts.read(target, scope)
        offered = offers.read(target)
        if by_anyone:
            offered = replace(offered, is_superuser=False, bypasses_row_security=False)
    with translated(source.info.dbname):
        here = facts.read(source, scope)
        found = limits.find(source, offered, there.extensions, scope)
        adjustments = adjust.read(source, scope, keep_forced=offered.bypasses_row_security)
        outside = carry.outside_keys(here, scope)
        aside = _aside(source, scope, found, adjustments, outside) - set(there.objects)
        standing, wanted = here.sequences, sequences.expected(source, here.sequences)
        not_carried = (
            *carry.left_out(found),
            *carry.other_versions(source, offered),
            *carry.dangling(outside),
            *carry.changed_owners(carry.owners(source), there.server.user),
            *carry.forced(adjustments, there.server.user),
            *carry.raised(standing, wanted),
            *carry.compressions(source, offered),
            *carry.other_locale(source, offered),
            *carry.left_behind(source),
            *carry.objects_of_no_schema(large_objects.count(source), scope),
        )
        roles = carry.policy_roles(source)
    objects = schema.without(here.objects, aside)
    here = replace(here, objects=objects, sequences=wanted)
    return Survey(scope, here, there, found, adjustments, standing, outside, carry.once(not_carried), roles)


def again(source: Session, scope: Scope) -> tuple[Sequence, ...]:
    """Return where sequences have to stand now: read after the rows, they are past all values in them."""
    return sequences.expected(source, catalog.sequences(source, scope))


def _aside(
    source: Session,
    scope: Scope,
    found: Limits,
    adjustments: Adjustments,
    outside: Iterable[ForeignKey],
) -> set[Key]:
    keys = carry.key_objects(tuple(outside)) | {one.key for one in adjustments.forced}
    if found.numbers:
        numbered = schema.read_numbered(source, scope)
        keys |= {key for key, _, number in numbered if number in found.numbers}
    return keys

"""Inspection of both databases, without what the copy leaves out; used by clone and compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from engines.postgres import large_objects
from engines.postgres.catalog import (
    DISABLED,
    Database,
    ForeignKey,
    ObjectKey,
    Scope,
    Sequence,
    capabilities,
    database,
    relations,
    schema_objects,
    sequences,
)
from engines.postgres.plan import adjustments, not_copied, unsupported
from engines.postgres.plan.adjustments import Adjustments
from engines.postgres.plan.not_copied import NotCopied
from engines.postgres.plan.unsupported import Unsupported
from engines.postgres.session import Session, translated


@dataclass(frozen=True)
class Inspection:
    """What is on both sides, and what the target does not get.

    ``source`` and ``target`` are without the objects that are left out and that the target does not have;
    the sequences of ``source`` are as they have to stand on the target, ``standing`` as they stand.
    ``outside`` are foreign keys to tables that are not copied. ``roles`` are those that policies name.
    """

    scope: Scope
    source: Database
    target: Database
    unsupported: Unsupported
    adjustments: Adjustments
    standing: tuple[Sequence, ...] = ()
    outside: tuple[ForeignKey, ...] = ()
    not_copied: tuple[NotCopied, ...] = ()
    roles: Mapping[str, str] | None = None


def read(source: Session, target: Session, scope: Scope, *, by_anyone: bool = False) -> Inspection:
    """Inspect both databases, each inside a snapshot.

    ``by_anyone`` sets aside what an ordinary role could not have copied, though the target's user of now
    could: a comparison by an administrator does not miss it.
    """
    with translated(target.info.dbname):
        on_target = database.read(target, scope)
        offered = capabilities.read(target)
        if by_anyone:
            offered = replace(offered, is_superuser=False, bypasses_row_security=False)
    with translated(source.info.dbname):
        on_source = database.read(source, scope)
        found = unsupported.find(source, offered, on_target.extensions, scope, target)
        adjusted = adjustments.read(source, scope, keep_forced=offered.bypasses_row_security)
        outside = not_copied.outside_keys(on_source, scope)
        lost_compressions = not_copied.compressions(source, offered)
        aside = _aside(source, scope, found, adjusted, outside)
        aside |= {key for key in on_source.objects if key.kind == DISABLED}
        if lost_compressions:
            aside |= {key for key in on_source.objects if key.kind == "compression"}
        aside -= set(on_target.objects)
        standing, wanted = on_source.sequences, sequences.expected(source, on_source.sequences)
        aside_by_name = (
            *not_copied.left_out(found),
            *not_copied.other_versions(source, offered),
            *not_copied.dangling(outside),
            *not_copied.changed_owners(not_copied.owners(source), on_target.server.user),
            *not_copied.definers(source, on_target.server.user),
            *not_copied.forced(adjusted, on_target.server.user),
            *not_copied.raised(standing, wanted),
            *lost_compressions,
            *not_copied.disabled(on_source.objects),
            *not_copied.other_locale(source, offered),
            *not_copied.left_behind(source),
            *not_copied.objects_of_no_schema(large_objects.count(source), scope),
        )
        roles = not_copied.policy_roles(source)
    objects = schema_objects.without(on_source.objects, aside)
    on_source = replace(on_source, objects=objects, sequences=wanted)
    return Inspection(
        scope, on_source, on_target, found, adjusted, standing, outside, not_copied.once(aside_by_name), roles
    )


def current_sequences(source: Session, scope: Scope) -> tuple[Sequence, ...]:
    """Return where sequences have to stand now: read after the rows, they are past all values in them."""
    return sequences.expected(source, relations.sequences(source, scope))


def _aside(
    source: Session,
    scope: Scope,
    found: Unsupported,
    adjustments: Adjustments,
    outside: Iterable[ForeignKey],
) -> set[ObjectKey]:
    keys = not_copied.key_objects(tuple(outside)) | {one.key for one in adjustments.forced}
    if found.numbers:
        numbered = schema_objects.read_numbered(source, scope)
        keys |= {key for key, _, number in numbered if number in found.numbers}
    return keys

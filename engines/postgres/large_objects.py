"""Large objects: under the same numbers, in pieces of at most 1 MiB, without a superuser on either side.

``pg_largeobject`` itself is for superusers; ``lo_get`` and ``lo_put`` need a privilege on the object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql
from psycopg.types.numeric import Oid

from engines.errors import RefusedError
from engines.events import Emit
from engines.postgres.session import PostgresError, Session

PIECE = 1024 * 1024
# Small ones travel together: as many as fill one piece at this size.
_SMALL = 32 * 1024
_TOGETHER = PIECE // _SMALL
_SHOWN = 10

_COUNT = "SELECT count(*) FROM pg_largeobject_metadata"
_NEXT = "SELECT oid FROM pg_largeobject_metadata WHERE oid > %s ORDER BY oid LIMIT %s"

# Walks through all pieces at once, each of which leaves nothing but its hash. An object whose length is a
# multiple of a piece ends in an empty one.
_PIECES = f"""
WITH RECURSIVE pieces (id, number, size, hash) AS (
    SELECT f.id, 0, length(f.data), md5(f.data)
    FROM (SELECT m.oid AS id, lo_get(m.oid, 0, {PIECE}) AS data
          FROM pg_largeobject_metadata m WHERE {{which}} OFFSET 0) f
    UNION ALL
    SELECT f.id, f.number, length(f.data), md5(f.data)
    FROM (SELECT p.id, p.number + 1 AS number, lo_get(p.id, (p.number + 1)::bigint * {PIECE}, {PIECE}) AS data
          FROM pieces p WHERE p.size = {PIECE} OFFSET 0) f
)"""  # noqa: S608 - constants only

_FINGERPRINT = (
    _PIECES.format(which="true")  # noqa: S608 - constants only
    + """
SELECT (SELECT count(*) FROM pg_largeobject_metadata),
       coalesce(sum(hashtextextended(t.line COLLATE "C", 0)), 0)::text
FROM (SELECT concat_ws(':', id, number, size, hash) FROM pieces
      UNION ALL
      SELECT concat_ws(':', m.oid, 'comment', obj_description(m.oid, 'pg_largeobject'))
      FROM pg_largeobject_metadata m) AS t (line)"""
)

_DIGESTS = (
    _PIECES.format(which="m.oid = ANY (%s::oid[])")
    + """
SELECT id::bigint, md5(string_agg(concat_ws(':', number, size, hash), ',' ORDER BY number)),
       coalesce(obj_description(id, 'pg_largeobject'), '')
FROM pieces GROUP BY id ORDER BY id"""
)

# Unless lo_compat_privileges is on, reading one without the privilege would fail in the middle of a copy.
_UNREADABLE = """
SELECT m.oid::bigint FROM pg_largeobject_metadata m
WHERE current_setting('lo_compat_privileges') = 'off'
  AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
  AND NOT pg_has_role(m.lomowner, 'usage')
  AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'
                  AND (a.grantee = 0 OR pg_has_role(a.grantee, 'usage')))
ORDER BY 1"""


@dataclass(frozen=True)
class LargeObjects:
    """How many there are, and an order-independent checksum of numbers, contents and comments."""

    count: int
    checksum: str


@dataclass(frozen=True)
class SchemaDifference:
    """Numbers of large objects: only on the source, only on the target, and there with other contents."""

    missing: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()
    different: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.missing or self.extra or self.different)

    @property
    def foreign(self) -> tuple[int, ...]:
        """Those that the target did not get from this source."""
        return tuple(sorted((*self.extra, *self.different)))

    def lines(self) -> list[str]:
        """Return one line per difference."""
        return (
            [f"large object {one}: only on the target" for one in self.extra]
            + [f"large object {one}: other contents" for one in self.different]
            + [f"large object {one}: not on the target" for one in self.missing]
        )


def count(session: Session) -> int:
    """Return how many large objects there are."""
    row = session.execute(_COUNT).fetchone()
    return int(row[0]) if row else 0


def fingerprint(session: Session) -> LargeObjects:
    """Return the checksum over all large objects, computed inside the server from pieces of 1 MiB."""
    row = session.execute(_FINGERPRINT).fetchone()
    return LargeObjects(int(row[0]), str(row[1])) if row else LargeObjects(0, "0")


def unreadable(session: Session) -> tuple[int, ...]:
    """Return the numbers of the large objects that the user of ``session`` may not read."""
    return tuple(int(row[0]) for row in session.execute(_UNREADABLE))


def difference(source: Session, target: Session) -> SchemaDifference:
    """Compare the large objects of both databases, one stretch of numbers after the other.

    Both sessions have to be in a snapshot where others write.
    """
    missing: list[int] = []
    extra: list[int] = []
    different: list[int] = []
    after = 0
    while True:
        here, there = _numbers(source, after), _numbers(target, after)
        if not here and not there:
            return SchemaDifference(tuple(missing), tuple(extra), tuple(different))
        # A full stretch of one side says nothing of what lies behind its end.
        ends = [found[-1] for found in (here, there) if len(found) == _TOGETHER]
        last = min(ends) if ends else max((*here, *there))
        ours = {one for one in here if one <= last}
        theirs = {one for one in there if one <= last}
        missing += sorted(ours - theirs)
        extra += sorted(theirs - ours)
        both = sorted(ours & theirs)
        if both:
            left, right = _digests(source, both), _digests(target, both)
            different += [one for one in both if left[one] != right[one]]
        after = last


def copy(source: Session, target: Session, emit: Emit, *, replace: bool = False) -> int:
    """Copy the large objects that the target lacks, and return how many that were.

    ``source`` is in its snapshot. Each arrives whole or not at all, so that a killed copy is finished by the
    next call: what is equal is kept. Raises ``RefusedError`` about those on the target that are not the
    source's, which ``replace`` deletes.
    """
    found = difference(source, target)
    if found.foreign and not replace:
        raise refusal(found, target.info.dbname)
    wanted = sorted((*found.missing, *found.different))
    if found.foreign or wanted:
        emit("large_objects.started", count=len(wanted), deleted=len(found.foreign))
    for start in range(0, len(found.foreign), _TOGETHER):
        chosen = list(found.foreign[start : start + _TOGETHER])
        target.execute("SELECT lo_unlink(id) FROM unnest(%s::oid[]) id", [chosen])
    size = 0
    for start in range(0, len(wanted), _TOGETHER):
        size += _copy_some(source, target, wanted[start : start + _TOGETHER])
        emit("large_objects.moving", count=min(start + _TOGETHER, len(wanted)), of=len(wanted), bytes=size)
    return len(wanted)


def refusal(found: SchemaDifference, database: str) -> RefusedError:
    """Return the error about large objects on the target that are not the source's."""
    names = [f"large object {one}" for one in found.foreign]
    more = f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return RefusedError(
        f"it holds what the source does not: {'; '.join(names[:_SHOWN])}{more}",
        subject=database,
        remedy=(
            "Nothing was changed. To replace it with the source's: "
            f"database_on_target_rows=replace, database_consent={database}."
        ),
        details=names,
    )


def check_readable(session: Session) -> None:
    """Raise ``PostgresError`` when the user of ``session`` may not read every large object."""
    found = unreadable(session)
    if found:
        raise PostgresError(
            f"{len(found)} large objects may not be read, such as {found[0]}",
            subject=session.info.dbname,
            remedy=f"GRANT SELECT ON LARGE OBJECT {found[0]} TO {session.info.user}, or use their owner.",
        )


def _numbers(session: Session, after: int) -> list[int]:
    return [int(row[0]) for row in session.execute(_NEXT, [after, _TOGETHER])]


def _digests(session: Session, numbers: list[int]) -> dict[int, tuple[str, str]]:
    rows = session.execute(_DIGESTS, [numbers])
    return {int(row[0]): (str(row[1]), str(row[2])) for row in rows}


def _copy_some(source: Session, target: Session, numbers: list[int]) -> int:
    """Copy a few large objects: their beginnings together, then what is longer, each in a transaction."""
    long: list[tuple[int, str]] = []
    size = 0
    with target.transaction():
        for number, data, comment in _beginnings(source, numbers):
            if len(data) == _SMALL:
                long.append((number, comment))
                continue
            target.execute("SELECT lo_from_bytea(%s, %s)", [number, data])
            _comment(target, number, comment)
            size += len(data)
    for number, comment in long:
        with target.transaction():
            target.execute("SELECT lo_create(%s)", [number])
            _comment(target, number, comment)
            size += _copy_pieces(source, target, number)
    return size


def _beginnings(source: Session, numbers: list[int]) -> Iterator[tuple[int, bytes, str]]:
    query = """
        SELECT id::bigint, lo_get(id, 0, %s), coalesce(obj_description(id, 'pg_largeobject'), '')
        FROM unnest(%s::oid[]) AS id"""
    with source.cursor(binary=True) as cursor:
        yield from cursor.execute(query, [_SMALL, numbers])


def _copy_pieces(source: Session, target: Session, number: int) -> int:
    place = 0
    while True:
        with source.cursor(binary=True) as cursor:
            row = cursor.execute("SELECT lo_get(%s, %s, %s)", [number, place, PIECE]).fetchone()
        data: bytes = row[0] if row else b""
        if data:
            target.execute("SELECT lo_put(%b, %b, %b)", [Oid(number), place, data])
        place += len(data)
        if len(data) < PIECE:
            return place


def _comment(target: Session, number: int, comment: str) -> None:
    if comment:
        statement = sql.SQL("COMMENT ON LARGE OBJECT {} IS {}")
        target.execute(statement.format(sql.Literal(number), sql.Literal(comment)))

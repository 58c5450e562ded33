"""Which types may travel in binary form from one database to another."""

from __future__ import annotations

from dataclasses import dataclass

from engines.postgres.session import Session

# Types from here on were made in this database, so that another one knows them under another number.
_FIRST_OWN_OID = 16384

_TYPES = """
SELECT t.oid::bigint, t.typtype::text, t.typcategory = 'A' AND t.typelem <> 0,
       coalesce(nullif(t.typelem::bigint, 0), nullif(t.typbasetype::bigint, 0), r.rngsubtype::bigint, 0),
       t.typsend <> 0 AND t.typreceive <> 0,
       t.typname LIKE 'reg%' AND t.oid < 16384,
       coalesce((SELECT array_agg(a.atttypid::bigint) FROM pg_attribute a
                 WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '{}')
FROM pg_type t LEFT JOIN pg_range r ON r.rngtypid = t.oid"""


@dataclass(frozen=True)
class Type:
    """A row of pg_type: ``inner`` is the element, base or subtype; ``parts`` the columns of a composite."""

    kind: str
    is_array: bool
    inner: int
    can_binary: bool
    is_reference: bool
    parts: tuple[int, ...] = ()


def binary_types(session: Session) -> frozenset[int]:
    """Return the numbers of the types whose binary form another database understands."""
    rows = session.execute(_TYPES)
    found = {row[0]: Type(row[1], row[2], row[3], row[4], row[5], tuple(row[6])) for row in rows}
    return frozenset(number for number in found if is_binary(number, found))


def is_binary(number: int, types: dict[int, Type]) -> bool:
    """Return whether values of type ``number`` mean the same in another database when sent in binary form.

    Not so: the ``reg…`` types, whose binary form is the number of an object here; arrays and composites of
    types made here, whose binary form contains the numbers of those types; multiranges, to be plain; and
    types without binary input or output.
    """
    kind = types.get(number)
    if kind is None or not kind.can_binary or kind.is_reference:
        return False
    if kind.kind == "c":
        return all(part < _FIRST_OWN_OID and is_binary(part, types) for part in kind.parts)
    if kind.is_array:
        return kind.inner < _FIRST_OWN_OID and is_binary(kind.inner, types)
    if kind.kind in "dr":
        return is_binary(kind.inner, types)
    return kind.kind in "be"

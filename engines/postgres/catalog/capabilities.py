"""What the target supports for its user: extensions, collations, XML, compression, privileges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from engines.postgres.session import Session, answers

_KNOWS_TRUSTED = 130000
_KNOWS_PARAMETER_PRIVILEGES = 150000

# On Amazon RDS the members of rds_superuser may create what elsewhere needs a superuser.
_EXTENSIONS = """
SELECT x.name, coalesce(x.installed_version, x.default_version)
FROM pg_available_extensions x
LEFT JOIN pg_available_extension_versions v ON v.name = x.name AND v.version = x.default_version
WHERE x.installed_version IS NOT NULL OR NOT v.superuser {trusted}
   OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
   OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'rds_superuser' AND pg_has_role(r.oid, 'member'))"""

_ROLE = "SELECT rolsuper, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
_COLLATIONS = """
SELECT c.collname::text, c.collprovider::text, coalesce(c.collcollate, '')
FROM pg_collation c WHERE c.collnamespace = 'pg_catalog'::regnamespace AND c.collencoding IN (-1,
    (SELECT encoding FROM pg_database WHERE datname = current_database()))"""
_WRAPPERS = """
SELECT fdwname FROM pg_foreign_data_wrapper WHERE has_foreign_data_wrapper_privilege(oid, 'usage')"""
_SETTINGS = """
SELECT name FROM pg_settings WHERE context NOT IN ('user') {granted}
  AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"""
_COMPRESSIONS = """
SELECT coalesce((SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'), '{pglz}')"""
_LOCALE = """
SELECT concat_ws(' ', datcollate, datctype,
    CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END,
    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'))
FROM pg_database d WHERE datname = current_database()"""


@dataclass(frozen=True)
class Capabilities:
    """What may be had on a target.

    ``extensions`` gives the version of each; ``locales`` are those of the C library, as ``locale_name``
    writes them; ``guarded_settings`` may not be set by this user; ``locale`` is the database's own; ``major``
    is the server's version.
    """

    is_superuser: bool = False
    bypasses_row_security: bool = False
    extensions: Mapping[str, str] = field(default_factory=dict)
    collations: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    locales: frozenset[str] = frozenset()
    wrappers: frozenset[str] = frozenset()
    guarded_settings: frozenset[str] = frozenset()
    compressions: frozenset[str] = frozenset({"pglz"})
    xml: bool = True
    locale: str = ""
    major: int = 0


def read(session: Session) -> Capabilities:
    """Ask the target behind ``session``; nothing is changed."""
    version = session.info.server_version
    granted = "AND NOT has_parameter_privilege(name, 'set')" if version >= _KNOWS_PARAMETER_PRIVILEGES else ""
    trusted = "OR v.trusted" if version >= _KNOWS_TRUSTED else ""
    queries = (
        _ROLE,
        _COLLATIONS,
        _EXTENSIONS.format(trusted=trusted),
        _COMPRESSIONS,
        _WRAPPERS,
        _SETTINGS.format(granted=granted),
        _LOCALE,
    )
    role, collations, extensions, compressions, wrappers, guarded, own = answers(session, queries)
    return Capabilities(
        is_superuser=bool(role and role[0][0]),
        bypasses_row_security=bool(role and role[0][1]),
        extensions={str(row[0]): str(row[1]) for row in extensions},
        collations=frozenset(row[0] for row in collations),
        # Since 16 there is an entry for ICU even where the server was built without it.
        providers=frozenset(row[1] for row in collations if row[1] != "i" or row[0].endswith("-x-icu")),
        locales=frozenset(locale_name(row[2]) for row in collations if row[1] == "c"),
        wrappers=frozenset(str(row[0]) for row in wrappers),
        guarded_settings=frozenset(str(row[0]) for row in guarded),
        compressions=frozenset(compressions[0][0]),
        xml=_takes_xml(session),
        locale=_locale(own),
        major=version // 10000,
    )


def locale(session: Session) -> str:
    """Return the locale that the database of ``session`` sorts and classifies by."""
    return _locale(session.execute(_LOCALE).fetchall())


def _locale(rows: list[tuple[Any, ...]]) -> str:
    return " ".join(locale_name(part) for row in rows for part in str(row[0]).split(" "))


def locale_name(text: str) -> str:
    """Return a locale's name in one spelling: ``en_US.UTF-8`` and ``en_US.utf8`` are the same."""
    name, dot, charset = text.partition(".")
    return name + dot + charset.lower().replace("-", "")


def _takes_xml(session: Session) -> bool:
    try:
        with session.transaction():
            session.execute("SELECT '<a/>'::pg_catalog.xml")
    except psycopg.errors.FeatureNotSupported:
        return False
    return True

"""Keys that some stores map to another key.

S3 keeps every name as it is. A store that keeps objects as files reads names as paths: ``a//b`` is ``a/b`` to
it, and it answers as if nothing were wrong. No listing shows it beforehand, so each key that could be
mistaken is tried, after all others are in their places.
"""

from __future__ import annotations

import re

from botocore.exceptions import BotoCoreError, ClientError

from engines.objects.errors import Failure, reason_of
from engines.objects.manifest import Record
from engines.objects.s3 import Store, entry

# A part of a path that is empty, one dot or two (a slash at the end is nothing special); a backslash.
_ODD = re.compile(r"(?:^|/)\.{0,2}/|(?:^|/)\.{1,2}$|\\")


def is_ambiguous(key: str) -> bool:
    """Return whether a store could take ``key`` for another name."""
    return _ODD.search(key) is not None


def as_path(key: str) -> str:
    """Return the name that ``key`` is taken for where names are paths; nothing if there is none."""
    parts: list[str] = []
    path = key.replace("\\", "/")
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts) + ("/" if parts and path.endswith("/") else "")


def already_there(target: Store, key: str) -> Failure | None:
    """Return why ``key``, which the target does not list, must not be written: it is there all the same."""
    try:
        target.call("HeadObject", "HEAD", key).close()
    except (BotoCoreError, ClientError):
        return None  # it is not there, or writing will show
    return Failure(key, f"the target takes it for {_other(target, key)!r}, which it holds already")


def with_ambiguity(target: Store, failure: Failure) -> Failure:
    """Return why an ambiguous key failed, with the name that it may be taken for."""
    other = _other(target, failure.key)
    return Failure(failure.key, f"{failure.reason} (it may be taken for {other!r})") if other else failure


def misplaced(target: Store, record: Record) -> Failure | None:
    """Return why an object that was just written is not in its place; what is in another's is taken away.

    It did not exist before: ``already_there`` has checked that, and a write replaces nothing.
    """
    other = _other(target, record.key)
    try:
        if entry(target, record.key) is not None:
            return None
        found = entry(target, other) if other else None
        if found is None or not record.target_is(found):
            return None  # the listing of all, at the end, will show
        target.read("DeleteObject", "DELETE", other)
    except (BotoCoreError, ClientError) as error:
        return Failure(record.key, f"it is unknown whether the target keeps this key: {reason_of(error)}")
    return Failure(record.key, f"the target takes it for {other!r}: what was written there was deleted again")


def _other(target: Store, key: str) -> str:
    prefix = target.address.prefix
    whole = as_path(prefix + key)
    return whole.removeprefix(prefix) if whole.startswith(prefix) else ""

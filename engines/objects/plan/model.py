"""The types of a plan."""

from __future__ import annotations

from typing import NamedTuple

from engines.objects.s3 import Entry

# Written over whatever is there: the target lists nothing.
ANYTHING = "*"


class CopyTask(NamedTuple):
    """One object to copy, as the source lists it.

    ``replaces``: the ETag of the target's object that it replaces, if there is one.
    """

    key: str
    size: int
    etag: str
    replaces: str | None = None
    modified: str = ""

    @property
    def is_folder(self) -> bool:
        """Return whether it is the marker of a folder, which stores with real folders make by themselves."""
        return self.key.endswith("/")

    @classmethod
    def of(cls, source: Entry, target: Entry | None) -> CopyTask:
        """Return the task to copy ``source`` over ``target``."""
        return cls(source.key, source.size, source.etag, target.etag if target else None, source.modified)

    def of_version(self, source: Entry) -> CopyTask:
        """Return the task to copy the version that the source lists by now.

        If that is the one which was just refused, the store gives it another ETag than it lists: it is copied
        whatever its ETag is.
        """
        is_other = (source.etag, source.size) != (self.etag, self.size)
        etag = source.etag if is_other else ""
        return self._replace(size=source.size, etag=etag, modified=source.modified)


class ObjectPair(NamedTuple):
    """An object that both sides have."""

    key: str
    source: Entry
    target: Entry


class Archived(NamedTuple):
    """An object of an archive of the source, and the ``Verdict`` and its reason if it can be read."""

    key: str
    source: Entry
    target: Entry | None
    verdict: str
    reason: str


class Extra(NamedTuple):
    """An object that only the target has."""

    key: str

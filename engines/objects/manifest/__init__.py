"""The proofs of what was copied: a manifest on disk, and the journal of a mirror at work."""

from engines.objects.manifest.records import Manifest, Record, Summary, summary
from engines.objects.manifest.state import Book, opened

__all__ = ["Book", "Manifest", "Record", "Summary", "opened", "summary"]

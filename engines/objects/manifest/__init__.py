"""The proofs of what was copied: a manifest on disk, and the journal of the mirror that is running."""

from engines.objects.manifest.records import Manifest, Record, Summary, misses, read_header, read_summary
from engines.objects.manifest.state import MirrorState, open_state

__all__ = [
    "Manifest",
    "MirrorState",
    "Record",
    "Summary",
    "misses",
    "open_state",
    "read_header",
    "read_summary",
]

"""The evidence of a migration in one archive: every document of the ledger, with its digest."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

# The version of the archive's own list.
SCHEMA = "bmii-evidence/1"


def pack(documents: Mapping[str, bytes], path: Path) -> str:
    """Write ``documents`` (name in the archive → content) to ``path``; return the SHA-256 of the archive.

    The same documents make the same archive, byte for byte. ``MANIFEST.json`` lists size and SHA-256 of each,
    ``SHA256SUMS`` is for ``sha256sum --check``.
    """
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(documents.items())}
    listed = {
        "schema": SCHEMA,
        "files": {name: {"sha256": sums[name], "bytes": len(documents[name])} for name in sums},
    }
    lines = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
    own = {"MANIFEST.json": json.dumps(listed, indent=2).encode() + b"\n", "SHA256SUMS": lines.encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in sorted({**documents, **own}.items()):
            entry = tarfile.TarInfo(f"evidence/{name}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()

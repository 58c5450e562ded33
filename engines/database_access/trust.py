"""The certificates that the one of a database has to be signed by: a file, or AWS's own bundle."""

from __future__ import annotations

import os
import ssl
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path

from engines.errors import ConfigurationError

AWS = "aws"
# docs.aws.amazon.com, "Using SSL/TLS to encrypt a connection to a DB instance".
_BUNDLE = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
_PATIENCE = 30.0


def trusted(ca: str, cache: str) -> str:
    """Return the file that ``ca`` means: ``aws`` is RDS's bundle, fetched once into the folder ``cache``."""
    return str(_bundle(Path(cache or tempfile.gettempdir()) / "rds-global-bundle.pem")) if ca == AWS else ca


def _bundle(path: Path) -> Path:
    if path.exists():
        return path
    try:
        with urllib.request.urlopen(_BUNDLE, timeout=_PATIENCE) as answer:
            text = answer.read().decode("ascii")
        ssl.create_default_context(cadata=text)  # what is no list of certificates is not kept
    except (OSError, ValueError, HTTPException) as error:
        raise ConfigurationError(
            f"cannot be fetched: {error}",
            subject=f"certificates of RDS ({_BUNDLE})",
            remedy="Fetch them in another way, and set database_ca to the file. GovCloud and China have "
            "their own.",
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
    return Path(name).replace(path)

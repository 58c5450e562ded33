"""What a run was configured with, as a fingerprint: two runs with the same inputs have the same one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

_SECRET_NAME = re.compile(r"passw|secret|token|credential|(^|_)key$|access_key", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*@")


def fingerprint(inputs: Mapping[str, Any]) -> str:
    """Return the SHA-256 of ``inputs`` without secrets, so that not even a weak one can be guessed from it.

    Left out are values under a name that means a secret, and who a URL signs in as.
    """
    data = json.dumps(_public(inputs), sort_keys=True, default=str).encode()
    return hashlib.sha256(data).hexdigest()


def _public(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(name): _public(each) for name, each in value.items() if not _SECRET_NAME.search(str(name))
        }
    if isinstance(value, list | tuple):
        return [_public(each) for each in value]
    return _USER_INFO.sub("", value) if isinstance(value, str) else value

"""The schema of the ledger's documents: a damaged one is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.ledger.errors import LedgerError

Kinds = tuple[type, ...]
_NUMBER: Kinds = (int, float)
_NAMES: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}

# Field by field; a name that ends in ? may be missing.
_SHAPES: Mapping[str, Mapping[str, Kinds]] = {
    "lock.json": {
        "token": (int,),
        "owner": (dict,),
        "run_id": (str,),
        "taken": _NUMBER,
        "lease": _NUMBER,
        "held": (bool,),
    },
    "state.json": {
        "phases": (dict,),
        "token": (int,),
        "live_since?": (str,),
        "asked_since?": (str,),
        "proofs?": (dict,),
        "back_since?": (str,),
    },
    "verifications/": {
        "schema": (str,),
        "at": (str,),
        "by": (str,),
        "equal": (bool,),
        "tables": (int,),
        "rows": (int,),
        "objects": (int,),
        "checksums": (dict,),
        "fingerprints": (dict,),
        "recheck": (list,),
    },
    "runs/": {
        "phases?": (dict,),
        "owner?": (dict,),
        "token?": (int,),
        "run_id?": (str,),
        "outcome?": (str,),
        "started?": (str,),
        "ended?": (str,),
    },
}
_OWNER: Mapping[str, Kinds] = {"user": (str,), "host": (str,), "pid": (int,), "started": (int,)}


def check(bucket: str, key: str, body: Any) -> None:
    """Raise ``LedgerError`` unless ``body`` is what the ledger writes at ``key``."""
    wrong = _wrong(key, body)
    if wrong:
        raise LedgerError(
            f"is not what the ledger has written: {wrong}",
            subject=f"s3://{bucket}/{key}",
            remedy=(
                "Restore the object's previous version, since the state bucket is versioned: "
                f"aws s3api list-object-versions --bucket {bucket} --prefix {key}"
            ),
        )


def _wrong(key: str, body: Any) -> str:
    shape = next((fields for name, fields in _SHAPES.items() if key.startswith(name)), None)
    if shape is None:
        return ""
    if not isinstance(body, dict):
        return f"it is {_named(body)}, where an object is expected"
    found = _fields(shape, body, "")
    if not found and isinstance(body.get("owner"), dict):
        found = _fields(_OWNER, body["owner"], "owner.")
    for phase, record in (body.get("phases") or {}).items() if not found else ():
        if not isinstance(record, dict):
            return f"phases.{phase} is {_named(record)}, where an object is expected"
    return found


def _fields(shape: Mapping[str, Kinds], body: Mapping[str, Any], where: str) -> str:
    for field, kinds in shape.items():
        name = field.removesuffix("?")
        if name not in body:
            if name == field:
                return f"{where}{name} is missing"
        elif type(body[name]) not in kinds:
            return f"{where}{name} is {_named(body[name])}, where {_NAMES[kinds[0]]} is expected"
    return ""


def _named(value: Any) -> str:
    return _NAMES.get(type(value), "something else")

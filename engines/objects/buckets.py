"""Several buckets of the same two stores in one call, and the options that the modules share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from engines.aws import AwsError
from engines.errors import ConfigurationError, EngineError
from engines.objects.errors import ObjectsError
from engines.objects.s3 import Endpoint

Result = dict[str, Any]


def side_options() -> dict[str, Any]:
    """Return the argument spec of ``source`` and ``target``, which the modules document alike."""
    return {
        "bucket": {"type": "str", "default": ""},
        "prefix": {"type": "str", "default": ""},
        "endpoint": {"type": "str", "default": ""},
        "region": {"type": "str", "default": ""},
        "access_key": {"type": "str", "default": "", "no_log": True},
        "secret_key": {"type": "str", "default": "", "no_log": True},
        "session_token": {"type": "str", "default": "", "no_log": True},
    }


def bucket_options() -> dict[str, Any]:
    """Return the argument spec of ``buckets``."""
    names = {name: {"type": "str", "required": True} for name in ("name", "source", "target")}
    prefixes = {name: {"type": "str", "default": ""} for name in ("source_prefix", "target_prefix")}
    return {"type": "list", "elements": "dict", "default": [], "options": {**names, **prefixes}}


@dataclass(frozen=True)
class BucketPair:
    """A bucket of the source, if there is one, the one of the target, and the file of proofs.

    ``name`` is what a user calls the pair; empty when it is the only one.
    """

    name: str
    source: Endpoint | None
    target: Endpoint
    manifest: Path | None


def bucket_pairs(given: Mapping[str, Any]) -> list[BucketPair]:
    """Return what a module's options ``source``, ``target``, ``buckets`` and ``manifest`` name.

    Raises ``ConfigurationError``.
    """
    manifest = Path(given["manifest"]) if given["manifest"] else None
    if not given["buckets"]:
        return [_pair("", given, {}, {}, manifest)]
    if given["target"]["bucket"] or (given["source"] or {}).get("bucket"):
        raise ConfigurationError(
            "names a bucket, and so does `buckets`",
            subject="source or target",
            remedy="Name it in one place.",
        )
    names = [bucket["name"] for bucket in given["buckets"]]
    if len(set(names)) < len(names) or any("/" in name for name in names):
        raise ConfigurationError(
            "has a name twice, or one with a slash",
            subject="buckets",
            remedy="They name the manifests.",
        )
    return [
        _pair(
            bucket["name"],
            given,
            {"bucket": bucket["source"], "prefix": bucket["source_prefix"]},
            {"bucket": bucket["target"], "prefix": bucket["target_prefix"]},
            manifest / f"{bucket['name']}.jsonl.zst" if manifest else None,
        )
        for bucket in given["buckets"]
    ]


def _pair(
    name: str,
    given: Mapping[str, Any],
    source: Mapping[str, str],
    target: Mapping[str, str],
    manifest: Path | None,
) -> BucketPair:
    source_endpoint = Endpoint.from_options({**given["source"], **source}) if given["source"] else None
    return BucketPair(name, source_endpoint, Endpoint.from_options({**given["target"], **target}), manifest)


def check_consent(consent: Iterable[str], buckets: Iterable[str]) -> None:
    """Raise ``ConfigurationError`` for a consent that names another bucket: it was meant for that."""
    known = set(buckets)
    for name in consent:
        if name not in known:
            raise ConfigurationError(
                f"names {name}, which is no target bucket",
                subject="consent",
                remedy=f"Name those of {', '.join(sorted(known))} whose objects may be changed.",
            )


def for_each_pair(several: Iterable[BucketPair], call: Callable[[BucketPair], Result]) -> dict[str, Result]:
    """Call ``call`` for each pair and return the results by name.

    A pair that fails does not stop the others, unless they would fail alike. Raises its error at the end, or
    ``ObjectsError`` for more than one; ``details`` of that are the errors and results by name.
    """
    results: dict[str, Result] = {}
    errors: dict[str, EngineError] = {}
    for pair in several:
        try:
            results[pair.name] = call(pair)
        except EngineError as error:
            errors[pair.name] = error
            if isinstance(error, AwsError) and error.code != "NoSuchBucket":
                break
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        details = {name: error.details for name, error in errors.items()}
        raise ObjectsError(" ".join(str(error) for error in errors.values()), details=details | results)
    return results


# What is one bucket's alone, and is found in its own result.
_OWN = ("diff", "evidence", "manifest", "capabilities")


def combined(results: Mapping[str, Result]) -> Result:
    """Return one result for all: numbers added up, lists joined, each bucket's own in ``buckets``.

    A pair without a name is the only one: its result is the whole.
    """
    if "" in results:
        return {**results[""], "buckets": {}}
    every = list(results.values())
    whole = {key: {} if key in _OWN else _sum([result[key] for result in every]) for key in every[0]}
    if "is_equal" in whole:
        whole["is_equal"] = all(result["is_equal"] for result in every)
    if "diff" in whole:
        whole["diff"] = [result["diff"] for result in every]
    return {**whole, "buckets": dict(results)}


def _sum(values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, bool):
        return any(values)
    if isinstance(first, str):
        return "; ".join(values)
    if isinstance(first, list):
        return list(chain.from_iterable(values))
    if isinstance(first, dict):
        keys = dict.fromkeys(chain.from_iterable(values))
        return {key: _sum([value[key] for value in values if key in value]) for key in keys}
    return round(sum(values), 2)

"""Rules about the source's database and store, and the target's buckets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any

from engines.errors import ConfigurationError
from engines.postgres.session import parse
from engines.preflight.configuration.same_place import place
from engines.preflight.model import Finding, Rule, Settings, is_reference
from engines.stack import Bucket, bucket_ids

_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]*[a-z0-9]")
# S3 keeps these for itself.
_RESERVED_HEADS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_TAILS = ("-s3alias", "--ol-s3", "--x-s3")


def _source_database(settings: Settings) -> Iterator[Finding]:
    if not settings.source_database:
        yield Finding(
            "platform_source_database", "is not set", "Set postgresql://user:password@host:port/database."
        )
    elif not is_reference(settings.source_database):
        try:
            parse(settings.source_database)
        except ConfigurationError as error:
            yield Finding("platform_source_database", error.what, error.remedy)


def _source_store(settings: Settings) -> Iterator[Finding]:
    store: Mapping[str, Any] = settings.source_store
    if not settings.source_buckets:
        return
    for key in ("endpoint", "access_key", "secret_key", "region"):
        if not store.get(key):
            yield Finding(f"platform_source_store.{key}", "is not set", "Set that of the source store.")
    endpoint = str(store.get("endpoint") or "")
    if endpoint and not (re.fullmatch(r"https?://[^/@\s]+/?", endpoint) and place(endpoint)[0]):
        yield Finding(
            "platform_source_store.endpoint", "is not an address", "Set one such as http://old-host:9000."
        )


def _buckets(settings: Settings) -> Iterator[Finding]:
    sources, targets = list(settings.source_buckets), list(settings.target_buckets)
    prefixes = list(settings.prefixes) or [("", "")] * len(sources)
    yield from _logical_ids(settings)
    for name in _repeated(list(settings.bucket_names)):
        yield Finding("platform_buckets", f"{name!r} is named twice", "Give each entry a name of its own.")
    prefixed = set(settings.prefixed_buckets)
    for name in dict.fromkeys(targets):
        if name not in prefixed:
            yield from _bucket("platform_buckets", name)
    # The prefix is at fault for all of them: one is enough to see it.
    at_fault = (
        found for name in settings.prefixed_buckets for found in _bucket("platform_bucket_prefix", name)
    )
    yield from islice(at_fault, 1)
    for side, names in ((0, sources), (1, targets)):
        for name in dict.fromkeys(names):
            within = [one[side] for one, bucket in zip(prefixes, names, strict=False) if bucket == name]
            if _overlap(within):
                yield Finding(
                    "platform_buckets",
                    f"{name!r} is named twice",
                    "Name each bucket once, or give each entry a prefix that begins no other.",
                )


def _logical_ids(settings: Settings) -> Iterator[Finding]:
    """Judge whether the template can tell the buckets from one another."""
    if _repeated(list(settings.bucket_names)):
        return
    named = zip(settings.bucket_names, settings.target_buckets, strict=True) if settings.bucket_names else ()
    try:
        bucket_ids([Bucket(name, target) for name, target in named])
    except ConfigurationError as error:
        yield Finding("platform_buckets", f"{error.subject} {error.what}", error.remedy)


def _overlap(prefixes: Sequence[str]) -> bool:
    """Return whether a key could begin with two of them: then two entries would own one object."""
    ordered = sorted(prefixes)
    return any(after.startswith(before) for before, after in pairwise(ordered))


def _own_buckets(settings: Settings) -> Iterator[Finding]:
    """Judge the buckets of the ledger and of access logs, of which each is for itself."""
    others = list(settings.target_buckets)
    for variable, name in (
        ("platform_state_bucket", settings.state_bucket),
        ("platform_access_logs_bucket", settings.access_logs_bucket),
    ):
        if name in others:
            yield Finding(variable, f"{name!r} is used for something else", "Name a bucket of its own.")
        elif name:
            yield from _bucket(variable, name)
            others.append(name)


def _bucket(variable: str, name: str) -> Iterator[Finding]:
    if not _BUCKET.fullmatch(name) or not 3 <= len(name) <= 63 or _reserved(name):  # noqa: PLR2004 - AWS's own limits
        yield Finding(
            variable,
            f"{name!r} cannot name a bucket",
            "Take 3 to 63 of a-z, 0-9 and hyphen, with a letter or digit at both ends.",
        )


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _reserved(bucket: str) -> bool:
    return bucket.startswith(_RESERVED_HEADS) or bucket.endswith(_RESERVED_TAILS)


def _endpoints(settings: Settings) -> Iterator[Finding]:
    for endpoint in settings.endpoints:
        if not endpoint.get("url"):
            yield Finding(endpoint["variable"], "is not set", "Set its address.")
        elif settings.real_account and not place(endpoint["url"])[0]:
            yield Finding(endpoint["variable"], "is not an address", "Set one such as http://old-host:8000.")
        elif "@" in endpoint["url"]:  # the ledger keeps addresses, and messages show them
            yield Finding(endpoint["variable"], "holds a user or a password", "Set the address without them.")


def _space(settings: Settings) -> Iterator[Finding]:
    if settings.minimum_free_mib < 0:
        yield Finding("preflight_minimum_free_mib", "is negative", "Set a number of MiB, or 0.")


RULES: tuple[Rule, ...] = (_source_database, _source_store, _buckets, _own_buckets, _endpoints, _space)

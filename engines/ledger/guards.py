"""Checks before the first change: whether the account is the configured one, and whether a ledger exists."""

from __future__ import annotations

from collections.abc import Mapping

from engines import aws
from engines.errors import ConfigurationError
from engines.ledger.lock import LOCK_KEY
from engines.ledger.store import Store
from engines.ownership import require_ours


def check_account(account_id: str, *, first: bool) -> None:
    """Raise ``ConfigurationError`` unless the credentials are those of ``account_id``.

    It is asked when a run opens its ``first`` phase; an empty id asks nothing.
    """
    if not account_id or not first:
        return
    with aws.translated("AWS account"):
        actual = str(aws.client("sts").get_caller_identity()["Account"])
    if actual != account_id:
        raise ConfigurationError(
            f"the credentials are those of account {actual}, the inventory names {account_id}",
            subject="platform_account_id",
            remedy="Sign in to the account that is meant (platform_aws_profile), or name the other one.",
        )


def check_owner(store: Store, tags: Mapping[str, str], *, first: bool) -> None:
    """Raise ``RefusedError`` if the state bucket is another environment's; asked with the ``first`` phase."""
    if first and tags:
        require_ours(f"state bucket {store.bucket}", store.tags(), tags)


def make_bucket(
    store: Store, region: str, *, tags: Mapping[str, str] | None = None, check_mode: bool
) -> bool:
    """Make the state bucket if need be, versioned, encrypted and closed; return whether it was missing.

    The lock is the first thing that is written, so a bucket without one may be a bucket half-made.
    """
    if store.read(LOCK_KEY).etag:
        return False
    missing = not store.exists()
    if not check_mode:
        if missing:
            store.create(region)
        store.secure(tags)
    return missing

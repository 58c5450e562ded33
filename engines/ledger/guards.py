"""Checks before the first change: whether the account is the configured one, and whether a ledger exists."""

from __future__ import annotations

from collections.abc import Mapping

from engines import aws
from engines.errors import ConfigurationError, RefusedError
from engines.ledger.lock import LOCK_KEY
from engines.ledger.model import GOING_LIVE, State
from engines.ledger.standing import Event
from engines.ledger.store import Store
from engines.ownership import TAG, objection, require_ours


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


def check_owner(store: Store, tags: Mapping[str, str], *, first: bool, adopt: str = "") -> None:
    """Raise ``RefusedError`` unless the state bucket is this environment's; asked with the ``first`` phase.

    An empty one without tags is one that was never finished.
    """
    if not first or not tags or not store.exists():
        return
    carried = store.tags()
    if carried or not store.is_empty():
        require_ours(f"state bucket {store.bucket}", carried, tags, adopt)


def known_event(
    state: State,
    event: Event,
    carried: Mapping[str, str],
    wanted: Mapping[str, str],
    *,
    adopt: str,
    subject: str,
) -> Event:
    """Return ``event``, which the service ``subject`` shows, as one of the migration's own release.

    A service of which the ledger knows no release was made by somebody else, or the ledger was lost. It says
    nothing of this migration's data, so that it is refused (``RefusedError``) unless ``adopt`` names the
    environment: then one that ``carried`` our tag has served users, and any other counts as absent.
    """
    if event == "absent" or state.standing != "not live":
        return event
    # That the phase began says nothing: its trial may have failed before the service was touched.
    if GOING_LIVE in state.phases and not objection(carried, wanted):
        return event
    require_ours(subject, carried, wanted, adopt)
    if adopt and adopt == wanted.get(TAG):
        return "absent" if objection(carried, wanted) else event
    raise RefusedError(
        "runs, and the ledger knows of no release of it. Nothing was changed",
        subject=subject,
        remedy="If the ledger was lost, restore its objects' previous versions. If somebody has made the "
        f"service, delete it. To go on as it is, pass -e platform_adopt={wanted.get(TAG, 'ENVIRONMENT')}: "
        "if it was released by an earlier migration, its data are then left as they are.",
    )


def make_bucket(
    store: Store, region: str, *, tags: Mapping[str, str] | None = None, check_mode: bool
) -> bool:
    """Make the state bucket if need be, versioned, encrypted and closed; return whether it was missing.

    The lock is the first thing that is written, so a bucket without one may be a bucket half-made.
    """
    if store.read(LOCK_KEY).etag and (not tags or TAG not in tags or TAG in store.tags()):
        return False
    missing = not store.exists()
    if not check_mode:
        if missing:
            store.create(region)
        store.secure(tags)
    return missing

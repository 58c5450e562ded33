"""Rules about names, the account and what is addressed within it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache

from botocore.loaders import create_loader

from engines.preflight.model import Finding, Rule, Settings

_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_ACCOUNT = re.compile(r"\d{12}")
_PATH = re.compile(r"(?:/[a-zA-Z0-9_.-]+)+")
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:([a-z0-9-]+):(\d{12}):certificate/[a-f0-9-]+")


def _account(settings: Settings) -> Iterator[Finding]:
    if not settings.account_id and not settings.real_account:
        return
    if not _ACCOUNT.fullmatch(settings.account_id):
        what = f"{settings.account_id!r} is not an account id" if settings.account_id else "is not set"
        yield Finding("platform_account_id", what, "Set the 12 digits of the account, in quotes.")


def _region(settings: Settings) -> Iterator[Finding]:
    region = settings.region
    if not _REGION.fullmatch(region):
        yield Finding("platform_region", f"{region!r} is not a region", "Set one such as eu-central-1.")
    elif region not in (known := _known_regions()):
        near = " or ".join(get_close_matches(region, known, n=2)) or "eu-central-1"
        yield Finding(
            "platform_region",
            f"AWS has no region {region!r} that botocore knows of",
            f"Set one such as {near}; for a newer one, update botocore.",
        )


@cache
def _known_regions() -> list[str]:
    """Return the regions of every partition of AWS, from the small one of botocore's two lists."""
    partitions = create_loader().load_data("partitions")["partitions"]
    return [region for one in partitions for region in one["regions"] if _REGION.fullmatch(region)]


def _name(settings: Settings) -> Iterator[Finding]:
    name = settings.name
    if not _NAME.fullmatch(name) or not 2 <= len(name) <= 32 or name.startswith("internal-") or "--" in name:  # noqa: PLR2004 - AWS's own limits
        yield Finding(
            "platform_name",
            f"{name!r} cannot name a load balancer, a repository and a stack",
            "Take 2 to 32 of a-z, 0-9 and single hyphens, beginning with a letter, and not with internal-.",
        )


def _parameter_path(settings: Settings) -> Iterator[Finding]:
    path = settings.parameter_path
    if path and (not _PATH.fullmatch(path) or path.lower().startswith(("/aws", "/ssm"))):
        yield Finding(
            "platform_parameter_path",
            f"{path!r} is not a path for parameters",
            "Set one such as /shop/production: no slash at its end, and not below /aws or /ssm.",
        )


def _certificate(settings: Settings) -> Iterator[Finding]:
    arn = settings.certificate_arn
    match = _CERTIFICATE.fullmatch(arn)
    if not arn:
        return
    if match is None:
        yield Finding(
            "provision_certificate_arn", f"{arn!r} is not the ARN of a certificate", "Copy it from ACM."
        )
    elif settings.region in _known_regions() and match[1] != settings.region:
        yield Finding(
            "provision_certificate_arn",
            f"the certificate is in {match[1]}, the load balancer in {settings.region}",
            "Request one in the load balancer's region.",
        )
    elif _ACCOUNT.fullmatch(settings.account_id) and match[2] != settings.account_id:
        yield Finding(
            "provision_certificate_arn",
            f"the certificate belongs to account {match[2]}, not to {settings.account_id}",
            "Request one in the account that is migrated to.",
        )


def _domain(settings: Settings) -> Iterator[Finding]:
    domain, zone = settings.domain, settings.hosted_zone
    if not domain and (zone or _CERTIFICATE.fullmatch(settings.certificate_arn)):
        given = "platform_hosted_zone" if zone else "provision_certificate_arn"
        yield Finding("platform_domain", f"is empty, and {given} is set", "Set the domain that it is for.")
    elif "." in zone and not f".{domain}".endswith(f".{zone.rstrip('.')}"):
        yield Finding(
            "platform_hosted_zone",
            f"{zone} does not hold {domain}",
            "Name the zone of that domain, or leave it empty.",
        )


RULES: tuple[Rule, ...] = (_account, _region, _name, _parameter_path, _certificate, _domain)

"""Whose the resources are that have this platform's names: none may be another environment's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from engines import ownership
from engines.aws import AwsError, translated
from engines.preflight.model import Finding, Settings
from engines.preflight.prerequisites.clients import Cloud, Question

Tags = Mapping[str, str]
# What AWS answers where there is no such thing, or where it has no tags.
_ABSENT = frozenset(
    {"404", "NoSuchBucket", "ValidationError", "ClusterNotFoundException", "RepositoryNotFoundException"}
)
_TAGLESS = "NoSuchTagSet"


@dataclass(frozen=True)
class Named:
    """A resource that is found by name. ``ask`` returns its tags, or None where there is none."""

    variable: str
    subject: str
    ask: Callable[[], Tags | None]


def questions(cloud: Cloud) -> list[Question]:
    """Return one question for each kind of resource; none where the environment has no name."""
    settings = cloud.settings
    if not settings.environment or not settings.name:
        return []
    named = [
        Named("platform_name", f"stack {settings.name}", _stack(cloud)),
        Named("platform_name", f"service {settings.name}", _service(cloud)),
        Named("platform_name", f"image repository {settings.name}", _repository(cloud)),
    ]
    if settings.state_bucket:
        subject = f"bucket {settings.state_bucket}"
        named.append(Named("platform_state_bucket", subject, _state_bucket(cloud)))
    ssm = cloud.client("ssm")
    named += [
        Named("platform_parameter_path", f"parameter {name}", partial(_parameter, ssm, name))
        for name in _written(settings)
    ]
    return [partial(_finding, cloud, one) for one in named]


def _finding(cloud: Cloud, named: Named) -> Iterator[Finding]:
    wanted = {ownership.TAG: cloud.settings.environment}
    try:
        with translated(named.subject):
            carried = named.ask()
    except AwsError as error:
        if error.code not in _ABSENT:
            cloud.cannot_ask(f"whose the {named.subject} is", error)
        return
    if carried is None:
        return
    what = ownership.objection(carried, wanted, cloud.settings.adopt)
    if what:
        remedy = ownership.remedy(carried, cloud.settings.environment)
        yield Finding(named.variable, f"the {named.subject} {what}", remedy)


def _stack(cloud: Cloud) -> Callable[[], Tags | None]:
    cloudformation, name = cloud.client("cloudformation"), cloud.settings.name

    def ask() -> Tags | None:
        [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        tags = _tags(found.get("Tags", []))
        # AWS gives no tags to a change set that nobody has executed, nor to an import.
        begun = str(found["StackStatus"]).startswith(("REVIEW_IN_PROGRESS", "IMPORT_"))
        return None if begun and not tags else tags

    return ask


def _service(cloud: Cloud) -> Callable[[], Tags | None]:
    ecs, name = cloud.client("ecs"), cloud.settings.name

    def ask() -> Tags | None:
        found = ecs.describe_services(cluster=name, services=[name], include=["TAGS"])["services"]
        if not found or found[0]["status"] == "INACTIVE":
            return None
        return {one["key"]: one["value"] for one in found[0].get("tags", [])}

    return ask


def _repository(cloud: Cloud) -> Callable[[], Tags | None]:
    ecr, name = cloud.client("ecr"), cloud.settings.name

    def ask() -> Tags | None:
        [found] = ecr.describe_repositories(repositoryNames=[name])["repositories"]
        return _tags(ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"])

    return ask


def _state_bucket(cloud: Cloud) -> Callable[[], Tags | None]:
    s3, name = cloud.client("s3"), cloud.settings.state_bucket

    def ask() -> Tags | None:
        try:
            with translated(f"bucket {name}"):
                return _tags(s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except AwsError as error:
            if error.code != _TAGLESS:
                raise
        # One that was never finished is empty.
        return {} if s3.list_objects_v2(Bucket=name, MaxKeys=1).get("KeyCount") else None

    return ask


def _parameter(ssm: Any, name: str) -> Tags | None:
    if not ssm.get_parameters(Names=[name])["Parameters"]:
        return None
    return _tags(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"])


def _written(settings: Settings) -> Sequence[str]:
    """Return the names of the parameters that a run writes; one that it only reads may be anybody's."""
    path = settings.parameter_path.rstrip("/")
    return [
        name if (name := str(one["name"])).startswith("/") else f"{path}/{name}"
        for one in settings.secrets or ()
        if one.get("name") and (one.get("value") or one.get("compose"))
    ]


def _tags(listed: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in listed}

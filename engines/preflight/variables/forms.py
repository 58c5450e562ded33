"""The forms that a text can be asked to have, each with what is said of one that has not, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Form(NamedTuple):
    """What is accepted, what anything else is not, and how to write one."""

    accepts: Callable[[str], object]
    name: str
    remedy: str


def _matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"[\s@?#]", text)
    return good and port != 0


def _is_host_and_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return (
        bool(re.fullmatch(r"[\w.-]+|\[[0-9a-fA-F:]+\]", host)) and port.isdigit() and 0 < int(port) <= _PORTS
    )


def _is_path(text: str) -> bool:
    return bool(text.strip()) and text == text.strip() and not re.search(r"[\x00-\x1f]", text)


_PORTS = 65535
_TAG = _matches(r"[\w\s.:/=+@-]*")
_SQL = r"[A-Za-z_][A-Za-z0-9_$]{0,62}"
_REFERENCE = r"(?:ssm:/[\w.-]+(?:/[\w.-]+)*|env:[A-Za-z_]\w*)"

FORMS: Mapping[str, Form] = {
    "account": Form(_matches(r"\d{12}"), "an account id", "Write the 12 digits of the account, in quotes."),
    "arn_of_role": Form(
        _matches(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"), "the ARN of a role", "Copy it from IAM."
    ),
    "arn_of_target_group": Form(
        _matches(r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/[\w-]+/\w+"),
        "the ARN of a target group",
        "Copy it from the load balancer's target groups.",
    ),
    "aws_name": Form(
        _matches(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}"),
        "a name that AWS takes",
        "Use letters, digits, _ and hyphens, and begin with a letter or digit.",
    ),
    "bucket": Form(
        _matches(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
        "the name of a bucket",
        "Use 3 to 63 of a-z, 0-9 and hyphens, with a letter or digit at both ends.",
    ),
    "bucket_prefix": Form(
        _matches(r"[a-z0-9][a-z0-9-]{0,61}"),
        "the beginning of a bucket's name",
        "Use a-z, 0-9 and hyphens, such as shop-.",
    ),
    "cidr": Form(
        _matches(r"(?:\d{1,3}\.){3}\d{1,3}/\d{1,2}"), "an address range", "Write one such as 10.30.0.0/16."
    ),
    "database_address": Form(
        _matches(rf"{_REFERENCE}|postgres(?:ql)?(?:\+\w+)?://.+|.*\bhost(?:addr)?=.*"),
        "the address of a database",
        "Set postgresql://user:password@host:port/database, or a reference such as ssm:/name.",
    ),
    "environment": Form(
        # Production's own task definitions are called so: NAME-worker-mail, NAME-relay.
        _matches(r"(?!(?:worker|relay)(?:-|$))[a-z][a-z0-9-]{0,30}[a-z0-9]"),
        "the name of an environment",
        "Use 2 to 32 of a-z, 0-9 and hyphens, such as production, beginning with a letter,"
        " but not with worker or relay.",
    ),
    "environment_variable": Form(
        _matches(r"[A-Za-z_][A-Za-z0-9_]*"),
        "the name of an environment variable",
        "Use letters, digits and _, such as LOG_LEVEL.",
    ),
    "extension": Form(
        _matches(r"[a-z0-9_][a-z0-9_-]{0,62}"), "the name of an extension", "Write one such as pg_trgm."
    ),
    "field_path": Form(
        _matches(r"[\w*:-]+(?:\.[\w*:-]+)*"), "a path in an answer", "Write one such as results.*.id."
    ),
    "header": Form(
        _matches(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), "the name of a header", "Write one such as X-API-Key."
    ),
    "header_value": Form(
        _matches(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?"),
        "a value that a header can carry",
        "Use printable ASCII, or a reference such as ssm:/name.",
    ),
    "domain": Form(
        _matches(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"),
        "a domain",
        "Write it in small letters, such as shop.example.org.",
    ),
    "hosted_zone": Form(
        _matches(r"Z[A-Z0-9]{4,31}|(?:[a-z0-9_-]+\.)+[a-z0-9-]+"),
        "a hosted zone",
        "Write its name, such as example.org, or its id.",
    ),
    "place": Form(
        lambda text: _is_host_and_port(text if ":" in text else f"{text}:1"),
        "a host, or host:port",
        "Write one such as shop-1.us-east-1.elb.amazonaws.com.",
    ),
    "host_and_port": Form(_is_host_and_port, "host:port", "Write one such as db.example.org:5432."),
    "image": Form(
        _matches(r"[\w.:/-]+@sha256:[0-9a-f]{64}"),
        "an image by digest",
        "Set repository@sha256:… as the container phase returns it.",
    ),
    "label": Form(
        _matches(r"[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?"),
        "the name of a label",
        "Use lower-case letters, digits, dots and hyphens, such as org.opencontainers.image.title.",
    ),
    "log_group": Form(
        _matches(r"[\w./#-]{1,512}"), "the name of a log group", "Write one such as /ecs/shop."
    ),
    "parameter": Form(
        _matches(r"(?:arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter)?(?:/[\w.-]+)+"),
        "a parameter's name or ARN",
        "Name the parameter in SSM that holds the value, such as /shop/production/API_KEY.",
    ),
    "parameter_path": Form(
        _matches(r"(?:/[a-zA-Z0-9_.-]+)+"), "a path for parameters", "Write one such as /shop/production."
    ),
    "number": Form(_matches(r"\d+"), "a number", "Write digits alone."),
    "path": Form(_is_path, "a path", "Name a file or folder, without space or line break at its ends."),
    "profile": Form(
        _matches(r"[^\s\[\]]+"), "the name of an AWS profile", "Name a profile of ~/.aws/config."
    ),
    "python": Form(_matches(r"3\.\d{1,2}"), "a version of Python", "Write one such as 3.13, in quotes."),
    "qualified_name": Form(
        _matches(rf"{_SQL}\.{_SQL}|\"?[^\".]+\"?\.\"?[^\".]+\"?"),
        "schema.table",
        "Write the schema and the table, such as public.rankings.",
    ),
    "rds_identifier": Form(
        _matches(r"(?=.{1,63}$)[a-z](?:-?[a-z0-9])*"),
        "the identifier of an instance",
        "Use up to 63 of a-z, 0-9 and single hyphens, beginning with a letter.",
    ),
    "region": Form(_matches(r"[a-z]{2}(?:-[a-z]+)+-\d"), "a region", "Write one such as eu-central-1."),
    "repository": Form(
        _matches(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*"),
        "the name of a repository",
        "Use lower-case letters, digits and single . _ / - between them.",
    ),
    "repository_url": Form(
        _matches(r"[\w.-]+(?::\d+)?/[a-z0-9]+(?:[._/-][a-z0-9]+)*"),
        "host/name",
        "Write host/name, without a scheme.",
    ),
    "request_path": Form(
        _matches(r"/[^\s#]*"), "the path of a request", "Begin it with a slash, such as /health."
    ),
    "revision": Form(
        _matches(r"head|heads|[\w.+@-]+"),
        "a schema revision",
        "Write head, or a revision's name such as 0004.",
    ),
    "rollback_point": Form(
        _matches(r"[\w:.+/-]+"),
        "a revision, a digest or a point in time",
        "Write one such as shop:3, a template's digest, or 2026-11-26T03:55:00Z.",
    ),
    "run": Form(
        _matches(r"[\w.-]+(?:@[\w.-]+)?"), "a run, or user@host", "Copy it from playbooks/status.yml."
    ),
    "security_group": Form(_matches(r"sg-[\w-]+"), "a security group", "Write one such as sg-0a1b."),
    "sql_name": Form(_matches(_SQL), "a name in SQL", "Use letters, digits and _, at most 63 of them."),
    "stack": Form(
        _matches(r"[A-Za-z][A-Za-z0-9-]{0,127}"),
        "the name of a stack",
        "Use letters, digits and hyphens, beginning with a letter.",
    ),
    "stack_password": Form(
        _matches(r"[\w-]+"), "a password of the rehearsal", "Use letters, digits, _ and hyphens."
    ),
    "subnet": Form(_matches(r"subnet-[\w-]+"), "a subnet", "Write one such as subnet-0a1b."),
    "tag_key": Form(
        lambda text: 1 <= len(text) <= 128 and _TAG(text) and not text.lower().startswith("aws:"),  # noqa: PLR2004 - AWS's own limits
        "the key of a tag",
        "Use 1 to 128 letters, digits, spaces and _.:/=+-@, and do not begin with aws:.",
    ),
    "tag_value": Form(
        lambda text: len(text) <= 256 and _TAG(text),  # noqa: PLR2004 - AWS's own limits
        "the value of a tag",
        "Use at most 256 letters, digits, spaces and _.:/=+-@.",
    ),
    "image_tag": Form(
        _matches(r"\w[\w.-]{0,127}"), "a tag of an image", "Use letters, digits, _, . and hyphens."
    ),
    "version": Form(_matches(r"\d+(?:\.\w+)*"), "a version", "Write one such as 1.2.0."),
    "url": Form(_is_url, "a URL", "Write one such as https://shop.example.org, without user or password."),
    "url_options": Form(
        _matches(r"\?[\w.~%-]+=[\w.~%/-]*(?:&[\w.~%-]+=[\w.~%/-]*)*"),
        "the options of a database URL",
        "Begin with a question mark, such as ?sslmode=require.",
    ),
}

"""Secrets by reference: a module receives the location of a secret and reads it in its own process.

So a secret is never an Ansible variable, and cannot be printed at any verbosity.
"""

from __future__ import annotations

import os

from engines.errors import ConfigurationError


def resolve(reference: str) -> str:
    """Return the value that ``reference`` stands for.

    ``ssm:/name`` is a parameter in SSM Parameter Store (decrypted), ``env:NAME`` an environment variable;
    anything else is the value itself. Raises ``ConfigurationError`` when the place is empty, and ``AwsError``
    when SSM cannot be asked.
    """
    kind, separator, name = reference.partition(":")
    if not separator or kind not in {"ssm", "env"}:
        return reference
    if kind == "env":
        if name not in os.environ:
            raise ConfigurationError(
                "is not set", subject=f"environment variable {name}", remedy="Export it."
            )
        return os.environ[name]
    return _parameter(name)


def _parameter(name: str) -> str:
    # Importing boto3 takes a third of a second: only where a parameter is read.
    from engines.aws import AwsError, client, translated  # noqa: PLC0415 - as said above

    try:
        with translated(f"SSM parameter {name}"):
            return str(client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except AwsError as error:
        if error.code != "ParameterNotFound":
            raise
        raise ConfigurationError(
            "does not exist",
            subject=f"SSM parameter {name}",
            remedy="The provision phase creates it: run `ansible-playbook playbooks/provision.yml`.",
        ) from error

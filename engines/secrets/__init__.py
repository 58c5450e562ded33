"""Secrets in SSM Parameter Store: each is given, generated once, or composed of others."""

from engines.secrets.apply import ensure, wanted_from
from engines.secrets.errors import SecretError

__all__ = ["SecretError", "ensure", "wanted_from"]

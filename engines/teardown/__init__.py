"""Teardown of a platform: inspect it, plan, delete it, and prove that nothing is left."""

from engines.teardown.apply import teardown
from engines.teardown.errors import TeardownError
from engines.teardown.model import Platform

__all__ = ["Platform", "TeardownError", "teardown"]

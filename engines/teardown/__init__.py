"""Taking a platform down: what is there, what would be done, doing it, and the proof that nothing is left."""

from engines.teardown.apply import teardown
from engines.teardown.errors import TeardownError
from engines.teardown.model import Platform

__all__ = ["Platform", "TeardownError", "teardown"]

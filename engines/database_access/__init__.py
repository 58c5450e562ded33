"""The way to a private database, opened and proven: a relay, a forwarded port, or a route of this machine."""

from engines.database_access.apply import closed, enter, opened
from engines.database_access.errors import AccessError
from engines.database_access.model import MODES, Access, Relay, read, writes

__all__ = ["MODES", "Access", "AccessError", "Relay", "closed", "enter", "opened", "read", "writes"]

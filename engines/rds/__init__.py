"""A database instance brought back to an earlier moment: restored beside, compared, switched to."""

from engines.rds.apply import restore, switch
from engines.rds.errors import RollbackError
from engines.rds.model import RollbackRequest, read
from engines.rds.verification import Users

__all__ = ["RollbackError", "RollbackRequest", "Users", "read", "restore", "switch"]

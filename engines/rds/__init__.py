"""Point-in-time rollback of an RDS instance: restore a second one, compare the two, switch their names."""

from engines.rds.apply import restore, switch
from engines.rds.errors import RollbackError
from engines.rds.model import RollbackRequest, read
from engines.rds.verification import Users

__all__ = ["RollbackError", "RollbackRequest", "Users", "read", "restore", "switch"]

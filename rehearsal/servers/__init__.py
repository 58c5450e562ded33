"""The servers of a rehearsal: PostgreSQL with backups, the S3 store, the AWS emulator and the service."""

from rehearsal.servers import backups, ministack, object_store, postgres, service
from rehearsal.servers.ministack import ACCOUNT_ID, REGION, Emulator
from rehearsal.servers.object_store import KEY, ObjectStore, StorePorts
from rehearsal.servers.postgres import PASSWORD, PostgresServer
from rehearsal.servers.rds import AUTHORITY, Guard

__all__ = [
    "ACCOUNT_ID",
    "AUTHORITY",
    "KEY",
    "PASSWORD",
    "REGION",
    "Emulator",
    "Guard",
    "ObjectStore",
    "PostgresServer",
    "StorePorts",
    "backups",
    "ministack",
    "object_store",
    "postgres",
    "service",
]

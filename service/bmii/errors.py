"""The one family of errors that a user of the service may see."""

from __future__ import annotations


class BmiiError(Exception):
    """Something a person has to know. ``code`` is for programs, ``message`` for people; no secret in it.

    ``status`` is the HTTP status that the error becomes when a request caused it.
    """

    code = "error"
    status = 500

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.status = status or self.status


class ConfigurationError(BmiiError):
    """The environment does not describe a service that can run. No request ever sees it."""

    code = "configuration"


class MoleculeError(BmiiError):
    """What was given is not a molecule that can be ranked."""

    code = "invalid_smiles"
    status = 422


class StorageError(BmiiError):
    """The object store could not be reached, or refused."""

    code = "object_store_unavailable"
    status = 503


class MissingObjectError(StorageError):
    """The object (or its bucket) is not there."""

    code = "object_missing"


class DatabaseError(BmiiError):
    """The database could not be reached, or is not ready for the service."""

    code = "database_unavailable"
    status = 503


class ModelError(BmiiError):
    """There is no search index that can be trusted."""

    code = "model_unavailable"
    status = 503


class IngestError(BmiiError):
    """A file cannot be ingested. Nothing of it was kept."""

    code = "ingest"

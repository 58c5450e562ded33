"""Copying objects: in one request or many parts, hashed on the way."""

from engines.objects.transfer.apply import Executor
from engines.objects.transfer.confirmation import found_as_written
from engines.objects.transfer.object_copy import Copied
from engines.objects.transfer.unfinished import abort_upload, unfinished_uploads

__all__ = ["Copied", "Executor", "abort_upload", "found_as_written", "unfinished_uploads"]

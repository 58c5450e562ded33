"""Objects on their way: one request or many parts, hashed as they pass."""

from engines.objects.transfer.apply import Executor
from engines.objects.transfer.object_copy import Copied
from engines.objects.transfer.unfinished import abort_upload, unfinished_uploads

__all__ = ["Copied", "Executor", "abort_upload", "unfinished_uploads"]

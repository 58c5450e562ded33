"""Objects on their way: one request or many parts, hashed as they pass."""

from engines.objects.transfer.apply import Executor
from engines.objects.transfer.multipart import abort_upload, unfinished_uploads
from engines.objects.transfer.object_copy import Copied

__all__ = ["Copied", "Executor", "abort_upload", "unfinished_uploads"]

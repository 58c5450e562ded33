"""The operator's own IAM policy: what goes into it, and how it is made ready for an account."""

from engines.policy import compose, document
from engines.policy.compose import RECORDED
from engines.policy.document import Document, fill, split
from engines.policy.page import page

__all__ = ["RECORDED", "Document", "compose", "document", "fill", "page", "split"]

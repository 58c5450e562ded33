"""The operator's own IAM policy: what goes into it, and how it is made ready for an account."""

from engines.policy import model, plan
from engines.policy.model import Document, fill, split
from engines.policy.plan import RECORDED
from engines.policy.results import page

__all__ = ["RECORDED", "Document", "fill", "model", "page", "plan", "split"]

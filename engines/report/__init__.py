"""The report of a migration: what was done, copied and proven, from the ledger alone."""

from engines.report.collect import SCHEMA, collect
from engines.report.markdown import markdown
from engines.report.pack import pack
from engines.report.page import html
from engines.report.recheck import recheck
from engines.report.results import write

__all__ = ["SCHEMA", "collect", "html", "markdown", "pack", "recheck", "write"]

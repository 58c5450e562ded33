"""The plan of the whole migration: what each phase would do, as one page to approve."""

from engines.migration_plan.cost import estimate
from engines.migration_plan.plan import Place, summarise
from engines.migration_plan.results import lines

__all__ = ["Place", "estimate", "lines", "summarise"]

"""Everything that an operator does, as commands, and the AWS calls that each of them makes."""

from rehearsal.operator_jobs.jobs import JOBS, Job, Outcome
from rehearsal.operator_jobs.record import general, main, summary
from rehearsal.operator_jobs.rehearsal import Rehearsal

__all__ = ["JOBS", "Job", "Outcome", "Rehearsal", "general", "main", "summary"]

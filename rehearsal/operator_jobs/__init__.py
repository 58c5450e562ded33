"""Everything that an operator does, as commands, and the AWS calls that each of them makes."""

from rehearsal.operator_jobs.jobs import JOBS, Done, Job, World, general, main, summary

__all__ = [
    "JOBS",
    "Done",
    "Job",
    "World",
    "general",
    "main",
    "summary",
]

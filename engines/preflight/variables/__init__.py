"""One description of every variable, and the check of a configuration against it."""

from engines.preflight.variables.check import Configuration, find, missing
from engines.preflight.variables.description import Description, described, secrets
from engines.preflight.variables.forms import FORMS
from engines.preflight.variables.shapes import SHAPES

__all__ = ["FORMS", "SHAPES", "Configuration", "Description", "described", "find", "missing", "secrets"]

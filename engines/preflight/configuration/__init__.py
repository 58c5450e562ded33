"""Checks of the configuration alone, without any connection."""

from engines.preflight.configuration.checks import check, find
from engines.preflight.configuration.endpoints import find as find_wrong_addresses
from engines.preflight.configuration.profiles import endpoint_section
from engines.preflight.configuration.profiles import find as find_wrong_profiles
from engines.preflight.configuration.same_place import place

__all__ = ["check", "endpoint_section", "find", "find_wrong_addresses", "find_wrong_profiles", "place"]

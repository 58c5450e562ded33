"""Checks before anything is changed: the configuration first, then the prerequisites."""

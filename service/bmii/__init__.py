"""BMII, the Biological Molecular Interaction Intelligence service: ranks protein targets for a molecule."""

__version__ = "1.4.0"

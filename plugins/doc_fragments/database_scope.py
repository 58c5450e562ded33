"""Which schemas and tables of a database a module covers."""

from __future__ import annotations


class ModuleDocFragment:
    """What ``extends_documentation_fragment`` takes in."""

    DOCUMENTATION = r"""
options:
  schemas:
    description: Look at these schemas only, and at no extensions then. Without any, at everything.
    type: list
    elements: str
    default: []
  exclude_tables:
    description: Tables to leave out, as C(schema.table), or C(table) in C(public); quoted as in SQL
      where needed.
    type: list
    elements: str
    default: []
"""

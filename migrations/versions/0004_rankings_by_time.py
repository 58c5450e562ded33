"""Find recent rankings fast, and say in the database what its tables are.

Adds only: the service of version 1.4 runs before and after it.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COMMENTS = {
    "compounds": "Ligands, once per standardised structure; id is the id in the search index",
    "targets": "Proteins by UniProt accession",
    "interactions": "A compound acts on a target, as one source measured it",
    "ingests": "Files that were taken in, by SHA-256",
    "rankings": "Answers that were given",
}


def upgrade() -> None:
    """Add the index and the comments."""
    op.create_index("ix_rankings_created_at", "rankings", ["created_at"])
    for table, comment in _COMMENTS.items():
        op.create_table_comment(table, comment)


def downgrade() -> None:
    """Remove them."""
    for table in _COMMENTS:
        op.drop_table_comment(table)
    op.drop_index("ix_rankings_created_at", "rankings")

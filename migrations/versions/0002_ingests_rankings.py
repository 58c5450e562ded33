"""Which file an interaction came from, and which answers were given.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables; interactions that are there already belong to an ingest of their own."""
    op.create_table(
        "ingests",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("rows_accepted", sa.Integer(), nullable=False),
        sa.Column("rows_rejected", sa.Integer(), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ingests"),
        sa.UniqueConstraint("sha256", name="uq_ingests_sha256"),
    )
    op.add_column("interactions", sa.Column("ingest_id", sa.BigInteger(), nullable=True))
    op.execute(
        "INSERT INTO ingests (sha256, file_name, rows_accepted, rows_rejected) "
        "SELECT 'before-0002', 'unknown', count(*), 0 FROM interactions HAVING count(*) > 0"
    )
    op.execute("UPDATE interactions SET ingest_id = (SELECT id FROM ingests WHERE sha256 = 'before-0002')")
    op.alter_column("interactions", "ingest_id", nullable=False)
    op.create_foreign_key(
        "fk_interactions_ingest_id_ingests", "interactions", "ingests", ["ingest_id"], ["id"]
    )
    op.create_index("ix_interactions_ingest_id", "interactions", ["ingest_id"])
    op.create_table(
        "rankings",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("smiles", sa.Text(), nullable=False),
        sa.Column("top_k", sa.Integer(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("results", postgresql.JSONB(), nullable=False),
        sa.Column("milliseconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rankings"),
    )


def downgrade() -> None:
    """Drop both, with their rows."""
    op.drop_table("rankings")
    op.drop_column("interactions", "ingest_id")
    op.drop_table("ingests")

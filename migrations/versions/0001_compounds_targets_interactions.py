"""Compounds, targets, and the interactions between them.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "compounds",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("smiles", sa.Text(), nullable=False),
        sa.Column("formula", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(fingerprint) = 256", name="ck_compounds_fingerprint"),
        sa.PrimaryKeyConstraint("id", name="pk_compounds"),
        sa.UniqueConstraint("smiles", name="uq_compounds_smiles"),
    )
    op.create_index("ix_compounds_name", "compounds", ["name"])
    op.create_table(
        "targets",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("accession", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_targets"),
        sa.UniqueConstraint("accession", name="uq_targets_accession"),
    )
    op.create_index("ix_targets_symbol", "targets", ["symbol"])
    op.create_table(
        "interactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("compound_id", sa.BigInteger(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("activity_type", sa.Text(), nullable=False),
        sa.Column("value_nm", sa.Numeric(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint("value_nm > 0", name="ck_interactions_value_nm"),
        sa.ForeignKeyConstraint(
            ["compound_id"], ["compounds.id"], name="fk_interactions_compound_id_compounds"
        ),
        sa.ForeignKeyConstraint(["target_id"], ["targets.id"], name="fk_interactions_target_id_targets"),
        sa.PrimaryKeyConstraint("id", name="pk_interactions"),
        sa.UniqueConstraint(
            "compound_id",
            "target_id",
            "activity_type",
            "source",
            name="uq_interactions_compound_id_target_id_activity_type_source",
        ),
    )
    op.create_index("ix_interactions_compound_id", "interactions", ["compound_id"])
    op.create_index("ix_interactions_target_id", "interactions", ["target_id"])


def downgrade() -> None:
    """Drop them, with their rows."""
    for table in ("interactions", "targets", "compounds"):
        op.drop_table(table)

"""Activity types are an enumeration, compounds have properties, potency is computed, targets have a summary.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ACTIVITY = postgresql.ENUM(
    "Ki", "Kd", "IC50", "EC50", "AC50", "mechanism", "other", name="activity_type", create_type=False
)
_SUMMARY = """
CREATE VIEW target_summary AS
SELECT t.accession, t.symbol, t.name,
       count(DISTINCT i.compound_id) AS ligands,
       max(i.potency) AS best_potency
FROM targets t LEFT JOIN interactions i ON i.target_id = t.id
GROUP BY t.id
"""


def upgrade() -> None:
    """Change types in place; a type that the enumeration does not have becomes ``other``."""
    _ACTIVITY.create(op.get_bind())
    op.execute(
        "ALTER TABLE interactions ALTER COLUMN activity_type TYPE activity_type USING "
        "(CASE WHEN activity_type = ANY (enum_range(NULL::activity_type)::text[]) "
        "THEN activity_type ELSE 'other' END)::activity_type"
    )
    # -log10 of the molar value, as chemists compare strength: 1 nM is 9.
    potency = sa.Computed("round(9 - log(value_nm), 3)", persisted=True)
    op.add_column("interactions", sa.Column("potency", sa.Numeric(), potency, nullable=True))
    properties = sa.Column("properties", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    op.add_column("compounds", properties)
    op.create_index("ix_compounds_properties", "compounds", ["properties"], postgresql_using="gin")
    op.execute(_SUMMARY)


def downgrade() -> None:
    """Back to plain text; properties are lost."""
    op.execute("DROP VIEW target_summary")
    op.drop_index("ix_compounds_properties", "compounds")
    op.drop_column("compounds", "properties")
    op.drop_column("interactions", "potency")
    op.execute("ALTER TABLE interactions ALTER COLUMN activity_type TYPE text")
    _ACTIVITY.drop(op.get_bind())

"""Who has borrowed a book."""

import sqlalchemy as sa
from alembic import op

revision = "b2"
down_revision = "a1"


def upgrade() -> None:
    op.add_column("books", sa.Column("lent_to", sa.Text))

"""The index that a switch of models can be rolled back to."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("state", sa.Column("previous_index", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("state", "previous_index")

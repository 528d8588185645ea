"""Several outcomes of the same picture, or of none, in one job."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Say of each outcome which candidate it is."""
    op.add_column("job_item", sa.Column("candidate", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop that."""
    op.drop_column("job_item", "candidate")

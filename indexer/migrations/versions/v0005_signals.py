"""What people did with pictures, and how they steer what is recommended to them."""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    """Make the tables."""
    _people()
    _signals()


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("rewritten", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user"),
    )
    op.create_table(
        "interest",
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(precision=53), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"]),
        sa.PrimaryKeyConstraint("user", "picture_id"),
    )


def _signals() -> None:
    op.create_table(
        "signal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("signal_user", "signal", ["user", "id"])
    op.create_index("signal_user_picture", "signal", ["user", "picture_id", "kind", "id"])
    op.create_index("signal_picture", "signal", ["picture_id"])
    op.create_table(
        "standing",
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("signal_id", sa.Integer(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"]),
        sa.PrimaryKeyConstraint("user", "picture_id"),
    )
    op.create_index("standing_kind", "standing", ["user", "kind", "counts", "signal_id"])
    op.create_index("standing_signal", "standing", ["user", "signal_id"])


def downgrade() -> None:
    """Drop them."""
    for table in ("standing", "signal", "interest", "person"):
        op.drop_table(table)

"""What is made from pictures: jobs, and how each outcome came to be."""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Make the tables."""
    _jobs()
    _items()
    _edits()


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("confirm", sa.Boolean(), nullable=False),
        sa.Column("confirm_rights", sa.Boolean(), nullable=False),
        sa.Column("preview", sa.Boolean(), nullable=False),
        sa.Column("preview_path", sa.Text(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("retry_of", sa.Integer(), nullable=True),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(length=256), nullable=True),
        sa.Column("heartbeat", sa.DateTime(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("log", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("job_state", "job", ["state", "id"])
    op.create_index("job_owner", "job", ["owner", "state"])
    op.create_index("job_turn", "job", ["owner", "turn"])
    op.create_index("job_latest", "job", ["turn"])


def _items() -> None:
    op.create_table(
        "job_item",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=True),
        sa.Column("further", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("seconds", sa.Float(precision=53), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("outcome_id", sa.Integer(), nullable=True),
        sa.Column("outcome_path", sa.Text(), nullable=True),
        sa.Column("cosine", sa.Float(precision=53), nullable=True),
        sa.Column("ssim", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"]),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"]),
        sa.ForeignKeyConstraint(["outcome_id"], ["picture.id"]),
        sa.PrimaryKeyConstraint("job_id", "position"),
    )
    op.create_index("job_item_state", "job_item", ["job_id", "state", "position"])
    op.create_index("job_item_picture", "job_item", ["picture_id"])


def _edits() -> None:
    op.create_table(
        "edit",
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("model_hash", sa.String(length=64), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(length=256), nullable=True),
        sa.Column("cosine", sa.Float(precision=53), nullable=True),
        sa.Column("ssim", sa.Float(precision=53), nullable=True),
        sa.Column("source_type", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"]),
        sa.PrimaryKeyConstraint("picture_id"),
    )
    op.create_index("ix_edit_operation", "edit", ["operation"])
    op.create_index("ix_edit_job_id", "edit", ["job_id"])
    op.create_table(
        "edit_source",
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["picture_id"], ["edit.picture_id"]),
        sa.ForeignKeyConstraint(["parent_id"], ["picture.id"]),
        sa.PrimaryKeyConstraint("picture_id", "position"),
    )
    op.create_index("edit_source_parent", "edit_source", ["parent_id", "role", "picture_id"])


def downgrade() -> None:
    """Drop them."""
    for table in ("edit_source", "edit", "job_item", "job"):
        op.drop_table(table)

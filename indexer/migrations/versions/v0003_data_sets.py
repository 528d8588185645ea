"""What imported data sets say of pictures."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"

_STATEMENTS = ("label", "attribute", "box")


def upgrade() -> None:
    """Make the tables, and let captions name their source."""
    op.create_table(
        "source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_table(
        "member",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("split", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
        sa.PrimaryKeyConstraint("source_id", "picture_id"),
    )
    op.create_index("ix_member_picture_id", "member", ["picture_id"])
    _statements()
    with op.batch_alter_table("caption") as batch:
        batch.add_column(sa.Column("source_id", sa.Integer(), nullable=True))
        batch.create_foreign_key("caption_source", "source", ["source_id"], ["id"])
        batch.create_index("ix_caption_source_id", ["source_id"])


def downgrade() -> None:
    """Drop them, and the captions that came with them."""
    op.execute("DELETE FROM caption WHERE source_id IS NOT NULL")
    with op.batch_alter_table("caption") as batch:
        batch.drop_index("ix_caption_source_id")
        batch.drop_constraint("caption_source", type_="foreignkey")
        batch.drop_column("source_id")
    for table in (*_STATEMENTS, "member", "source"):
        op.drop_table(table)


def _statements() -> None:
    columns: dict[str, list[sa.Column[Any]]] = {
        "label": [
            sa.Column("text", sa.Text(), nullable=False),
            sa.Column("synset", sa.String(length=16), nullable=True),
        ],
        "attribute": [
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("text", sa.Text(), nullable=True),
            sa.Column("number", sa.Float(precision=53), nullable=True),
            sa.Column("flag", sa.Boolean(), nullable=False),
        ],
        "box": [
            sa.Column("name", sa.Text(), nullable=False),
            *(sa.Column(name, sa.Float(precision=53), nullable=False) for name in ("x", "y", "width", "height")),
            sa.Column("supercategory", sa.Text(), nullable=True),
        ],
    }
    for table in _STATEMENTS:
        op.create_table(
            table,
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("picture_id", sa.Integer(), nullable=False),
            sa.Column("source_id", sa.Integer(), nullable=False),
            *columns[table],
            sa.ForeignKeyConstraint(["picture_id"], ["picture.id"]),
            sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
            sa.PrimaryKeyConstraint("id"),
        )
        op.create_index(f"ix_{table}_picture_id", table, ["picture_id"])
        op.create_index(f"ix_{table}_source_id", table, ["source_id"])

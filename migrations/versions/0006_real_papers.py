"""Real papers: piles, pages with their pictures and words, the ledger of pictures that left for a model."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "piles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("assignment_id", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="reading", nullable=False),
        sa.Column("closed", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("bundles", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_piles_assignment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by"], ["users.id"], name=op.f("fk_piles_uploaded_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_piles")),
        sa.UniqueConstraint("assignment_id", "token", name=op.f("uq_piles_assignment_id_token")),
    )
    op.create_index(
        "ix_piles_open", "piles", ["id"], unique=False, postgresql_where=sa.text("state = 'reading'")
    )
    op.create_table(
        "paper_pages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("paper_id", sa.BigInteger(), nullable=True),
        sa.Column("pile_id", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("bundle", sa.BigInteger(), nullable=True),
        sa.Column("source_key", sa.String(), nullable=False),
        sa.Column("source_name", sa.String(), nullable=False),
        sa.Column("source_page", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("source_part", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("by", sa.String(), server_default="", nullable=False),
        sa.Column("text", sa.String(), server_default="", nullable=False),
        sa.Column("words", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("readings", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("struck", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("codes", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("image_key", sa.String(), nullable=True),
        sa.Column("thumb_key", sa.String(), nullable=True),
        sa.Column("width", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("height", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("quality", sa.Double(), nullable=True),
        sa.Column("blank", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("repair", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "paper_id is not null or pile_id is not null", name=op.f("ck_paper_pages_somewhere")
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_paper_pages_paper_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pile_id"], ["piles.id"], name=op.f("fk_paper_pages_pile_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_pages")),
    )
    op.create_index(op.f("ix_paper_pages_image_key"), "paper_pages", ["image_key"], unique=False)
    op.create_index(
        op.f("ix_paper_pages_paper_id_position"), "paper_pages", ["paper_id", "position"], unique=False
    )
    op.create_index(
        op.f("ix_paper_pages_pile_id_position"), "paper_pages", ["pile_id", "position"], unique=False
    )
    op.create_index(op.f("ix_paper_pages_source_key"), "paper_pages", ["source_key"], unique=False)
    op.create_index(op.f("ix_paper_pages_thumb_key"), "paper_pages", ["thumb_key"], unique=False)
    op.create_table(
        "sent_images",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("assignment_id", sa.BigInteger(), nullable=False),
        sa.Column("page_id", sa.BigInteger(), nullable=True),
        sa.Column("image_key", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("masked", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignments.id"],
            name=op.f("fk_sent_images_assignment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["page_id"], ["paper_pages.id"], name=op.f("fk_sent_images_page_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_images")),
    )
    op.create_index(
        op.f("ix_sent_images_assignment_id_id"), "sent_images", ["assignment_id", "id"], unique=False
    )
    op.create_index(op.f("ix_sent_images_image_key"), "sent_images", ["image_key"], unique=False)
    op.create_index(op.f("ix_sent_images_page_id"), "sent_images", ["page_id"], unique=False)
    op.add_column("papers", sa.Column("pile_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "papers",
        sa.Column("stale", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
    )
    op.create_index(op.f("ix_papers_pile_id"), "papers", ["pile_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_papers_pile_id"), "papers", "piles", ["pile_id"], ["id"], ondelete="SET NULL"
    )
    # Files of pages go the way that those of papers go (0001).
    op.execute(
        """
        create function note_dropped_page() returns trigger language plpgsql as $$
        begin
            insert into dropped_files (storage_key)
            select key from unnest(array[old.source_key, old.image_key, old.thumb_key]) as key where key is not null;
            return null;
        end $$
        """
    )
    op.execute(
        """
        create function note_dropped_picture() returns trigger language plpgsql as $$
        begin
            insert into dropped_files (storage_key) values (old.image_key);
            return null;
        end $$
        """
    )
    op.execute(
        "create trigger paper_pages_dropped after delete on paper_pages "
        "for each row execute function note_dropped_page()"
    )
    op.execute(
        "create trigger sent_images_dropped after delete on sent_images "
        "for each row execute function note_dropped_picture()"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_papers_pile_id"), "papers", type_="foreignkey")
    op.drop_index(op.f("ix_papers_pile_id"), table_name="papers")
    op.drop_column("papers", "stale")
    op.drop_column("papers", "pile_id")
    op.drop_index(op.f("ix_sent_images_page_id"), table_name="sent_images")
    op.drop_index(op.f("ix_sent_images_image_key"), table_name="sent_images")
    op.drop_index(op.f("ix_sent_images_assignment_id_id"), table_name="sent_images")
    op.drop_table("sent_images")
    op.execute("drop function note_dropped_picture()")
    op.drop_index(op.f("ix_paper_pages_thumb_key"), table_name="paper_pages")
    op.drop_index(op.f("ix_paper_pages_source_key"), table_name="paper_pages")
    op.drop_index(op.f("ix_paper_pages_pile_id_position"), table_name="paper_pages")
    op.drop_index(op.f("ix_paper_pages_paper_id_position"), table_name="paper_pages")
    op.drop_index(op.f("ix_paper_pages_image_key"), table_name="paper_pages")
    op.drop_table("paper_pages")
    op.execute("drop function note_dropped_page()")
    op.drop_index("ix_piles_open", table_name="piles", postgresql_where=sa.text("state = 'reading'"))
    op.drop_table("piles")

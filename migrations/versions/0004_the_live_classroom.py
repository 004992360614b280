"""The live classroom: boards, the screens that show them, and rounds of the quiz with their answers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "boards",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("assignment_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("hidden", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("question_id", sa.BigInteger(), nullable=True),
        sa.Column("picked", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind in ('progress', 'questions', 'misconceptions', 'quiz')", name=op.f("ck_boards_kind")
        ),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_boards_assignment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_boards_question_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boards")),
        sa.UniqueConstraint("assignment_id", "kind", name=op.f("uq_boards_assignment_id_kind")),
    )
    op.create_table(
        "quiz_rounds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("assignment_id", sa.BigInteger(), nullable=False),
        sa.Column("question_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("reference_answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("criteria", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("tolerance", sa.Double(), nullable=True),
        sa.Column("relative", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("picked", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("revealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignments.id"],
            name=op.f("fk_quiz_rounds_assignment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_quiz_rounds_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_quiz_rounds_question_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_rounds")),
    )
    op.create_index(op.f("ix_quiz_rounds_assignment_id"), "quiz_rounds", ["assignment_id"], unique=False)
    op.create_index(
        "uq_quiz_rounds_code",
        "quiz_rounds",
        ["code"],
        unique=True,
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_index(
        "uq_quiz_rounds_open",
        "quiz_rounds",
        ["assignment_id"],
        unique=True,
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_table(
        "quiz_answers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("device_hash", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), server_default="waiting", nullable=False),
        sa.Column("points", sa.Double(), nullable=True),
        sa.Column("group_key", sa.String(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"], ["quiz_rounds.id"], name=op.f("fk_quiz_answers_round_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_answers")),
        sa.UniqueConstraint("round_id", "device_hash", name=op.f("uq_quiz_answers_round_id_device_hash")),
    )
    op.create_table(
        "screens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("board_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("label", sa.String(), server_default="", nullable=False),
        sa.Column("paired_by", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["board_id"], ["boards.id"], name=op.f("fk_screens_board_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["paired_by"], ["users.id"], name=op.f("fk_screens_paired_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_screens_token_hash")),
    )
    op.create_index(op.f("ix_screens_board_id"), "screens", ["board_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_screens_board_id"), table_name="screens")
    op.drop_table("screens")
    op.drop_table("quiz_answers")
    op.drop_index(
        "uq_quiz_rounds_open", table_name="quiz_rounds", postgresql_where=sa.text("closed_at is null")
    )
    op.drop_index(
        "uq_quiz_rounds_code", table_name="quiz_rounds", postgresql_where=sa.text("closed_at is null")
    )
    op.drop_index(op.f("ix_quiz_rounds_assignment_id"), table_name="quiz_rounds")
    op.drop_table("quiz_rounds")
    op.drop_table("boards")

"""Quiz rounds: where phones come to, when a round closes by itself; answers that wait to be graded."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("quiz_rounds", sa.Column("origin", sa.String(), server_default="", nullable=False))
    op.add_column("quiz_rounds", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_quiz_rounds_code", "quiz_rounds", ["code", "id"], unique=False)
    op.create_index(
        "ix_quiz_answers_waiting",
        "quiz_answers",
        ["id"],
        unique=False,
        postgresql_where=sa.text("verdict = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_index("ix_quiz_answers_waiting", table_name="quiz_answers")
    op.drop_index("ix_quiz_rounds_code", table_name="quiz_rounds")
    op.drop_column("quiz_rounds", "ends_at")
    op.drop_column("quiz_rounds", "origin")

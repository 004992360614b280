"""Papers that wait to be read are found without looking at all the others.

Health, metrics and every worker ask for them now and then; a school keeps a hundred thousand papers, with their text.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "ix_papers_unread", "papers", ["id"], unique=False, postgresql_where=sa.text("state = 'received'")
    )


def downgrade() -> None:
    op.drop_index("ix_papers_unread", table_name="papers")

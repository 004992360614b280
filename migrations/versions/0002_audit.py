"""The audit, append-only; and who decided a mark cannot be taken from it.

`marks.decided_by` and `mark_changes.user_id` said ON DELETE SET NULL. A run may write where `decided_by` is null, and
a change by null reads as the engine's: deleting an account would have opened a teacher's red ink to the next run.
Accounts are disabled, never deleted; now the database says so too.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

HANDS = (("marks", "decided_by"), ("mark_changes", "user_id"))


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(), server_default="", nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_kind", sa.String(), server_default="", nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.String(), server_default="", nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_at"), "audit_entries", ["at"], unique=False)
    op.create_index(
        op.f("ix_audit_entries_actor_id_action_at"),
        "audit_entries",
        ["actor_id", "action", "at"],
        unique=False,
    )
    # Retention must be able to remove old entries: it says so in its own transaction (app/audit/store.py).
    op.execute(
        """
        create function keep_audit() returns trigger language plpgsql as $$
        begin
            if tg_op <> 'UPDATE' and current_setting('zhupi.audit_prune', true) = 'on' then
                return old;
            end if;
            raise exception 'audit_entries is append-only' using errcode = 'restrict_violation';
        end $$
        """
    )
    op.execute(
        "create trigger audit_is_kept before update or delete on audit_entries "
        "for each row execute function keep_audit()"
    )
    op.execute(
        "create trigger audit_is_not_emptied before truncate on audit_entries "
        "for each statement execute function keep_audit()"
    )
    for table, column in HANDS:
        _refer(table, column, "RESTRICT")


def downgrade() -> None:
    for table, column in HANDS:
        _refer(table, column, "SET NULL")
    op.drop_table("audit_entries")
    op.execute("drop function keep_audit()")


def _refer(table: str, column: str, ondelete: str) -> None:
    name = op.f(f"fk_{table}_{column}")
    op.drop_constraint(name, table, type_="foreignkey")
    op.create_foreign_key(name, table, "users", [column], ["id"], ondelete=ondelete)

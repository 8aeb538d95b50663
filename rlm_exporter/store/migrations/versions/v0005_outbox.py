"""Alerts on their way to people: what was asked for, and what became of it at each sink."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "outbox",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("alertname", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=True),
        sa.Column("server", sa.String(), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("last_asked_at", TIME, nullable=False),
        sa.CheckConstraint("status IN ('firing', 'resolved')", name=op.f("ck_outbox_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_key", "outbox", ["key"])
    op.create_table(
        "outbox_delivery",
        sa.Column("message_id", ROW_ID, nullable=False),
        sa.Column("sink", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'taken', 'given_up')", name=op.f("ck_outbox_delivery_state")
        ),
        sa.CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name=op.f("ck_outbox_delivery_ended")),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["outbox.id"],
            name=op.f("fk_outbox_delivery_message_id_outbox"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", "sink", name=op.f("pk_outbox_delivery")),
    )
    op.create_index("ix_outbox_delivery_state", "outbox_delivery", ["state"])

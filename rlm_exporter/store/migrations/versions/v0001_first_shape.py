"""The first shape: clusters, operations with their steps, alerts, decisions that held."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out, not taken from `tables.py`: a step stays what it was when the tables move on.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create every table; on SQLite the caller's transaction covers all of it."""
    _create_cluster()
    _create_operation()
    _create_alert()
    op.create_table(
        "decision",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_decision_cluster_at"), "decision", ["cluster", "at"])
    op.create_table(
        "write_check",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_check")),
    )


def _create_cluster() -> None:
    op.create_table(
        "cluster",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("active", sa.String(), nullable=False),
        sa.Column("active_since", TIME, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("highest_epoch", sa.BigInteger(), nullable=False),
        sa.Column("cooldown_until", TIME, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("highest_epoch >= epoch", name=op.f("ck_cluster_epochs")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cluster")),
    )
    op.create_table(
        "pin",
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME, nullable=True),
        sa.CheckConstraint("kind IN ('settle', 'failover', 'maintenance')", name=op.f("ck_pin_kind")),
        sa.ForeignKeyConstraint(
            ["cluster"], ["cluster.name"], name=op.f("fk_pin_cluster_cluster"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cluster", "server", name=op.f("pk_pin")),
    )


def _create_operation() -> None:
    op.create_table(
        "operation",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("committed_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('first_start', 'adopt', 'failover', 'switchover', 'failback', 'resync')",
            name=op.f("ck_operation_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'committed', 'aborted', 'failed')", name=op.f("ck_operation_state")
        ),
        sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name=op.f("ck_operation_ended")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_operation_open",
        "operation",
        ["cluster"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_operation_idempotency_key",
        "operation",
        ["cluster", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(op.f("ix_operation_cluster_started_at"), "operation", ["cluster", "started_at"])
    op.create_table(
        "operation_step",
        sa.Column("operation_id", ROW_ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("intent_at", TIME, nullable=False),
        sa.Column("done_at", TIME, nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('done', 'partial', 'failed', 'skipped')", name=op.f("ck_operation_step_outcome")
        ),
        sa.CheckConstraint("(outcome IS NULL) = (done_at IS NULL)", name=op.f("ck_operation_step_done")),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
            name=op.f("fk_operation_step_operation_id_operation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation_id", "number", name=op.f("pk_operation_step")),
    )


def _create_alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("alertname", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=True),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("fingerprint", "starts_at", name=op.f("uq_alert_fingerprint_starts_at")),
        sa.CheckConstraint("status IN ('firing', 'resolved')", name=op.f("ck_alert_status")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_alert_cluster_status"), "alert", ["cluster", "status"])
    op.create_table(
        "operation_alert",
        sa.Column("operation_id", ROW_ID, nullable=False),
        sa.Column("alert_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
            name=op.f("fk_operation_alert_operation_id_operation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alert.id"],
            name=op.f("fk_operation_alert_alert_id_alert"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation_id", "alert_id", name=op.f("pk_operation_alert")),
    )
    op.create_index(op.f("ix_operation_alert_alert_id"), "operation_alert", ["alert_id"])

"""Who used what: the table and the view of Vantage's guide, under its names, with columns of ours."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INTERVAL

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Seconds where there is no such type.
SPAN = INTERVAL().with_variant(sa.Float(), "sqlite")

# The guide counts rows and repeats users; here a user is named once, and seats stand beside sessions.
VIEW = """
CREATE VIEW rlm_current_usage AS
SELECT server_name, feature_name, COUNT(*) AS active_sessions, {users} AS active_users,
       SUM(count) AS active_seats
FROM rlm_usage_log AS log
WHERE checkin_time IS NULL
GROUP BY server_name, feature_name
"""
POSTGRESQL_USERS = "STRING_AGG(DISTINCT user_name, ', ')"
# SQLite's aggregate takes no separator together with DISTINCT.
SQLITE_USERS = "REPLACE(GROUP_CONCAT(DISTINCT user_name), ',', ', ')"


def upgrade() -> None:
    """One table, its indexes and the view."""
    op.create_table(
        "rlm_usage_log",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("server_name", sa.String(255), nullable=True),
        sa.Column("feature_name", sa.String(255), nullable=True),
        sa.Column("user_name", sa.String(255), nullable=True),
        sa.Column("hostname", sa.String(255), nullable=True),
        sa.Column("checkout_time", sa.DateTime(), nullable=True),
        sa.Column("checkin_time", sa.DateTime(), nullable=True),
        sa.Column("session_duration", SPAN, nullable=True),
        sa.Column("active_time", SPAN, nullable=True),
        sa.Column("created_at", sa.DateTime(), server_default=_now(), nullable=True),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("isv", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("session_key", sa.String(), nullable=False),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("checkout_is_ambiguous", sa.Boolean(), nullable=False),
        sa.Column("checkin_is_ambiguous", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("end_is_exact", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.UniqueConstraint("session_key", "month", name=op.f("uq_rlm_usage_log_session_key_month")),
        sa.CheckConstraint(
            "source IN ('polling', 'report_log', 'both')", name=op.f("ck_rlm_usage_log_source")
        ),
        sa.CheckConstraint(
            "end_reason IN ('returned', 'server_down', 'server_restarted', 'failed_over', 'timed_out', "
            "'removed', 'unknown')",
            name=op.f("ck_rlm_usage_log_end_reason"),
        ),
        sa.CheckConstraint(
            "(checkin_time IS NULL) = (end_reason IS NULL)", name=op.f("ck_rlm_usage_log_ended")
        ),
        _key(),
        postgresql_partition_by="RANGE (month)",
    )
    for name, column in (
        ("idx_rlm_usage_server", "server_name"),
        ("idx_rlm_usage_feature", "feature_name"),
        ("idx_rlm_usage_time", "checkout_time"),
        ("idx_rlm_usage_end", "checkin_time"),
    ):
        op.create_index(name, "rlm_usage_log", [column])
    op.create_index("idx_rlm_usage_handle", "rlm_usage_log", ["cluster", "server_name", "handle"])
    out = sa.text("checkin_time IS NULL")
    op.create_index(
        "idx_rlm_usage_open",
        "rlm_usage_log",
        ["cluster", "server_name"],
        postgresql_where=out,
        sqlite_where=out,
    )
    users = POSTGRESQL_USERS if _is_postgresql() else SQLITE_USERS
    op.execute(VIEW.format(users=users))
    _denials()
    _seats()
    _report_logs()


def _denials() -> None:
    op.create_table(
        "rlm_denial_log",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("server_name", sa.String(255), nullable=False),
        sa.Column("isv", sa.String(), nullable=False),
        sa.Column("feature_name", sa.String(255), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("user_name", sa.String(255), nullable=True),
        sa.Column("hostname", sa.String(255), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("denied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_ambiguous", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rlm_denial_log")),
    )
    op.create_index(op.f("ix_rlm_denial_log_cluster_denied_at"), "rlm_denial_log", ["cluster", "denied_at"])
    op.create_index(op.f("ix_rlm_denial_log_denied_at"), "rlm_denial_log", ["denied_at"])


def _seats() -> None:
    op.create_table(
        "rlm_license_seats",
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("isv", sa.String(), nullable=False),
        sa.Column("feature_name", sa.String(255), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=True),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("server_name", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "isv", "feature_name", "since", name=op.f("pk_rlm_license_seats")),
    )


def _report_logs() -> None:
    op.create_table(
        "report_log",
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("isv", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.String(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "server", "isv", name=op.f("pk_report_log")),
    )


def _key() -> sa.PrimaryKeyConstraint:
    """A key of a partitioned table has to name what it is parted by. SQLite counts up single columns only."""
    columns = ("id", "month") if _is_postgresql() else ("id",)
    return sa.PrimaryKeyConstraint(*columns, name=op.f("pk_rlm_usage_log"))


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _now() -> sa.TextClause:
    return sa.text("timezone('UTC', now())" if _is_postgresql() else "CURRENT_TIMESTAMP")

"""What an operator has set of the settings that clients get."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, empty: until somebody sets something, all is as the manifest has it."""
    op.create_table(
        "client_config",
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("servers", sa.String(), nullable=False),
        sa.Column("follows", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode IN ('active-passive')", name=op.f("ck_client_config_mode")),
        sa.PrimaryKeyConstraint("cluster", name=op.f("pk_client_config")),
    )

"""The project of a session, as report logs tell it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column."""
    op.add_column("rlm_usage_log", sa.Column("project", sa.String(255), nullable=True))

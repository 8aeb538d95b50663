"""An operator's day: when a pause ends, and what he has acknowledged."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add two columns; neither is set in a journal that comes from before."""
    op.add_column("cluster", sa.Column("paused_until", TIME, nullable=True))
    op.add_column("cluster", sa.Column("acknowledged_at", TIME, nullable=True))

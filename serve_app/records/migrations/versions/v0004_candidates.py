"""What candidates of jobs note, when they are due again, which of their callbacks came.

Only adds: a process of the version before goes on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "candidates",
        sa.Column("job_id", sa.String(40), primary_key=True),
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("seed", sa.BigInteger(), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("note", sa.JSON()),
        sa.Column("retry_at", sa.Float()),
        sa.Column("called_back", sa.BigInteger(), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    """Not possible: an older program would pay again for what a note tells of."""
    raise NotImplementedError("restore a copy that was made before the upgrade")

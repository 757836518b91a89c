"""Files that callers bring. Only adds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table and its indexes."""
    op.create_table(
        "assets",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
    )
    op.create_index("assets_by_owner", "assets", ["owner", "created_at", "id"])
    op.create_index("assets_by_end", "assets", ["expires_at"])
    unfinished = sa.text("state = 'pending' AND job_id = ''")
    op.create_index("objects_unfinished", "objects", ["state_at"], sqlite_where=unfinished, postgresql_where=unfinished)


def downgrade() -> None:
    """Not possible: files that jobs refer to would stay in storage without an owner."""
    raise NotImplementedError("restore a copy that was made before the upgrade")

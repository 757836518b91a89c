"""Voices of owners, and which jobs speak with them.

Only adds. A process of the version before goes on beside it: it knows no voices, so it accepts no job that has one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables and their indexes."""
    op.create_table(
        "voices",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_key", sa.String(200), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("transcript", sa.Text()),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("consent_at", sa.Float(), nullable=False),
        sa.Column("consent_key_id", sa.String(16)),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("voices_by_name", "voices", ["owner", "name_key"], unique=True)
    op.create_table(
        "voice_uses",
        sa.Column("job_id", sa.String(40), primary_key=True),
        sa.Column("voice_id", sa.String(40), primary_key=True),
    )
    op.create_index("voice_uses_by_voice", "voice_uses", ["voice_id", "job_id"])


def downgrade() -> None:
    """Not possible: references of voices would stay in storage without an owner."""
    raise NotImplementedError("restore a copy that was made before the upgrade")

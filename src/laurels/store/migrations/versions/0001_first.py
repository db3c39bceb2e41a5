"""The first schema."""

from pathlib import Path

from alembic import op

from laurels.store.statements import split

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    for each in split(Path(__file__).with_suffix(".sql").read_text("utf-8")):
        op.execute(each)

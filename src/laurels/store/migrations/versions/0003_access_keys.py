"""Access keys."""

from pathlib import Path

from alembic import op

from laurels.store.statements import split

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    for each in split(Path(__file__).with_suffix(".sql").read_text("utf-8")):
        op.execute(each)

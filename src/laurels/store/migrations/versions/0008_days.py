"""The ledger by day, months that were closed, reminders."""

from pathlib import Path

from alembic import op

from laurels.store.statements import split

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the tables."""
    for each in split(Path(__file__).with_suffix(".sql").read_text("utf-8")):
        op.execute(each)

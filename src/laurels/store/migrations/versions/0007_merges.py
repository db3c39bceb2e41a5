"""Members who became others."""

from pathlib import Path

from alembic import op

from laurels.store.statements import split

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table."""
    for each in split(Path(__file__).with_suffix(".sql").read_text("utf-8")):
        op.execute(each)

"""Why a correction could not be posted for a member."""

from pathlib import Path

from alembic import op

from laurels.store.statements import split

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    for each in split(Path(__file__).with_suffix(".sql").read_text("utf-8")):
        op.execute(each)

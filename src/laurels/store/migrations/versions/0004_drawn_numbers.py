"""Numbers that are drawn, for rows that nothing else tells apart."""

from pathlib import Path

from alembic import op

from laurels.store.statements import split

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make room for them."""
    for each in split(Path(__file__).with_suffix(".sql").read_text("utf-8")):
        op.execute(each)

"""Proposals have identities."""

from pathlib import Path

from alembic import op

from laurels.store.statements import split

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns."""
    for each in split(Path(__file__).with_suffix(".sql").read_text("utf-8")):
        op.execute(each)

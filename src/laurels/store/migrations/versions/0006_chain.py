"""The chain of a member's events covers what came of them as well."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Compute every link anew: no head of a chain has left any database yet. Heads are of what
    was written between two places in the feed."""
    op.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
    op.execute("DROP TABLE chain_heads")  # nothing ever wrote to it
    op.execute(
        "CREATE TABLE chain_heads (program smallint NOT NULL, day date NOT NULL,"
        " position bigint NOT NULL, events bigint NOT NULL, head bytea NOT NULL,"
        " PRIMARY KEY (program, day))"
    )

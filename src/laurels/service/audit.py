"""The record of who did what, and of which staff read whom."""

from __future__ import annotations

from laurels.service.load import rows_of
from laurels.service.programs import Connection
from laurels.service.types import Actor


async def audit(
    connection: Connection,
    at: int,
    actor: Actor,
    action: str,
    program: int | None,
    member: int | None = None,
    detail: str = "",
) -> None:
    """Write down that somebody did something. Part of the caller's transaction."""
    rows = await rows_of(connection, "draw_number")
    await connection.execute(
        "INSERT INTO audit (at, number, actor, action, program, member, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [at, rows[0][0], actor.name, action, program, member, detail],
    )

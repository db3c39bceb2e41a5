"""The record of who did what, and of which staff read whom."""

from __future__ import annotations

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
    await connection.execute(
        "INSERT INTO audit (at, number, actor, action, program, member, detail)"
        " SELECT %(at)s, coalesce(max(number), 0) + 1, %(actor)s, %(action)s, %(program)s,"
        " %(member)s, %(detail)s FROM audit WHERE at = %(at)s AND actor = %(actor)s",
        {"at": at, "actor": actor.name, "action": action, "program": program, "member": member,
         "detail": detail},
    )  # fmt: skip

"""Publishing a program: its text is checked, written, and in force at once."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from laurels.base.errors import RequestError
from laurels.engine.compiled import compile_program
from laurels.engine.packed import layout
from laurels.service.audit import audit
from laurels.service.feed import PROGRAM as TOLD
from laurels.service.feed import tell
from laurels.service.load import rows_of
from laurels.service.prepare import take_hold
from laurels.service.programs import (
    Connection,
    Programs,
    dated,
    difference,
    examine,
    known_since,
    must_stand,
)
from laurels.service.types import Actor, Published


async def publish(
    connection: Connection, programs: Programs, actor: Actor, program: str, text: str, dry_run: bool
) -> Published:
    """Check a text and, unless it is a dry run, put it in force.

    Raises ProgramError with every finding; RequestError where the file is of another program.
    """
    linked, found = await asyncio.to_thread(examine, text, program)
    async with connection.transaction():
        await connection.execute("LOCK TABLE programs IN SHARE ROW EXCLUSIVE MODE")
        number = await _number(connection, program)
        (now, _), *_ = await rows_of(connection, "moment", program=number)
        latest = await _latest(connection, number)
        before = None
        known: dict[str, int] = {}
        if latest is not None:
            epoch, body, said, _ = latest
            before = await programs.running(connection, number, epoch)
            known = msgspec.json.decode(said)
            must_stand(linked, before.compiled.program)
            if body == text:
                state: Any = "in-force" if latest[3] == "ready" else "preparing"
                return Published(program, epoch, state, found, "", before.published_at)
        diff = difference(before.text if before else "", text)
        if dry_run:
            return Published(program, None, "checked", found, diff)
        laid = await asyncio.to_thread(lambda: layout(compile_program(dated(linked, known))))
        epoch = (latest[0] if latest else 0) + 1
        same = before is None or (latest[3] == "ready" and before.layout == laid)
        if before is None:
            # what the file says of its versions is taken at its word, once
            known = {str(each.number): each.published_at for each in linked.versions}
        elif same:
            now, moment = await take_hold(connection, number)
            known = known_since(linked, known, moment)
        await _write(connection, number, program, epoch, text, laid, now, actor, known, same)
        await audit(connection, now, actor, "publish", number, None, f"epoch {epoch}")
        if before is not None:  # nobody listens to a program that was not there
            await tell(connection, number, TOLD["in-force" if same else "preparing"], now,
                       sequence=epoch)  # fmt: skip
    return Published(program, epoch, "in-force" if same else "preparing", found, diff, now)


async def describe(
    connection: Connection, programs: Programs, number: int, at: int
) -> dict[str, Any]:
    """The text of a program at an instant, and its versions: in force, past or coming."""
    rows = await rows_of(connection, "epoch_at", program=number, at=at)
    running = await programs.running(connection, number, rows[0][0])
    linked = running.compiled.program
    current = running.compiled.version_at(at, at)
    return {
        "program": running.name,
        "title": linked.document.title,
        "epoch": running.epoch,
        "published_at": running.published_at,
        "text": running.text,
        "version": linked.versions[current].number if current is not None else None,
        "versions": [
            {
                "version": each.version,
                "note": each.note,
                "effective_from": linked.versions[i].effective_from,
                "published_at": linked.versions[i].published_at,
                "state": "in-force" if i == current else "coming" if current is None or i > current
                else "past",
            }
            for i, each in enumerate(linked.document.versions)
        ],
    }  # fmt: skip


async def _number(connection: Connection, program: str) -> int:
    row = await (
        await connection.execute("SELECT program FROM programs WHERE name = %s", [program])
    ).fetchone()
    if row is not None:
        return int(row[0])
    row = await (
        await connection.execute("SELECT coalesce(max(program), 0) + 1 FROM programs")
    ).fetchone()
    assert row is not None
    if row[0] > 32_000:
        raise RequestError("program-too-many", "there are too many programs", where="program")
    return int(row[0])


async def _latest(connection: Connection, number: int) -> Any:
    cursor = await connection.execute(
        "SELECT epoch, body, instants, state FROM program_texts WHERE program = %s"
        " ORDER BY epoch DESC LIMIT 1",
        [number],
    )
    return await cursor.fetchone()


async def _write(
    connection: Connection, number: int, program: str, epoch: int, text: str, laid: str, now: int,
    actor: Actor, known: dict[str, int], ready: bool,
) -> None:  # fmt: skip
    await connection.execute(
        "INSERT INTO programs (program, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [number, program],
    )
    await connection.execute(
        "INSERT INTO program_texts (program, epoch, body, state, layout, published_at,"
        " published_by, in_force_at, instants) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            number,
            epoch,
            text,
            "ready" if ready else "preparing",
            laid,
            now,
            actor.name,
            now if ready else None,
            msgspec.json.encode(known).decode(),
        ],
    )

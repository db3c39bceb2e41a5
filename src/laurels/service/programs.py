"""Program texts: publishing them, and the compiled program that a batch decides with."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from psycopg import AsyncConnection

from laurels.base.errors import Finding, ProgramError, RequestError
from laurels.engine.compiled import Compiled, compile_program
from laurels.engine.door import Door, door_of
from laurels.engine.packed import layout
from laurels.program import linked as L
from laurels.program.check import check, findings
from laurels.program.loader import parse_document
from laurels.store.statements import statement

Connection = AsyncConnection[Any]


@dataclass
class Running:
    """A program text brought to life.

    budgets  columns of an event's row that tell how much room the budgets have
    """

    number: int
    epoch: int
    compiled: Compiled
    door: Door
    layout: str
    text: str
    published_at: int
    budgets: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The program's identity."""
        return self.compiled.name


class Programs:
    """The programs of a database, as this process knows them."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._running: dict[tuple[int, int], Running] = {}

    async def number(self, connection: Connection, name: str) -> int:
        """The number of a program. Raises RequestError for one that was never published."""
        if name not in self.numbers:
            rows = await connection.execute("SELECT name, program FROM programs")
            self.numbers = dict(await rows.fetchall())
        if name not in self.numbers:
            raise RequestError("program-unknown", f"there is no program `{name}`", where="program")
        return self.numbers[name]

    async def running(self, connection: Connection, number: int, epoch: int | None) -> Running:
        """The program of an epoch, compiled once. Raises RequestError before the first one."""
        if epoch is None:
            raise RequestError(
                "program-not-ready", "no text of the program is in force yet", where="program"
            )
        found = self._running.get((number, epoch))
        if found is None:
            row = await (
                await connection.execute(
                    statement("program_text"), {"program": number, "epoch": epoch}
                )
            ).fetchone()
            assert row is not None
            name, text, instants, published, in_force_at = row
            found = await asyncio.to_thread(
                bring_up, number, epoch, text, msgspec.json.decode(instants), published
            )
            if in_force_at is not None:  # before that, it is not said since when versions are known
                self._running[number, epoch] = found
            self.numbers[name] = number
        return found


def bring_up(
    number: int, epoch: int, text: str, instants: Mapping[str, int], published: int,
    otherwise: int | None = None,
) -> Running:  # fmt: skip
    """Compile a published text, its versions with the instants at which they became known, or
    will: those that no text in force had, `otherwise`."""
    linked = check(parse_document(text, "program.yaml"))
    if otherwise is not None:
        instants = known_since(linked, instants, otherwise)
    compiled = compile_program(dated(linked, instants))
    columns = compiled.slots.columns
    budgets = [columns[f"E_BUDGET_{cap.index}"] for cap in compiled.program.caps if cap.budget]
    return Running(
        number, epoch, compiled, door_of(compiled), layout(compiled), text, published, budgets
    )


def dated(program: L.Linked, instants: Mapping[str, int]) -> L.Linked:
    """A program whose versions became known when they were published here."""
    versions = tuple(
        replace(version, published_at=instants.get(str(version.number), version.published_at))
        for version in program.versions
    )
    return replace(program, versions=versions)


def examine(text: str, program: str) -> tuple[L.Linked, tuple[Finding, ...]]:
    """Check a text. Raises ProgramError with every finding; returns the warnings."""
    document = parse_document(text, "program.yaml")
    linked = check(document)
    if linked.name != program:
        raise RequestError(
            "program-name", f"the file is of program `{linked.name}`", where="program",
            expected=program,
        )  # fmt: skip
    return linked, findings(document)


def known_since(linked: L.Linked, instants: Mapping[str, int], now: int) -> dict[str, int]:
    """When each version became known: those that an earlier text brought, then; the others now,
    or when the file says so, if that is later."""
    return {
        str(each.number): instants.get(str(each.number), max(now, each.published_at))
        for each in linked.versions
    }


def must_stand(linked: L.Linked, before: L.Linked) -> None:
    """What can never change: units, zone, currency; what an event that was taken says and when it
    counts; versions that were published. Raises ProgramError."""
    wrong: list[str] = []
    if (linked.zone, linked.currency) != (before.zone, before.currency):
        wrong.append("the zone and the currency of a program never change")
    old = [(unit.name, unit.scale) for unit in before.units]
    if [(unit.name, unit.scale) for unit in linked.units][: len(old)] != old:
        wrong.append("units never change: neither their precision nor their order")
    if counts_late(linked) != counts_late(before):
        wrong.append("when late events count never changes")
    wrong += retyped(linked, before)
    new = {each.version: each for each in linked.document.versions}
    for version in before.document.versions:
        if version.version not in new:
            wrong.append(f"version {version.version} was published and is gone")
        elif new[version.version].model_dump() != version.model_dump():
            wrong.append(f"version {version.version} was published and has changed")
    if wrong:
        raise ProgramError(
            Finding("error", "program-published", each, hint="add a version instead")
            for each in wrong
        )


def counts_late(linked: L.Linked) -> str | None:
    """From when on a late event counts when it is recorded; None: when it occurred."""
    late = linked.late
    return late.tolerance if late.policy == "when_recorded" else None


def retyped(linked: L.Linked, before: L.Linked) -> list[str]:
    """Attributes that were of another type."""
    pairs = [("member", linked.member, before.member)]
    for name, old in before.events.items():
        new = linked.events.get(name)
        if new is not None:
            pairs += [(name, new.attributes, old.attributes), (name, new.line, old.line)]
    return [
        f"attribute `{attribute}` of `{name}` was a {each.type} and never changes its type"
        for name, said, known in pairs
        for attribute, each in known.items()
        if attribute in said
        and (said[attribute].type, said[attribute].scale) != (each.type, each.scale)
    ]


def difference(old: str, new: str) -> str:
    """Two texts, as a diff."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "published", "proposed", lineterm=""
    )
    return "\n".join(lines)

"""Loading what a batch needs: members, the events that are named, histories from a checkpoint on.

Every statement is asked once for all members of the batch, so their number does not depend on how
many there are. What is named may name more, so the asking goes on until nothing new is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from laurels.engine.door import REFERENCE
from laurels.engine.events import Place
from laurels.service.bodies import read_rest, unpack_bytes
from laurels.service.desk import Found, Member, Start, Stored
from laurels.service.programs import Connection, Running
from laurels.store.rows import numbers
from laurels.store.statements import statement

Known = dict[tuple[str, str], tuple[int, int]]
"""(source, id) -> (member, sequence)"""
BEGINNING = Start(0, None, None)


async def rows_of(connection: Connection, name: str, **values: object) -> list[Any]:
    """The rows of a named statement."""
    cursor = await connection.execute(statement(name), values, prepare=True, binary=True)
    return await cursor.fetchall()


async def run(connection: Connection, name: str, **values: object) -> None:
    """A named statement without rows."""
    await connection.execute(statement(name), values, prepare=True)


async def lock_members(connection: Connection, members: Iterable[int]) -> dict[int, Member]:
    """Lock members in their one order; those that are not free are not there."""
    ordered = sorted(members)
    if not ordered:
        return {}
    rows = await rows_of(connection, "lock", members=numbers(ordered))
    return {row[0]: Member(*row) for row in rows}


async def read_members(connection: Connection, members: Iterable[int]) -> dict[int, Member]:
    """The same, to read."""
    rows = await rows_of(connection, "read_members", members=numbers(sorted(members)))
    return {row[0]: Member(*row) for row in rows}


async def known_ids(connection: Connection, program: int, ids: Iterable[str]) -> Known:
    """Which of these ids are known."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    rows = await rows_of(connection, "known_ids", program=program, ids=asked)
    return {(source, name): (member, sequence) for name, source, member, sequence in rows}


def names_in(kind: str, body: Mapping[str, Any]) -> set[str]:
    """The ids that an event names: what it returns, captures, withdraws, pays."""
    found = {str(body.get(REFERENCE[kind]) or "")} if kind in REFERENCE else set()
    if kind in ("redemption", "hold"):
        found.add(str(body.get("pays") or ""))
    return found - {""}


class Loader:
    """Loads the events of members.

    known  identities that are known already, of whatever member
    """

    def __init__(self, connection: Connection, running: Running, known: Known) -> None:
        self.connection = connection
        self.running = running
        self.known = known
        self.found: dict[int, Found] = {}
        self._asked: set[tuple[int, str]] = set()

    async def load(
        self,
        rows: Mapping[int, Member],
        named: Mapping[int, set[str]],
        late: Mapping[int, Place | None],
    ) -> dict[int, Found]:
        """What these members' events name, and for the late ones all history from before a place
        (None: from the beginning)."""
        for member in rows:
            self.found.setdefault(member, Found())
        wanted: set[tuple[int, int]] = set()
        waiters = [m for m, row in rows.items() if row.waiting and not self.found[m].waiting]
        if waiters:
            for member, sequence in await rows_of(
                self.connection, "waiting", members=numbers(waiters)
            ):
                self.found[member].waiting.add(sequence)
                wanted.add((member, sequence))
        names = {(member, name) for member, asked in named.items() for name in asked}
        if late:
            names |= await self._histories(late)
        while names or wanted:
            wanted |= await self._places_of(names - self._asked)
            self._asked |= names
            names = await self._fetch(wanted) - self._asked
            wanted = set()
        return self.found

    async def _places_of(self, names: set[tuple[int, str]]) -> set[tuple[int, int]]:
        """Where the events stand that have these ids, or name them."""
        if not names:
            return set()
        known = {identity for _, identity in self.known}
        ids = {name for _, name in names} - known
        self.known |= await known_ids(self.connection, self.running.number, ids)
        by_id: dict[str, list[tuple[int, int]]] = {}
        for (_, identity), place in self.known.items():
            by_id.setdefault(identity, []).append(place)
        found = {
            place
            for member, name in names
            for place in by_id.get(name, ())
            if place[0] == member and place[1]
        }
        ordered = sorted(names)
        rows = await rows_of(
            self.connection, "mentions", members=numbers(m for m, _ in ordered),
            names=[name for _, name in ordered],
        )  # fmt: skip
        return found | {(member, sequence) for member, sequence in rows}

    async def _fetch(self, wanted: set[tuple[int, int]]) -> set[tuple[int, str]]:
        """Load events; returns what they name in turn."""
        missing = sorted((m, s) for m, s in wanted if s not in self.found[m].events)
        if not missing:
            return set()
        rows = await rows_of(
            self.connection, "events", members=numbers(m for m, _ in missing),
            sequences=numbers(s for _, s in missing),
        )  # fmt: skip
        return self._keep(rows)

    def _keep(self, rows: Iterable[Any]) -> set[tuple[int, str]]:
        names = set()
        for row in rows:
            stored = Stored(*row)
            self.found[stored.member].events[stored.sequence] = stored
            if stored.type in NAMING:
                for name in names_in(stored.type, read_rest(stored.body)):
                    names.add((stored.member, name))
        return names

    async def _histories(self, late: Mapping[int, Place | None]) -> set[tuple[int, str]]:
        """Checkpoints, the events since, and what was corrected since."""
        asked = {m: place[0] for m, place in late.items() if place is not None}
        starts = dict.fromkeys(late, BEGINNING)
        if asked:
            rows = await rows_of(
                self.connection, "checkpoints", members=numbers(asked),
                instants=numbers(asked.values()),
            )  # fmt: skip
            for member, following, layout, place, state in rows:
                if layout == self.running.layout:
                    starts[member] = Start(following, tuple(unpack_bytes(place)), state)
        for member, start in starts.items():
            self.found[member].start = start
        members = numbers(starts)
        rows = await rows_of(
            self.connection, "events_since", members=members,
            sequences=numbers(start.following for start in starts.values()),
        )  # fmt: skip
        names = self._keep(rows)
        instants = numbers(s.place[0] if s.place else BEFORE for s in starts.values())
        for row in await rows_of(self.connection, "corrected", members=members, instants=instants):
            self.found[row[0]].corrected.append(row)
        return names


NAMING = frozenset({*REFERENCE, "redemption", "hold"})
BEFORE = -9_000_000_000_000_000_000

"""Loading what a batch needs: members, the events that are named, histories from a checkpoint on.

Every statement is asked once for all members of the batch, so their number does not depend on how
many there are. What is named may name more, so the asking goes on until nothing new is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from laurels.engine.door import REFERENCE
from laurels.engine.events import Place
from laurels.engine.join import MERGED
from laurels.service.bodies import read_rest, unpack_bytes
from laurels.service.desk import Absorbed, Found, Member, Side, Start, Stored, absorbed_by
from laurels.service.programs import Connection, Running
from laurels.store.rows import numbers
from laurels.store.trips import together

Known = dict[tuple[str, str], tuple[int, int]]
"""(source, id) -> (member, sequence)"""
BEGINNING = Start(0, None, None)


async def rows_of(connection: Connection, name: str, **values: object) -> list[Any]:
    """The rows of a named statement."""
    return (await together(connection, [(name, values)]))[0]


async def run(connection: Connection, name: str, **values: object) -> None:
    """A named statement without rows."""
    await together(connection, [(name, values)])


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


async def lock_and_know(
    connection: Connection, members: Iterable[int], program: int, ids: Iterable[str]
) -> tuple[dict[int, Member], Known]:
    """Lock members, and see then which of these ids are known."""
    members, ids = sorted(members), sorted(set(ids))
    if not members or not ids:
        return await lock_members(connection, members), await known_ids(connection, program, ids)
    locked, known = await together(connection, [
        ("lock", {"members": numbers(members)}), ("known_ids", {"program": program, "ids": ids}),
    ])  # fmt: skip
    return {row[0]: Member(*row) for row in locked}, known_in(known)


async def known_ids(connection: Connection, program: int, ids: Iterable[str]) -> Known:
    """Which of these ids are known."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    return known_in(await rows_of(connection, "known_ids", program=program, ids=asked))


def known_in(rows: Iterable[Any]) -> Known:
    """Rows of `known_ids`."""
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
        await self._load_sides(rows)
        return self.found

    async def _load_sides(self, rows: Mapping[int, Member]) -> None:
        """The whole of those who became members by events that were loaded."""
        for member in rows:
            found = self.found[member]
            for sequence, stored in found.events.items():
                if stored.type != MERGED or sequence in found.absorbed:
                    continue
                await self._load_side(member, absorbed_by(stored.body))

    async def _load_side(self, member: int, other: int) -> None:
        """The whole of one, and what is named of those who became it in turn."""
        found = self.found[member]
        loader = Loader(self.connection, self.running, {})
        if other not in found.sides:
            row = (await read_members(self.connection, [other]))[other]
            bases = {each[1]: each[2] for each in await self._absorbed([member])}
            await loader.load({other: row}, {}, {other: None})
            found.sides[other] = Side(row, loader.found[other], bases[other])
        side = found.sides[other]
        loader.found[other] = side.found
        inner = {
            (other, number - side.base)
            for number, each in found.absorbed.items()
            if side.base < number <= side.base + side.row.sequence and each.member != other
        }
        await loader._fetch(inner)

    async def _absorbed(self, members: Iterable[int]) -> list[Any]:
        """Everyone who became one of these members: (member, who, base, last, shift), and the
        instant, source and id of the merge."""
        return await rows_of(self.connection, "absorbed", members=numbers(sorted(set(members))))

    async def _places_of(self, names: set[tuple[int, str]]) -> set[tuple[int, int]]:
        """Where the events stand that have these ids, or name them."""
        if not names:
            return set()
        known = {identity for _, identity in self.known}
        ids = sorted({name for _, name in names} - known)
        ordered = sorted(names)
        places, mentions = await together(self.connection, [
            ("known_ids", {"program": self.running.number, "ids": ids}),
            ("mentions", {"members": numbers(m for m, _ in ordered),
                          "names": [name for _, name in ordered]}),
        ])  # fmt: skip
        self.known |= known_in(places)
        by_id: dict[str, list[tuple[int, int]]] = {}
        for (_, identity), place in self.known.items():
            by_id.setdefault(identity, []).append(place)
        found = {
            place
            for member, name in names
            for place in by_id.get(name, ())
            if place[0] == member and place[1]
        }
        strangers = {m for m, name in names for place in by_id.get(name, ())
                     if place[0] != m and place[1]}  # fmt: skip
        if strangers:
            bases = {(m, who): base for m, who, base, *_ in await self._absorbed(strangers)}
            found |= {
                (member, bases[member, who] + sequence)
                for member, name in names
                for who, sequence in by_id.get(name, ())
                if sequence and (member, who) in bases
            }
        return found | {(member, sequence) for member, sequence in mentions}

    async def _fetch(self, wanted: set[tuple[int, int]]) -> set[tuple[int, str]]:
        """Load events; returns what they name in turn."""
        missing = sorted((m, s) for m, s in wanted if s not in self.found[m].events)
        if not missing:
            return set()
        rows = await rows_of(
            self.connection, "events", members=numbers(m for m, _ in missing),
            sequences=numbers(s for _, s in missing),
        )  # fmt: skip
        names = self._keep(rows)
        left = [place for place in missing if place[1] not in self.found[place[0]].events]
        return names | await self._fetch_absorbed(left) if left else names

    async def _fetch_absorbed(self, left: list[tuple[int, int]]) -> set[tuple[int, str]]:
        """Load events of those who became members, by the numbers that they go by there."""
        places: dict[tuple[int, int], list[tuple[int, int, Place, int]]] = {}
        spans = await self._absorbed(member for member, _ in left)
        for member, number in left:
            inner = [
                each
                for each in spans
                if each[0] == member and each[2] < number <= each[2] + each[3]
            ]
            if inner:
                _, who, base, _, shift, at, source, name = inner[-1]  # the one within the others
                places.setdefault((who, number - base), []).append(
                    (member, number, (at, source, name, 0), shift)
                )
        ordered = sorted(places)
        rows = await rows_of(
            self.connection, "events", members=numbers(m for m, _ in ordered),
            sequences=numbers(s for _, s in ordered),
        )  # fmt: skip
        known = []
        for row in rows:
            for member, number, place, shift in places[row[0], row[1]]:
                self.found[member].absorbed[number] = Absorbed(row[0], row[1], place, shift)
                known.append((member, number, *row[2:]))
        return self._keep(known)

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
        sequences = numbers(start.following for start in starts.values())
        instants = numbers(s.place[0] if s.place else BEFORE for s in starts.values())
        events, corrected = await together(self.connection, [
            ("events_since", {"members": members, "sequences": sequences}),
            ("corrected", {"members": members, "instants": instants}),
        ])  # fmt: skip
        for row in corrected:
            self.found[row[0]].corrected.append(row)
        return self._keep(events)


NAMING = frozenset({*REFERENCE, "redemption", "hold"})
BEFORE = -9_000_000_000_000_000_000

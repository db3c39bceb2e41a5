"""One batch: events that arrived together are decided together and written in one transaction.

The order of locks is always the same: names, members, budgets, each sorted; identities of events
last. Members that are not free are put back, so no batch waits for another's members. A batch of
one goes the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from laurels.base.errors import RequestError
from laurels.service.answers import answer_of, first_answer
from laurels.service.bodies import identity, read_rest, rest_of
from laurels.service.decide import (
    AHEAD,
    Budgets,
    Coming,
    More,
    admit,
    date,
    decide,
    look,
    order_of,
    read,
)
from laurels.service.desk import Desk, Member, Stored
from laurels.service.ledger_rows import Names, Row, posting_of, wanted
from laurels.service.load import Known, Loader, known_ids, lock_members, names_in, rows_of, run
from laurels.service.programs import Connection, Programs, Running
from laurels.service.types import Answer
from laurels.service.write import Rows, parked_body
from laurels.store.rows import copy, numbers, text

AGAIN = 4
"""How often a batch is decided anew because more history is needed than was foreseen."""


class Batch:
    """Events of one program in one transaction.

    answers   what became of each, by position; those that are missing were put back
    members   to be brought on to `until` besides, where they are free
    """

    def __init__(
        self, connection: Connection, programs: Programs, number: int, key: bytes,
        comings: list[Coming], members: Iterable[int] = (), until: int | None = None,
    ) -> None:  # fmt: skip
        self.connection = connection
        self.programs = programs
        self.number = number
        self.key = key
        self.comings = comings
        self.members = set(members)
        self.until = until
        self.answers: dict[int, Answer] = {}
        self.put_back: list[int] = []
        self.brought = 0
        self.now = 0
        self.twins: dict[int, int] = {}
        self.running: Running
        self.known: Known = {}

    async def run(self) -> None:
        """Take the events. Raises what the database or an invariant raises: nothing is written."""
        async with self.connection.transaction():
            await self._begin()
            ready = self._read()
            ready = await self._resolve(ready)
            rows = await self._lock(ready)
            ready = [i for i in ready if i not in self.put_back]
            ready = await self._meet_known(ready)
            written = Rows(self.running)
            ready = self._park(ready, rows, written)
            comings = [self.comings[i] for i in ready]
            comings += await self._parked(rows)
            desks = await self._decide(comings, rows)
            for member, desk in desks.items():
                if self.until is not None and member in self.members:
                    desk.advance(min(self.until, self.now))
                    self.brought += 1
                desk.check()
                written.add(desk)
            if written.members:
                await written.write(self.connection)
            for i in ready:
                self._answer(i)
            self._answer_twins()
            await self._write_rejected()

    # -- reading -------------------------------------------------------------------------------

    async def _begin(self) -> None:
        await run(self.connection, "share_program", program=self.number)
        rows = await rows_of(self.connection, "moment", program=self.number)
        self.now, epoch = rows[0]
        self.running = await self.programs.running(self.connection, self.number, epoch)

    def _read(self) -> list[int]:
        """Events that pass the door, the first of each identity."""
        ready = []
        first: dict[tuple[str, str], int] = {}
        for i, coming in enumerate(self.comings):
            twin = first.get((coming.source, coming.id))
            if twin is not None:
                self.twins[i] = twin
                continue
            try:
                read(self.running, coming, self.now)
            except RequestError as error:
                self._reject(i, error)
                continue
            first[coming.source, coming.id] = i
            ready.append(i)
        return ready

    def _reject(self, i: int, error: RequestError, status: Any = "rejected") -> None:
        coming = self.comings[i]
        coming.error = error
        self.answers[i] = Answer(status, coming.source, coming.id, coming.named, error=error)

    async def _resolve(self, ready: list[int]) -> list[int]:
        """From what members are called to members; new names get members."""
        hashed = {self.comings[i].named: b"" for i in ready}
        receivers = {self.comings[i].event.to for i in ready if self.comings[i].event.to}  # type: ignore[union-attr]
        for name in [*hashed, *receivers]:
            hashed[name] = identity(name, self.key)
        members = await resolve(self.connection, self.number, hashed)
        missing = {self.comings[i].named for i in ready} - members.keys()
        if any(unit.transferable for unit in self.running.compiled.program.units):
            missing |= receivers - members.keys()
        if missing:
            wanted = {name: hashed[name] for name in missing}
            members |= await enrol(self.connection, self.number, wanted, self.now)
        for i in ready:
            coming = self.comings[i]
            assert coming.event is not None
            coming.member = members[coming.named]
            if coming.event.to in members:
                coming.to = members[coming.event.to]
                coming.body = rest_of({**coming.raw, "to": f"~{coming.to}"})
        return ready

    async def _lock(self, ready: list[int]) -> dict[int, Member]:
        wanted = {self.comings[i].member for i in ready}
        wanted |= {self.comings[i].to for i in ready if self.comings[i].to}
        rows = await lock_members(self.connection, wanted | self.members)
        held = wanted - rows.keys()
        for i in sorted(ready, key=lambda i: order_of(self.comings[i])):
            # what comes after an event that is put back waits behind it, of both its members
            touched = {self.comings[i].member, self.comings[i].to} - {0}
            if touched & held:
                held |= touched
                self.put_back.append(i)
        return rows

    async def _meet_known(self, ready: list[int]) -> list[int]:
        """Events that are known already get their first answer, or are in conflict."""
        self.known = await known_ids(
            self.connection, self.number, (self.comings[i].id for i in ready)
        )
        again = {i for i in ready if (self.comings[i].source, self.comings[i].id) in self.known}
        if not again:
            return ready
        places = {i: self.known[self.comings[i].source, self.comings[i].id] for i in sorted(again)}
        stored = await fetch(self.connection, {place for place in places.values() if place[1]})
        parked = {
            (row[0], row[1], row[2]): row[6]
            for row in await rows_of(
                self.connection, "parked", members=numbers(m for m, s in places.values() if not s)
            )
        }
        known = await describe(self.connection, self.running, list(stored.values()))
        for i, place in places.items():
            coming = self.comings[i]
            if place[1]:
                self._again(i, stored[place], known[place])
            elif parked.get((place[0], coming.source, coming.id)) in (
                None, parked_body(coming.raw)
            ):  # fmt: skip
                self.answers[i] = Answer("duplicate", coming.source, coming.id, coming.named,
                                         first="parked")  # fmt: skip
            else:
                self._reject(i, conflict(), "conflict")
        return [i for i in ready if i not in again]

    def _again(self, i: int, stored: Stored, answer: Answer) -> None:
        coming = self.comings[i]
        event = coming.event
        assert event is not None
        same = (stored.type, stored.occurred_at, stored.body) == (
            event.type, event.occurred, coming.body
        )  # fmt: skip
        if same or (stored.type == event.type == "member" and stored.body == "{}"):
            self.answers[i] = answer
        else:
            self._reject(i, conflict(), "conflict")

    def _park(self, ready: list[int], rows: Mapping[int, Member], written: Rows) -> list[int]:
        """Events dated ahead wait for their time; members may not take events at all."""
        found = []
        for i in ready:
            coming = self.comings[i]
            event = coming.event
            assert event is not None
            row = rows[coming.member]
            try:
                admit(coming, row)
            except RequestError as error:
                self._reject(i, error)
                continue
            if coming.given is None and event.acts > self.now + AHEAD:
                written.park(row.member, coming.raw, coming.source, coming.id, coming.actor,
                             event.acts, self.now)  # fmt: skip
                row.parked_until = min(row.parked_until or event.acts, event.acts)
                self.answers[i] = Answer("parked", coming.source, coming.id, coming.named)
                continue
            found.append(i)
        return found

    async def _parked(self, rows: Mapping[int, Member]) -> list[Coming]:
        """Events whose time has come."""
        due = [m for m, row in rows.items() if (row.parked_until or self.now + 1) <= self.now]
        if not due:
            return []
        found = []
        for member in due:
            rows[member].parked_until = None
        for row in await rows_of(self.connection, "parked", members=numbers(due)):
            member, source, name, due_at, _, actor, body = row
            if due_at > self.now:
                until = rows[member].parked_until
                rows[member].parked_until = min(until or due_at, due_at)
                continue
            found.append(unparked(rows[member], source, name, due_at, actor, body))
            read(self.running, found[-1], self.now)
        return found

    # -- deciding ------------------------------------------------------------------------------

    async def _decide(self, comings: list[Coming], rows: dict[int, Member]) -> dict[int, Desk]:
        """Load, decide; once more with more history where it turns out to be needed."""
        named: dict[int, set[str]] = {}
        for coming in comings:
            assert coming.event is not None
            names = names_in(coming.event.type, coming.raw)
            named.setdefault(coming.member, set()).update(names)
            if coming.to:
                named.setdefault(coming.to, set())
        for member, row in rows.items():
            if row.parked_until is not None or member in self.members:
                named.setdefault(member, set())
        busy = {member: rows[member] for member in named}
        loader = Loader(self.connection, self.running, self.known)
        late = {m: None for m, row in busy.items() if stale(row, self.running)}
        found = await loader.load(busy, named, late)
        budgets: Budgets | None = None
        desks = {m: Desk(self.running, row, found[m]) for m, row in busy.items()}
        for coming in comings:
            date(self.running, coming, desks[coming.member])
        for _ in range(AGAIN):
            needed = look(sorted(comings, key=order_of), desks)
            if needed:
                found = await loader.load(busy, {}, needed)
                desks |= {m: Desk(self.running, busy[m], found[m]) for m in needed}
                continue
            if budgets is None:
                budgets = await self._budgets(comings)
            budgets.drawn.clear()
            try:
                decide(comings, desks, budgets)
            except More as more:
                found = await loader.load(busy, {}, {more.member: more.place})
                desks = {m: Desk(self.running, row, found[m]) for m, row in busy.items()}
                continue
            await self._settle(budgets)
            return desks
        raise AssertionError("history was loaded and was not enough")

    async def _budgets(self, comings: Iterable[Coming]) -> Budgets:
        """Lock the budgets that the events draw on."""
        budgets = Budgets(self.running)
        if not self.running.budgets:
            return budgets
        purses = sorted({
            name for coming in comings if coming.event is not None
            for cap, name in budgets.of(coming.event) if cap.per != "event"
        })  # fmt: skip
        if purses:
            await run(self.connection, "open_budgets", program=self.number, purses=purses)
            budgets.used = dict(
                await rows_of(self.connection, "lock_budgets", program=self.number, purses=purses)
            )
        return budgets

    async def _settle(self, budgets: Budgets) -> None:
        if budgets.drawn:
            used = [budgets.used[name] + drawn for name, drawn in budgets.drawn.items()]
            await run(self.connection, "write_budgets", program=self.number,
                      purses=list(budgets.drawn), used=numbers(used))  # fmt: skip

    # -- answering -----------------------------------------------------------------------------

    def _answer(self, i: int) -> None:
        coming = self.comings[i]
        if coming.error is not None:
            self._reject(i, coming.error)
        elif coming.new is not None:
            self.answers[i] = answer_of(self.running, coming.new, coming.named)

    def _answer_twins(self) -> None:
        for i, first in self.twins.items():
            coming, other = self.comings[i], self.comings[first]
            if first not in self.answers:
                self.put_back.append(i)
                continue
            answer = self.answers[first]
            if answer.status == "rejected":
                self.answers[i] = answer
            elif same_text(coming, other):
                self.answers[i] = answer if answer.status == "duplicate" else repeated(answer)
            else:
                self._reject(i, conflict(), "conflict")

    async def _write_rejected(self) -> None:
        rejected = {i for i, each in self.answers.items() if each.status == "rejected"}
        if not rejected:
            return
        first = (await rows_of(self.connection, "draw_number"))[0][0]
        rows = []
        for i in sorted(rejected):
            answer = self.answers[i]
            if answer.error is not None:
                error = answer.error
                rows.append("\t".join([
                    str(self.number), str(self.now), str(first + i), text(self.comings[i].actor),
                    text(answer.source), text(answer.id), text(error.code), text(error.where),
                    text(error.message[:500]),
                ]))  # fmt: skip
        await copy(self.connection, "rejected", rows)


def conflict() -> RequestError:
    """The same identity with another body."""
    return RequestError(
        "event-id-conflict", "an event of this id is known with another body", where="id",
        expected="the same body, or another id",
    )  # fmt: skip


def repeated(answer: Answer) -> Answer:
    """An answer, given once more."""
    return Answer(
        "duplicate", answer.source, answer.id, answer.member, answer.sequence, answer.recorded_at,
        answer.status, answer.points, answer.refusal, answer.error, answer.postings,
        answer.balances,
    )  # fmt: skip


def same_text(one: Coming, other: Coming) -> bool:
    """Whether two events say the same, whatever they call the member."""
    return parked_body(one.raw) == parked_body(other.raw)


def stale(row: Member, running: Running) -> bool:
    """Whether a state was saved in a layout that the program has no more."""
    return row.state is not None and row.layout != running.layout


def unparked(row: Member, source: str, name: str, due: int, actor: str, body: str) -> Coming:
    """A parked event, to be taken now as recorded when its time came."""
    raw = read_rest(body)
    raw |= {"id": name, "source": source, "member": row.called, "type": raw.pop("type_"),
            "occurred_at": raw.pop("at_")}  # fmt: skip
    return Coming(raw, source, name, row.called, actor, member=row.member, due=due)


async def resolve(
    connection: Connection, number: int, hashed: Mapping[str, bytes]
) -> dict[str, int]:
    """The members that go by these names; unknown names are not there."""
    if not hashed:
        return {}
    rows = dict(
        await rows_of(connection, "resolve", program=number, identities=list(hashed.values()))
    )
    return {name: rows[each] for name, each in hashed.items() if each in rows}


async def enrol(
    connection: Connection, number: int, hashed: Mapping[str, bytes], now: int
) -> dict[str, int]:
    """New members for new names; a name that came in between keeps its member."""
    wanted = list(hashed.values())
    born = dict(await rows_of(connection, "enrol_identities", program=number, identities=wanted))
    names = {each: name for name, each in hashed.items()}
    if born:
        await run(connection, "enrol_members", program=number, at=now,
                  members=numbers(born.values()), names=[names[each] for each in born])  # fmt: skip
    found = {names[each]: member for each, member in born.items()}
    rest = {name: each for name, each in hashed.items() if name not in found}
    return found | await resolve(connection, number, rest)


async def fetch(
    connection: Connection, places: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Stored]:
    """Events by member and sequence number."""
    ordered = sorted(places)
    if not ordered:
        return {}
    rows = await rows_of(
        connection, "events", members=numbers(m for m, _ in ordered),
        sequences=numbers(s for _, s in ordered),
    )  # fmt: skip
    return {(row[0], row[1]): Stored(*row) for row in rows}


async def describe(
    connection: Connection, running: Running, stored: list[Stored], again: bool = True
) -> dict[tuple[int, int], Answer]:
    """The first answers to events, from what was written."""
    if not stored:
        return {}
    rows = [
        Row(*each)
        for each in await rows_of(
            connection, "postings_of_sequence", members=numbers(each.member for each in stored),
            sequences=numbers(each.sequence for each in stored),
        )
    ]  # fmt: skip
    names = await names_of(connection, rows)
    members = await called(connection, {each.member for each in stored})
    found = {}
    for each in stored:
        postings = [
            posting_of(running, row, members[row.member], names.get(row.member, {}))
            for row in rows
            if (row.member, row.sequence) == (each.member, each.sequence)
        ]
        found[each.member, each.sequence] = first_answer(
            running, each, members[each.member], postings, again
        )
    return found


async def called(connection: Connection, members: Iterable[int]) -> dict[int, str]:
    """What members are called."""
    rows = await rows_of(connection, "called", members=numbers(sorted(members)))
    found = dict(rows)
    return {member: found.get(member, f"~{member}") for member in members}


async def names_of(connection: Connection, rows: list[Row]) -> dict[int, Names]:
    """The names of the events that postings are about, by member."""
    found: dict[int, dict[int, tuple[str, str]]] = {}
    for place, event in (await fetch(connection, wanted(rows))).items():
        found.setdefault(place[0], {})[place[1]] = (event.source, event.id)
    return dict(found)

"""One batch: events that arrived together are decided together and written in one transaction.

The order of locks is always the same: names, members, budgets, each sorted; identities of events
last. Members that are not free are put back, so no batch waits for another's members. A batch of
one goes the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from laurels.base.errors import RequestError
from laurels.service.answers import answer_of, first_answer
from laurels.service.bodies import identity, rest_of
from laurels.service.decide import AHEAD, Budgets, Coming, admit, order_of, read
from laurels.service.desk import CLOSED, ERASED, MERGED, Desk, Member, Stored
from laurels.service.due import decided, due_of, taken_up
from laurels.service.ledger_rows import Name, Names, Row, posting_of, wanted
from laurels.service.load import (
    Known,
    Loader,
    known_ids,
    lock_and_know,
    read_members,
    rows_of,
    run,
)
from laurels.service.names import absorbed_names
from laurels.service.programs import Connection, Programs, Running
from laurels.service.types import Answer, Status
from laurels.service.write import Rows, parked_body
from laurels.store.rows import copy, numbers, text
from laurels.store.trips import Asked, together


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
        self.nobodys: list[int] = []
        self.due: list[Coming] = []
        self.running: Running
        self.known: Known = {}
        self.named: dict[str, int] = {}

    async def run(self) -> None:
        """Take the events. Raises what the database or an invariant raises: then the transaction
        is to be rolled back, which a pool does with what is given back to it in the middle of one.
        """
        await self._begin()
        ready = self._read()
        ready = await self._resolve(ready)
        rows = await self._lock(ready)
        ready = [i for i in ready if i not in self.put_back]
        ready = await self._meet_known(ready + self.nobodys)
        written = Rows(self.running)
        ready = self._park(ready, rows, written)
        comings = [self.comings[i] for i in ready]
        comings += taken_up(self.running, self.due, rows, self.now)
        desks = await self._decide(comings, rows)
        self._drop(written)
        for member, desk in desks.items():
            if self.until is not None and member in self.members:
                desk.advance(min(self.until, self.now))
                self.brought += 1
            desk.check()
            written.add(desk)
        for i in ready:
            self._answer(i)
        await self._answer_twins()
        await self._write_rejected()
        await written.write(self.connection, commit=True)

    # -- reading -------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """A transaction that holds the program's text; the clock, and who goes by which name."""
        names = {coming.named for coming in self.comings}
        names |= {str(c.raw["to"]) for c in self.comings if c.raw.get("to") is not None}
        hashed = {name: identity(name, self.key) for name in names if name.isprintable()}
        program = {"program": self.number}
        asked: list[Asked] = [("begin", {}), ("share_program", program), ("moment", program)]
        if hashed:
            asked.append(("resolve", {**program, "identities": list(hashed.values())}))
        _, _, ((self.now, epoch),), *found = await together(self.connection, asked)
        known = dict(found[0]) if found else {}
        self.named = {name: known[each] for name, each in hashed.items() if each in known}
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
        members = self.named
        ready = await self._leave_known(ready, members)
        missing = {self.comings[i].named for i in ready} - members.keys()
        ready = self._leave_to_nobody(ready, members.keys() | missing)
        if any(unit.transferable for unit in self.running.compiled.program.units):
            receivers = {self.comings[i].event.to for i in ready if self.comings[i].event.to}  # type: ignore[union-attr]
            missing |= receivers - members.keys()
        if missing:
            wanted = {name: identity(name, self.key) for name in missing}
            members |= await enrol(self.connection, self.number, wanted, self.now)
        for i in ready:
            coming = self.comings[i]
            assert coming.event is not None
            coming.member = members[coming.named]
            if coming.event.to in members:
                coming.to = members[coming.event.to]
                coming.body = rest_of(coming.addressed)
        return ready

    def _leave_to_nobody(self, ready: list[int], known: Set[str]) -> list[int]:
        """A gift makes nobody a member: it is rejected where nobody goes by the receiver's name,
        but for a history that tells when it was recorded."""
        found = []
        for i in ready:
            coming = self.comings[i]
            to = coming.event.to if coming.event is not None else ""
            if coming.given is None and to and to not in known and coming.raw["type"] == "transfer":
                self._reject(i, RequestError(
                    "member-unknown", "there is no such member", where="to",
                    hint="points are given to who is a member already",
                ))  # fmt: skip
            else:
                found.append(i)
        return found

    async def _leave_known(self, ready: list[int], members: Mapping[str, int]) -> list[int]:
        """Leave out events that are known already though nobody goes by their names any more: an
        erased person does not come back by a repeated event."""
        doubtful = [
            i for i in ready
            for coming in (self.comings[i],)
            if coming.named not in members
            or (coming.event is not None and coming.event.to and coming.event.to not in members)
        ]  # fmt: skip
        if doubtful:
            ids = (self.comings[i].id for i in doubtful)
            known = await known_ids(self.connection, self.number, ids)
            self.nobodys = [
                i for i in doubtful if (self.comings[i].source, self.comings[i].id) in known
            ]
        return [i for i in ready if i not in self.nobodys]

    async def _lock(self, ready: list[int]) -> dict[int, Member]:
        """Lock members, and those that their parked transfers give to. None is waited for, so
        that receivers may be locked after the others."""
        wanted = {self.comings[i].member for i in ready}
        wanted |= {self.comings[i].to for i in ready if self.comings[i].to}
        rows: dict[int, Member] = {}
        asked = wanted | self.members
        ids = [self.comings[i].id for i in ready + self.nobodys]
        while asked or ids:
            locked, known = await lock_and_know(self.connection, asked, self.number, ids)
            rows |= locked
            self.known |= known
            ids = []
            due = await due_of(self.connection, locked, self.now)
            await self._receivers(due)
            self.due += due
            wanted |= asked
            asked = {coming.to for coming in due if coming.to} - wanted
        held = wanted - rows.keys()
        # who was merged since it was found by name: next time the name leads to the other
        held |= {m for m, row in rows.items() if row.status == MERGED} - self.members
        while more := {c.member for c in self.due if c.to in held} - held:
            held |= more
        self.due = [coming for coming in self.due if coming.member not in held]
        late = set(held)
        for i in sorted(ready, key=lambda i: order_of(self.comings[i])):
            # what comes after an event that is put back waits behind it, of both its members
            touched = {self.comings[i].member, self.comings[i].to} - {0}
            if touched & held:
                held |= touched
                self.put_back.append(i)
        return {member: row for member, row in rows.items() if member not in late}

    async def _meet_known(self, ready: list[int]) -> list[int]:
        """Events that are known already get their first answer, or are in conflict."""
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
        others = await self._of_others(places)
        for i, place in places.items():
            coming = self.comings[i]
            if i in others:
                self._reject(i, conflict(), "conflict")
                continue
            if place[1]:
                self._again(i, stored[place], known[place])
                continue
            body = parked.get((place[0], coming.source, coming.id))
            if body in (None, parked_body(coming.raw), parked_body(coming.addressed)):
                first: Status = "rejected" if body is None else "parked"
                self.answers[i] = Answer("duplicate", coming.source, coming.id, coming.named,
                                         first=first)  # fmt: skip
            else:
                self._reject(i, conflict(), "conflict")
        return [i for i in ready if i not in again]

    async def _of_others(self, places: Mapping[int, tuple[int, int]]) -> set[int]:
        """Known events that now name another member than the first time. Nobody goes by the
        names of one who was erased or merged, so whoever those name now is not compared."""
        found = {i for i, place in places.items() if self.comings[i].member != place[0]}
        if not found:
            return found
        first = await read_members(self.connection, {places[i][0] for i in found})
        return {i for i in found if first[places[i][0]].status not in (ERASED, MERGED)}

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
                if coming.to and rows[coming.to].status >= CLOSED:
                    raise RequestError("member-closed", "the receiver is closed", where="to")
            except RequestError as error:
                self._reject(i, error)
                continue
            if coming.given is None and event.acts > self.now + AHEAD:
                written.park(row.member, coming.addressed, coming.source, coming.id, coming.actor,
                             event.acts, self.now)  # fmt: skip
                row.parked_until = min(row.parked_until or event.acts, event.acts)
                self.answers[i] = Answer("parked", coming.source, coming.id, coming.named)
                continue
            found.append(i)
        return found

    async def _receivers(self, due: list[Coming]) -> None:
        """Parked transfers name their receiver by number; older ones as the sender did."""
        names = {str(c.raw["to"]) for c in due if c.raw.get("to") and not c.to}
        found = await resolve(
            self.connection, self.number, {name: identity(name, self.key) for name in names}
        )
        for coming in due:
            if str(coming.raw.get("to")) in found:
                coming.to = found[str(coming.raw["to"])]
                coming.raw = coming.addressed

    # -- deciding ------------------------------------------------------------------------------

    async def _decide(self, comings: list[Coming], rows: dict[int, Member]) -> dict[int, Desk]:
        busy = {coming.member for coming in [*comings, *self.due]}
        busy |= {coming.to for coming in comings if coming.to}
        busy |= {m for m, row in rows.items() if row.parked_until or m in self.members}
        loader = Loader(self.connection, self.running, self.known)
        desks, budgets = await decided(
            loader, {member: rows[member] for member in busy}, comings, self._budgets
        )
        await self._settle(budgets)
        return desks

    def _drop(self, written: Rows) -> None:
        """Parked events that cannot be taken are rejected; their identities stay known."""
        for coming in self.due:
            if coming.error is not None:
                written.unparked.append((coming.source, coming.id, coming.member, 0))

    async def _budgets(self, comings: Iterable[Coming]) -> Budgets:
        """Lock the budgets that the events draw on."""
        budgets = Budgets(self.running)
        if purses := budgets.purses(comings):
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

    async def _answer_twins(self) -> None:
        named = {self.comings[i].named for i, first in self.twins.items()
                 if self.comings[i].named != self.comings[first].named}  # fmt: skip
        members = await resolve(
            self.connection, self.number, {name: identity(name, self.key) for name in named}
        )
        for i, first in self.twins.items():
            coming, other = self.comings[i], self.comings[first]
            if first not in self.answers:
                self.put_back.append(i)
                continue
            answer = self.answers[first]
            if answer.status == "rejected":
                self.answers[i] = answer
            elif same_text(coming, other) and (
                coming.named == other.named or members.get(coming.named) == other.member
            ):
                self.answers[i] = answer if answer.status == "duplicate" else repeated(answer)
            else:
                self._reject(i, conflict(), "conflict")

    async def _write_rejected(self) -> None:
        wrong = [
            (self.comings[i], answer.error)
            for i, answer in self.answers.items()
            if answer.status == "rejected"
        ]
        wrong += [(coming, coming.error) for coming in self.due]
        if not wrong:
            return
        first = (await rows_of(self.connection, "draw_number"))[0][0]
        rows = []
        for number, (coming, error) in enumerate(wrong, first):
            if isinstance(error, RequestError):
                rows.append("\t".join([
                    str(self.number), str(self.now), str(number), text(coming.actor),
                    text(coming.source), text(coming.id), text(error.code), text(error.where),
                    text(error.message[:500]),
                ]))  # fmt: skip
        await copy(self.connection, "rejected", rows)


def conflict() -> RequestError:
    """The same identity with another body, or of another member."""
    return RequestError(
        "event-id-conflict", "an event of this id is known with another body or member", where="id",
        expected="the same event, or another id",
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
    found: dict[int, dict[int, Name]] = {}
    asked = wanted(rows)
    events = await fetch(connection, asked)
    names: dict[tuple[int, int], Name] = {
        place: (event.source, event.id) for place, event in events.items()
    }
    names |= await absorbed_names(connection, asked - events.keys())
    for place, name in names.items():
        found.setdefault(place[0], {})[place[1]] = name
    return dict(found)

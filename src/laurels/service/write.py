"""Writing what a batch decided: the same statements however many events there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from laurels.engine import packed as P
from laurels.engine.events import Event
from laurels.engine.kernel import layout as K
from laurels.service import chain
from laurels.service.bodies import Raw, pack_bytes, rest_of
from laurels.service.desk import Desk, New, places
from laurels.service.programs import Connection, Running
from laurels.service.types import STATUSES
from laurels.store.rows import (
    Cell,
    copy,
    copy_rows,
    hexed,
    numbers,
    octet_array,
    text,
)
from laurels.store.trips import Asked, adding, together

EVENT_KIND, DUES_KIND = 1, 2


class Rows:
    """What a batch adds, by table, and what it changes."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.events: list[tuple[Cell, ...]] = []
        self.postings: list[tuple[Cell, ...]] = []
        self.event_ids: list[tuple[int, str, str, int, int]] = []
        self.feed: list[tuple[int, int, int, int, int]] = []
        self.mentions: list[str] = []
        self.waiting: list[str] = []
        self.personal: list[str] = []
        self.attributes: list[tuple[int, str]] = []
        self.members: list[tuple[Any, ...]] = []
        self.changes: list[tuple[int, int, bytes]] = []
        self.overtaken: list[tuple[int, int, int]] = []
        self.checkpoints: list[tuple[int, int, int, bytes, bytes]] = []
        self.resolved: list[tuple[int, int]] = []
        self.chain: bytes | None = None
        self.parked: list[str] = []
        self.unparked: list[tuple[str, str, int, int]] = []

    def add(self, desk: Desk) -> None:
        """Everything about one member."""
        self.chain = desk.row.chain
        in_history = {id(event) for event in desk.book.history}
        member = desk.row.member
        waiting = desk.row.waiting
        for new in desk.new:
            standing = desk.standing_of(new.event, in_history)
            self._event(member, new, standing)
            if standing == P.WAITING:
                waiting += 1
                self._waits(member, new.sequence, new.event)
        for sequence, rows in desk.dues:
            self._postings(member, sequence, rows)
            self.feed.append((member, sequence, self.running.number, DUES_KIND, desk.recorded))
        waiting += self._changed(desk, in_history)
        for side in desk.touched:
            self._changed(side, {id(event) for event in side.book.history})
        self._checkpoints(desk)
        book = desk.book
        last = book.last
        holds = sum(new.event.type == "hold" for new in desk.new)
        self.members.append((
            member, desk.sequence, desk.row.events + len(desk.new), desk.row.holds + holds,
            waiting, desk.row.parked_until, book.now, desk.recorded, book.state.s[K.NEXT_DUE],
            places(last, desk.taken), self.chain, pack_bytes(P.pack(book.state)),
        ))  # fmt: skip

    def _event(self, member: int, new: New, standing: int) -> None:
        event, decision, running = new.event, new.decision, self.running
        body = covered = new.body
        if event.type == "member" and body != "{}":
            self.personal.append(f"{member}\t{new.sequence}\t{text(body)}")
            self.attributes.append((member, body))
            body, covered = "{}", chain.personal(body)
        status = STATUSES.index(decision.status)
        answer = answer_of(new)
        kept = pack_bytes(P.kept(event, standing, running.budgets))
        self.chain = chain.link(
            self.chain, event.source, event.id, event.type, status, event.occurred,
            event.recorded, running.epoch, new.actor, covered, kept, answer,
        )  # fmt: skip
        self.events.append((
            member, new.sequence, event.source, event.id, event.type, status, event.occurred,
            event.recorded, running.epoch, new.actor, body, hexed(kept), hexed(answer),
            hexed(self.chain),
        ))  # fmt: skip
        if new.was_parked:
            self.unparked.append((event.source, event.id, member, new.sequence))
        else:
            self.event_ids.append((running.number, event.id, event.source, member, new.sequence))
        self.feed.append((member, new.sequence, running.number, EVENT_KIND, event.recorded))
        for name in {event.refers, event.pays} - {""}:
            self.mentions.append(f"{member}\t{text(name)}\t{new.sequence}")
        self._postings(member, new.sequence, new.rows)

    def _postings(self, member: int, sequence: int, rows: Iterable[tuple[Any, ...]]) -> None:
        self.postings += [(member, sequence, number, *row) for number, row in enumerate(rows, 1)]

    def _waits(self, member: int, sequence: int, event: Event) -> None:
        self.waiting.append(
            f"{member}\t{sequence}\t{self.running.number}\t{text(event.refers)}\t{event.recorded}"
        )

    def _changed(self, desk: Desk, in_history: set[int]) -> int:
        """What became of earlier events; returns how many more of them wait."""
        more = 0
        member = desk.row.member
        for sequence, event in desk.events.items():
            if desk.touched and sequence in desk.found.absorbed:
                continue  # what became of it is told by the one that it is of
            before = desk.standing[id(event)]
            standing = desk.standing_of(event, in_history)
            kept = pack_bytes(P.kept(event, standing, self.running.budgets))
            if kept != desk.found.events[sequence].kept:
                place = desk.found.absorbed.get(sequence, (member, sequence))
                self.changes.append((place[0], place[1], kept))
            if before == P.WAITING and standing != P.WAITING:
                self.resolved.append((member, sequence))
                more -= 1
            elif standing == P.WAITING and before != P.WAITING:
                self._waits(member, sequence, event)
                more += 1
        return more

    def _checkpoints(self, desk: Desk) -> None:
        """Drop the checkpoints that were overtaken; keep those that the book has."""
        member, book = desk.row.member, desk.book
        if desk.overtaken is not None or desk.resolved is not None:
            place = desk.overtaken[0] if desk.overtaken is not None else K.FAR
            resolved = desk.resolved if desk.resolved is not None else MANY
            self.overtaken.append((member, place, resolved))
        if len(book.checkpoints) == 1:
            return
        following = [desk.sequence + 1]
        for event in reversed(book.history):
            following.append(min(following[-1], desk.sequences[id(event)]))
        following.reverse()
        scratch: dict[int, tuple[int, int, int, bytes, bytes]] = {}
        for position, snapshot in book.checkpoints[1:]:
            place = book.history[position - 1].place
            scratch[place[0]] = (
                member, place[0], following[position], pack_bytes(place),
                pack_bytes(P.pack(snapshot)),
            )  # fmt: skip
        self.checkpoints += scratch.values()

    def park(self, member: int, raw: Raw, source: str, identity: str, actor: str, due: int,
             now: int) -> None:  # fmt: skip
        """An event dated ahead: known by its identity, taken when its time comes."""
        cells = f"{text(source)}\t{text(identity)}"
        body = text(parked_body(raw))
        self.parked.append(
            f"{member}\t{cells}\t{self.running.number}\t{due}\t{now}\t{text(actor)}\t{body}"
        )
        self.event_ids.append((self.running.number, identity, source, member, 0))

    async def write(self, connection: Connection, *, commit: bool = False) -> None:
        """Send everything; identities last, for theirs are the only locks that are waited for.

        commit  end the transaction in the same round trip
        """
        end = [COMMIT] if commit else []
        await copy(connection, "mentions", self.mentions)
        await copy(connection, "personal", self.personal)
        await copy(connection, "waiting", self.waiting)
        await copy(connection, "parked", self.parked)
        added: Mapping[str, Sequence[tuple[Cell, ...]]] = {
            "events": self.events, "postings": self.postings, "feed": self.feed,
            "event_ids": sorted(self.event_ids),
        }  # fmt: skip
        changed = [*self._members(), *self._rare()]
        if all(len(rows) <= FEW for rows in added.values()):
            changed += [adding(name, rows) for name, rows in added.items() if rows]
            await together(connection, [*changed, *end])
            return
        await together(connection, changed)
        for name, rows in added.items():
            await copy_rows(connection, name, rows)
        await together(connection, end)

    def _members(self) -> Iterator[Asked]:
        if not self.members:
            return
        columns = list(zip(*sorted(self.members), strict=True))
        names = ("members", "sequences", "events", "holds", "waiting", "parked", "nows",
                 "recorded", "dues")  # fmt: skip
        values: dict[str, object] = {
            name: numbers(column) for name, column in zip(names, columns, strict=False)
        }
        for name, column in zip(("places", "chains", "states"), columns[9:], strict=True):
            values[name] = octet_array(column)
        yield "write_members", {"layout": self.running.layout, "semantics": 1, **values}

    def _rare(self) -> Iterator[Asked]:
        if self.changes:
            members, sequences, kept = zip(*sorted(self.changes), strict=True)
            yield "write_changes", {"members": numbers(members), "sequences": numbers(sequences),
                                    "kept": octet_array(kept)}  # fmt: skip
        if self.overtaken:
            members, instants, sequences = zip(*self.overtaken, strict=True)
            yield "drop_checkpoints", {
                "members": numbers(members), "instants": numbers(instants),
                "sequences": numbers(sequences),
            }  # fmt: skip
        if self.checkpoints:
            owners, acts, following, where, states = zip(*sorted(self.checkpoints), strict=True)
            yield "write_checkpoints", {
                "layout": self.running.layout, "members": numbers(owners),
                "instants": numbers(acts), "following": numbers(following),
                "places": octet_array(where), "states": octet_array(states),
            }  # fmt: skip
        if self.unparked:
            sources, ids, owners, sequences = zip(*self.unparked, strict=True)
            yield "drop_parked", {
                "program": self.running.number, "members": numbers(owners),
                "sources": list(sources), "ids": list(ids), "sequences": numbers(sequences),
            }  # fmt: skip
        if self.attributes:
            owners, bodies = zip(*self.attributes, strict=True)
            yield "write_attributes", {"members": numbers(owners), "bodies": list(bodies)}
        if self.resolved:
            members, sequences = zip(*self.resolved, strict=True)
            yield "drop_waiting", {"members": numbers(members), "sequences": numbers(sequences)}


COMMIT: Asked = ("commit", {})
FEW = 100
"""So many rows are sent as arrays, with the other statements. More are cheaper for the database by
COPY, which needs round trips of its own."""
MANY = 2**31 - 1


def parked_body(raw: Raw) -> str:
    """An event as it is parked: with its type and time, which have no column yet."""
    return rest_of({**raw, "type_": raw["type"], "at_": raw["occurred_at"]})


def answer_of(new: New) -> bytes:
    """What is answered when the event comes again: balances, refusal, unit, what was asked and
    what was moved."""
    event = new.event
    moved = event.row[K.E_POINTS] if event.type in P.FACTS and not event.refusal else 0
    unit = max(0, event.row[K.E_UNIT])
    return pack_bytes([new.balances, event.refusal, unit, event.asked, moved])

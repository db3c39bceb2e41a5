"""Group commit: requests that arrive while a batch is being written make up the next one.

Two lanes: single requests and bulk work, which gets at most half of a batch while single requests
wait. A few workers take turns, each with a connection of its own, so that one decides while
another waits for the disk; no two of them have the same member. What could not be locked comes
again a little later, and what came after it of the same members waits behind it; what fails is
halved until the one that fails is alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from psycopg import errors
from psycopg_pool import AsyncConnectionPool

from laurels.base.errors import LaurelsError, RequestError, Unavailable
from laurels.service.batch import Batch
from laurels.service.decide import Coming
from laurels.service.faults import DATABASE_FAILS, told, world
from laurels.service.programs import Programs
from laurels.service.types import Answer

MOST = 512
"""Events in a batch."""
BESIDE = 16
"""A batch of fewer waits for the one that is under way: what a transaction costs by itself is worth
some ten events."""
PAUSE = 0.005
"""Seconds until a member that was not free is tried again."""
TRIES = 2000
"""How often; after that the caller is asked to come again."""
RETRIES = 5
"""How often a transaction is repeated that lost against another."""
LOST = (
    errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation,
    errors.InvalidSqlStatementName,
)  # fmt: skip
WHOLE = frozenset({"program-not-ready", "program-unknown"})
"""What is wrong with every event of a batch alike."""


WAITING_MOST = 50_000
"""Events that may wait in a process; who sends more is told to come again."""


@dataclass(slots=True)
class Call:
    """A request: its events, their answers or what went wrong, and who waits for them."""

    answers: list[Answer | None]
    failures: dict[int, LaurelsError]
    left: int
    done: asyncio.Future[None]


@dataclass(slots=True)
class Ticket:
    """One event of a call, on its way."""

    call: Call
    place: int
    program: int
    coming: Coming
    bulk: bool
    tries: int = 0
    settled: bool = False

    @property
    def names(self) -> set[tuple[int, str]]:
        """The members that it is about, as the sender calls them."""
        to = self.coming.raw.get("to")
        names = {(self.program, self.coming.named)}
        return names | {(self.program, to)} if isinstance(to, str) and to else names

    def settle(self, outcome: Answer | LaurelsError) -> None:
        """Hand over an answer, or what went wrong; the first counts."""
        if self.settled:
            return
        self.settled = True
        call = self.call
        if isinstance(outcome, Answer):
            call.answers[self.place] = outcome
        else:
            call.failures[self.place] = outcome
        call.left -= 1
        if not call.left and not call.done.done():
            call.done.set_result(None)

    def fresh(self) -> Coming:
        """The event as it came in, without what a batch made of it."""
        was = self.coming
        return Coming(was.raw, was.source, was.id, was.named, was.actor, was.given)


@dataclass
class Lanes:
    """The queue of a process."""

    pool: AsyncConnectionPool[Any]
    programs: Programs
    key: bytes
    single: deque[Ticket] = field(default_factory=deque)
    bulk: deque[Ticket] = field(default_factory=deque)
    busy: set[tuple[int, str]] = field(default_factory=set)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    workers: list[asyncio.Task[None]] = field(default_factory=list)
    delayed: list[Ticket] = field(default_factory=list)
    waiting: int = 0
    under_way: int = 0
    stopped: bool = False

    def start(self, workers: int) -> None:
        """Begin to work."""
        self.workers = [asyncio.create_task(self._work()) for _ in range(workers)]

    async def stop(self) -> None:
        """Finish nothing more; what waits is told to come again."""
        self.stopped = True
        for worker in self.workers:
            worker.cancel()
        await asyncio.gather(*self.workers, return_exceptions=True)
        for ticket in [*self.single, *self.bulk, *self.delayed]:
            ticket.settle(stopping())

    async def submit(self, program: int, comings: list[Coming], bulk: bool) -> list[Answer]:
        """Take events; returns when all have their answers.

        Raises Unavailable or Fault where none could be taken; where only some could, the others
        are answered `retry-later` with what went wrong.
        """
        if not comings:
            return []
        if self.stopped:
            raise stopping()
        if self.waiting and self.waiting + len(comings) > WAITING_MOST:
            raise Unavailable("service-overloaded", "too many events wait")
        self.waiting += len(comings)
        loop = asyncio.get_running_loop()
        call = Call([None] * len(comings), {}, len(comings), loop.create_future())
        lane = self.bulk if bulk else self.single
        lane.extend(Ticket(call, i, program, coming, bulk) for i, coming in enumerate(comings))
        self.filled.set()
        call.done.add_done_callback(lambda _: self._left(len(comings)))
        await asyncio.shield(call.done)  # the events stay in the queue where the caller leaves
        if len(call.failures) == len(comings):
            raise call.failures[0]
        return [
            answer or Answer("retry-later", c.source, c.id, c.named, error=call.failures[i])
            for i, (answer, c) in enumerate(zip(call.answers, comings, strict=True))
        ]

    def _left(self, count: int) -> None:
        self.waiting -= count

    # -- working -------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            await self.filled.wait()
            few = len(self.single) + len(self.bulk) < BESIDE
            tickets = [] if few and self.under_way else self._pick()
            if not tickets:
                self.filled.clear()
                continue
            self.under_way += 1
            names = names_of(tickets)
            self.busy |= names
            back: list[Ticket] = []
            try:
                back = self._again(await self._take(tickets))
            except asyncio.CancelledError:
                for ticket in tickets:
                    ticket.settle(stopping())
                raise
            except Exception as error:  # a mistake of ours: the next batch may fare better
                for ticket in tickets:
                    ticket.settle(told(error, "a batch could not be taken"))
            finally:
                self.under_way -= 1
                self.busy -= names - names_of(back)
                self.filled.set()

    def _pick(self) -> list[Ticket]:
        """The next batch: of one program, and of members that no other batch has."""
        room = MOST // 2 if self.bulk else MOST
        tickets = self._from(self.single, room, None)
        program = tickets[0].program if tickets else None
        tickets += self._from(self.bulk, MOST - len(tickets) if not tickets else MOST // 2, program)
        return tickets

    def _from(self, lane: deque[Ticket], room: int, program: int | None) -> list[Ticket]:
        found: list[Ticket] = []
        left: list[Ticket] = []
        passed: set[tuple[int, str]] = set()
        while lane and len(found) < room and len(left) < 4 * MOST:
            ticket = lane.popleft()
            names = ticket.names
            if program is None:
                program = ticket.program
            if ticket.program != program or names & self.busy or names & passed:
                passed |= names
                left.append(ticket)
            else:
                found.append(ticket)
        lane.extendleft(reversed(left))
        return found

    async def _take(self, tickets: list[Ticket], tries: int = 0) -> list[Ticket]:
        """Run a batch; where it fails, run its halves. Returns what is put back."""
        comings = [ticket.fresh() for ticket in tickets]
        try:
            async with self.pool.connection() as connection:
                batch = Batch(connection, self.programs, tickets[0].program, self.key, comings)
                await batch.run()
        except LOST as error:
            if tries < RETRIES:
                return await self._take(tickets, tries + 1)
            return await self._halve(tickets, error)
        except (Unavailable, *DATABASE_FAILS) as error:
            return self._refuse(tickets, error)
        except RequestError as error:
            if error.code in WHOLE:
                return self._refuse(tickets, error)
            return await self._halve(tickets, error)
        except Exception as error:
            return await self._halve(tickets, error)
        for place, ticket in enumerate(tickets):
            if place in batch.answers:
                ticket.settle(batch.answers[place])
        return [tickets[place] for place in sorted(batch.put_back)]

    def _refuse(self, tickets: list[Ticket], error: Exception) -> list[Ticket]:
        """It is nothing about a single event: no half would fare better."""
        for ticket in tickets:
            ticket.settle(world(error) or told(error, "an event could not be taken"))
        return []

    async def _halve(self, tickets: list[Ticket], error: Exception) -> list[Ticket]:
        if len(tickets) == 1:
            tickets[0].settle(told(error, "an event could not be taken"))
            return []
        middle = len(tickets) // 2
        back = await self._take(tickets[:middle])
        held, rest = names_of(back), []
        for ticket in tickets[middle:]:
            if ticket.names & held:
                held |= ticket.names
                back.append(ticket)
            else:
                rest.append(ticket)
        return back + (await self._take(rest) if rest else [])

    def _again(self, tickets: list[Ticket]) -> list[Ticket]:
        """Put tickets back, to come again a little later; returns those that do."""
        again = []
        for ticket in tickets:
            ticket.tries += 1
            if ticket.tries > TRIES:
                ticket.settle(Unavailable("member-busy", "the member is busy"))
            else:
                again.append(ticket)
        if again:
            loop = asyncio.get_running_loop()
            self.delayed += again
            loop.call_later(PAUSE, self._requeue, again)
        return again

    def _requeue(self, tickets: list[Ticket]) -> None:
        """The tickets come before whatever else waits of their members."""
        self.busy -= names_of(tickets)
        again = {id(ticket) for ticket in tickets}
        self.delayed = [ticket for ticket in self.delayed if id(ticket) not in again]
        for ticket in reversed(tickets):
            (self.bulk if ticket.bulk else self.single).appendleft(ticket)
        self.filled.set()


def names_of(tickets: list[Ticket]) -> set[tuple[int, str]]:
    """The members that tickets are about."""
    return {name for ticket in tickets for name in ticket.names}


def stopping() -> Unavailable:
    """Nothing more is taken."""
    return Unavailable("service-stopping", "the service is stopping")

"""The client: one method for each call, tried again until there is an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import httpx2

from laurels.client.answers import NO_ANSWER, pause, read
from laurels.client.calls import Call, Calls, Decision, Fields, Verb
from laurels.client.retry import Retry
from laurels.client.shapes import Answer, Member, Posting

Document = dict[str, Any]


class Laurels:
    """A program of a Laurels server, with the rights of an access key.

    url      of the server; key: an access key; program: its name
    timeout  seconds that one attempt may take; retry: how patient to be
    Every method raises Problem where the server says no, OutcomeUnknown where no answer came.
    """

    def __init__(
        self,
        url: str,
        key: str,
        program: str,
        *,
        timeout: float = 10.0,
        retry: Retry = Retry(),
    ) -> None:
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
            timeout=timeout,
        )
        self._calls = Calls(program)
        self._retry = retry

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Laurels:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, call: Call) -> Any:
        """Send a call until there is an answer, or patience ends."""
        content = call.content()
        headers = {"Content-Type": call.media_type} if content is not None else {}
        attempt = 0
        while True:
            attempt += 1
            response: httpx2.Response | None = None
            why: Exception | None = None
            try:
                response = self._http.request(
                    call.method, call.path, params=call.query, content=content, headers=headers
                )
            except NO_ANSWER as error:
                why = error
            seconds = pause(self._retry, attempt, response)
            if seconds is None:
                return read(response, why)
            time.sleep(seconds)

    def send(self, event: Fields) -> Answer:
        """Send one event. What the rules refuse is an answer, `status: refused`; see `Answer`."""
        return cast(Answer, self.call(self._calls.send(event)))

    def send_many(self, events: Sequence[Fields], control: Fields | None = None) -> list[Answer]:
        """Send up to 10,000 events; one answer for each, in order.

        control  `count` and `sum` of what is sent: where they are not met, nothing is taken
        """
        found = self.call(self._calls.send_many(events, control))
        return cast(list[Answer], found["answers"])

    def event(self, source: str, identity: str) -> Answer:
        """What became of an event: the truth after an unknown outcome."""
        return cast(Answer, self.call(self._calls.event(source, identity)))

    def events(
        self, state: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Document:
        """A page of events that are `parked`, `waiting` or were `rejected`."""
        return cast(
            Document, self.call(self._calls.events(state, {"limit": limit, "cursor": cursor}))
        )

    def quote(self, event: Fields) -> Answer:
        """What a basket would earn, what of it may be paid in points, and why. Posts nothing."""
        return cast(Answer, self.call(self._calls.quote(event)))

    def hold(self, fields: Fields) -> Answer:
        """Set points aside: `member`, `points`, and if you like `id`, `unit`, `until`."""
        return cast(Answer, self.call(self._calls.hold(fields)))

    def read_hold(self, hold: str, source: str | None = None) -> Document:
        """A hold as it stands."""
        return cast(Document, self.call(self._calls.read_hold(hold, source)))

    def capture(self, hold: str, fields: Fields) -> Answer:
        """Take what a hold set aside, all of it or `points` of it."""
        return cast(Answer, self.call(self._calls.close_hold(hold, "capture", fields)))

    def void(self, hold: str, fields: Fields) -> Answer:
        """Give back what a hold set aside, all of it or `points` of it."""
        return cast(Answer, self.call(self._calls.close_hold(hold, "void", fields)))

    def adjust(self, fields: Fields) -> Answer:
        """Give or take points by hand: `member`, `direction`, `points`, `reason`."""
        return cast(Answer, self.call(self._calls.adjust(fields)))

    def transfer(self, fields: Fields) -> Answer:
        """Give points of `member` to another: `to`, `points`."""
        return cast(Answer, self.call(self._calls.transfer(fields)))

    def member(self, member: str, *, at: str | None = None, known_at: str | None = None) -> Member:
        """A member now, at a business time, or as it was known then."""
        return cast(Member, self.call(self._calls.member(member, {"at": at, "known_at": known_at})))

    def write_member(self, member: str, fields: Fields) -> Document:
        """Change what is known of a member."""
        return cast(Document, self.call(self._calls.write_member(member, fields)))

    def explain(self, member: str, posting: str, lang: str = "en") -> Document:
        """Why a posting is what it is."""
        return cast(Document, self.call(self._calls.explain(member, posting, lang)))

    def ledger(self, at: str | None = None) -> Document:
        """Totals by account and unit."""
        return cast(Document, self.call(self._calls.ledger({"at": at})))

    def closings(self) -> Document:
        """Months whose totals were frozen."""
        return cast(Document, self.call(self._calls.closings()))

    def feed(self, *, after: str | None = None, limit: int | None = None) -> Document:
        """A page of everything, in order; `next` continues it."""
        return cast(Document, self.call(self._calls.feed({"after": after, "limit": limit})))

    def program(self, at: str | None = None) -> Document:
        """The program: the version in force and those to come."""
        return cast(Document, self.call(self._calls.program({"at": at})))

    def publish(self, text: str, *, dry_run: bool = False) -> Document:
        """Publish the text of a program file; a dry run says what would come of it."""
        return cast(Document, self.call(self._calls.publish(text, dry_run)))

    def prepare(self, *, force: bool = False) -> Document:
        """Bring a text that is `preparing` into force; says whose balances it would change."""
        return cast(Document, self.call(self._calls.prepare(force)))

    def set_standing(self, member: str, verb: Verb) -> Document:
        """Block, unblock, close or erase a member."""
        return cast(Document, self.call(self._calls.standing(member, verb)))

    def merge(self, member: str, absorbed: str, identity: str | None = None) -> Document:
        """Another member turns out to be this one. identity: of the write, made where none is."""
        return cast(Document, self.call(self._calls.merge(member, absorbed, identity)))

    def propose_correction(
        self, version: int, reason: str, identity: str | None = None
    ) -> Document:
        """Propose what everybody would have, had a version been known from its first instant."""
        return cast(Document, self.call(self._calls.propose(version, reason, identity)))

    def correction(self, correction: str) -> Document:
        """A correction as it stands."""
        return cast(Document, self.call(self._calls.correction(correction)))

    def decide_correction(self, correction: str, verb: Decision) -> Document:
        """Approve what another key proposed, which posts it; or waive it."""
        return cast(Document, self.call(self._calls.correction(correction, verb)))

    def move_clock(self, to: str) -> Document:
        """Let time pass in a sandbox: what falls due on the way is posted."""
        return cast(Document, self.call(self._calls.move_clock(to)))

    def postings(self, member: str, *, limit: int | None = None) -> Iterator[Posting]:
        """All postings of a member, the newest first, page after page."""
        cursor: str | None = None
        while True:
            page = self.call(self._calls.postings(member, {"limit": limit, "cursor": cursor}))
            yield from page["rows"]
            cursor = page["next"]
            if cursor is None:
                return

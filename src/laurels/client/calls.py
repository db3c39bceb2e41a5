"""What a client asks for, as plain values: method, path, body. Both clients send these."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote as quoted

from laurels.base.instants import format_instant
from laurels.base.outside import fresh_id, now

Fields = Mapping[str, Any]
Verb = Literal["block", "unblock", "close", "erase"]
Decision = Literal["approve", "waive"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request. Each may be sent again: reads by nature, writes because they carry their id."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    text: str | None = None
    media_type: str = "application/json"

    def content(self) -> bytes | None:
        """The bytes of the body: the same for every attempt."""
        if self.text is not None:
            return self.text.encode()
        if self.body is None:
            return None
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


class Calls:
    """The calls about one program."""

    def __init__(self, program: str) -> None:
        self.base = f"/v1/programs/{part(program)}"

    def send(self, event: Fields) -> Call:
        """One event; an id is made here, once, where it has none."""
        return Call("POST", f"{self.base}/events", body=identified(event))

    def send_many(self, events: Sequence[Fields], control: Fields | None) -> Call:
        """A batch of events."""
        body: dict[str, Any] = {"events": [identified(each) for each in events]}
        return Call(
            "POST",
            f"{self.base}/events",
            body=body | ({"control": dict(control)} if control else {}),
        )

    def event(self, source: str, identity: str) -> Call:
        """What became of an event."""
        return Call("GET", f"{self.base}/events/{part(source)}/{part(identity)}")

    def events(self, state: str, query: Fields) -> Call:
        """Events that are parked, waiting or were rejected."""
        return Call("GET", f"{self.base}/events", known({**query, "state": state}))

    def quote(self, event: Fields) -> Call:
        """What a basket would earn, and what of it may be paid in points."""
        return Call("POST", f"{self.base}/quotes", body=dict(event))

    def hold(self, fields: Fields) -> Call:
        """Set points aside."""
        return Call("POST", f"{self.base}/holds", body=identified(fields))

    def read_hold(self, hold: str, source: str | None) -> Call:
        """A hold as it stands."""
        return Call("GET", f"{self.base}/holds/{part(hold)}", known({"source": source}))

    def close_hold(self, hold: str, verb: str, fields: Fields) -> Call:
        """Capture or void a hold."""
        return Call("POST", f"{self.base}/holds/{part(hold)}/{verb}", body=identified(fields))

    def adjust(self, fields: Fields) -> Call:
        """Give or take points by hand."""
        return Call("POST", f"{self.base}/adjustments", body=identified(fields))

    def transfer(self, fields: Fields) -> Call:
        """Give points to another member."""
        return Call("POST", f"{self.base}/transfers", body=identified(fields))

    def member(self, member: str, query: Fields) -> Call:
        """A member as asked for."""
        return Call("GET", self._member(member), known(query))

    def write_member(self, member: str, fields: Fields) -> Call:
        """Change what is known of a member."""
        return Call("PUT", self._member(member), body=identified(fields))

    def postings(self, member: str, query: Fields) -> Call:
        """A page of postings, the newest first."""
        return Call("GET", f"{self._member(member)}/postings", known(query))

    def explain(self, member: str, posting: str, lang: str) -> Call:
        """Why a posting is what it is."""
        path = f"{self._member(member)}/postings/{part(posting)}/explanation"
        return Call("GET", path, {"lang": lang})

    def ledger(self, query: Fields) -> Call:
        """Totals by account and unit."""
        return Call("GET", f"{self.base}/ledger", known(query))

    def closings(self) -> Call:
        """Months that were closed."""
        return Call("GET", f"{self.base}/closings")

    def feed(self, query: Fields) -> Call:
        """Everything in order."""
        return Call("GET", f"{self.base}/feed", known(query))

    def program(self, query: Fields) -> Call:
        """The versions of the program."""
        return Call("GET", self.base, known(query))

    def publish(self, text: str, dry_run: bool) -> Call:
        """Publish the text of a program file."""
        query = {"dry_run": "true"} if dry_run else {}
        return Call("PUT", self.base, query, text=text, media_type="application/yaml")

    def prepare(self, force: bool) -> Call:
        """Bring a text that is being prepared into force."""
        return Call("POST", f"{self.base}/prepare", {"force": "true"} if force else {})

    def standing(self, member: str, verb: Verb) -> Call:
        """Change what a member is. To do it twice is to do it once."""
        if verb == "erase":
            return Call("DELETE", self._member(member))
        return Call("POST", f"{self._member(member)}/{verb}")

    def merge(self, member: str, absorbed: str, identity: str | None) -> Call:
        """Make two members one."""
        body = {"absorbed": absorbed, "id": identity or fresh_id()}
        return Call("POST", f"{self._member(member)}/merge", body=body)

    def propose(self, version: int, reason: str, identity: str | None) -> Call:
        """Propose a correction; an id is made here, once, where there is none."""
        body = {"version": version, "reason": reason, "id": identity or fresh_id()}
        return Call("POST", f"{self.base}/corrections", body=body)

    def correction(self, correction: str, verb: Decision | None = None) -> Call:
        """Read a correction, or decide it."""
        path = f"{self.base}/corrections/{part(correction)}"
        return Call("POST", f"{path}/{verb}") if verb else Call("GET", path)

    def move_clock(self, to: str) -> Call:
        """Move the clock of a sandbox."""
        return Call("PUT", "/v1/sandbox/clock", body={"now": to})

    def _member(self, member: str) -> str:
        return f"{self.base}/members/{part(member)}"


def part(text: str) -> str:
    """A text as one part of a path."""
    return quoted(text, safe="")


def known(query: Fields) -> dict[str, str]:
    """The parameters that are given."""
    return {name: str(value) for name, value in query.items() if value is not None}


def identified(fields: Fields) -> dict[str, Any]:
    """Fields with an id and a time. What is made here lives as long as the call: to be sure
    across a restart, bring your own, or use a queue."""
    given = {name: value for name, value in fields.items() if value is not None}
    given.setdefault("id", fresh_id())
    given.setdefault("occurred_at", format_instant(now()))
    return given

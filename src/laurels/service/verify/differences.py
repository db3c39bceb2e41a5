"""What can differ between the books and a fold of the events, and what likely happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

KINDS: Mapping[str, str] = {
    "posting-changed":
        "the row was changed after it was written: nothing in Laurels changes a posting",
    "posting-missing":
        "the row was removed after it was written: nothing in Laurels removes a posting",
    "posting-unexpected":
        "the row was added by other hands: no event and nothing that fell due gives it",
    "posting-semantics":
        "the semantics number was changed: this release knows one meaning of the program only",
    "event-changed":
        "the row of the event was changed after it was written: its hash does not compute",
    "event-missing":
        "the event, and what it posted, was removed: its place is empty, or a later hash that is"
        " made with its own does not compute",
    "event-unreadable":
        "the body of the event was changed: it could not have passed the door",
    "event-unregistered":
        "the identity of the event was removed: sent again, it would be taken twice",
    "identity-astray":
        "the event was removed together with its postings: its identity is still known",
    "outcome-differs":
        "what was decided or answered was changed, or the text of the program was",
    "seal-wrong": "the seal was changed: its state is not what its hash or the postings say",
    "balance-differs":
        "postings or balances were changed: they do not add up to each other",
    "lot-overdrawn": "more was taken from a lot than came in: a posting or the state was changed",
    "state-differs":
        "the saved state was changed, or a write of it was lost; `--repair state` makes it anew",
    "memory-differs":
        "what is kept beside an event was changed; `--repair state` makes it anew",
    "cap-exceeded":
        "more was given under a budget than it has: the room that events were told was changed",
    "budget-differs":
        "the used part of a budget was changed; events say what was drawn",
    "head-differs":
        "of the events that the head covers some were changed, removed or added since",
    "program-unknown": "the program's texts were removed, or none is in force",
}  # fmt: skip
"""What can be found, and what likely happened."""

CACHES = frozenset({"state-differs", "memory-differs"})
"""What `--repair state` makes anew."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the books and the fold.

    member    as it is called; empty where it is about no single member
    sequence  the member's sequence number, 0 where it is about none; event: its id
    what      the posting, the budget, the part of the state; expected: by the fold; found: stored
    """

    kind: str
    program: str
    member: str = ""
    sequence: int = 0
    event: str = ""
    what: str = ""
    expected: str = ""
    found: str = ""

    @property
    def likely(self) -> str:
        """What likely happened."""
        return KINDS[self.kind]

    def as_data(self) -> dict[str, Any]:
        """For a report."""
        return asdict(self) | {"likely": self.likely}

"""The owner's page: totals, one posting explained, what a change would cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pyarrow.compute as pc
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from laurels.cli.page import number
from laurels.client import Laurels
from laurels.replay.raw import Body

HEADING = "Retail starter, run over a year of a British gift shop"
CHANGE = "ladders.club.silver.spend=300"
WHAT_IF = "What if silver began at 300 pounds instead of 500?"
EVENTS_OF_A_GOOD_EXAMPLE = 6
LINES_SHOWN = 12


class Pick:
    """Looks for a posting worth explaining: a member of some history, the last thing earned by a
    rule that looks at the level."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self.posting = self.member = ""
        self._events: dict[object, list[Body]] = {}
        for body in bodies:
            self._events.setdefault(body["member"], []).append(body)

    def add(self, members: Any, postings: Any) -> None:
        """Look through a part of the members."""
        del members
        if self.posting or postings is None:
            return
        earned = postings.filter(pc.equal(postings["kind"], "earned"))
        for member, rows in groupby(earned.to_pylist(), lambda row: row["member"]):
            rules = [(row["rule"], row["posting"]) for row in rows]
            if len({rule for rule, _ in rules}) > 1 and self._is_short(member):
                self.member, self.posting = member, rules[-1][1]
                return

    def _is_short(self, member: str) -> bool:
        """A few events with few lines."""
        own = self._events[member]
        sizes = [len(lines) for body in own if isinstance(lines := body.get("lines"), list)]
        return 3 <= len(own) <= EVENTS_OF_A_GOOD_EXAMPLE and max(sizes, default=1) <= LINES_SHOWN


def explained(client: Laurels, member: str, posting: str) -> dict[str, Any] | None:
    """A posting, explained by the server from what it has written."""
    for each in client.postings(member, limit=500):
        if dict(each).get("name") == posting:
            answer = client.explain(member, each["id"])
            return {"posting": dict(each), **answer}
    return None


def show_explained(console: Console, answer: dict[str, Any]) -> None:
    """One posting explained."""
    lines = Text("\n").join(Text(each) for each in answer["sentences"]) or Text("—")
    posting = answer["posting"]
    title = f"Why {number(posting['points'])} points?  (asked of the server)"
    console.print(Panel(lines, title=Text(title, "bold"), title_align="left", box=box.ROUNDED,
                        border_style="cyan", padding=(1, 2)))  # fmt: skip

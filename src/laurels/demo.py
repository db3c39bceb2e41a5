"""`laurels demo`: the shipped program over the shipped purchases of a year, on one page."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pyarrow.compute as pc
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from laurels.cli import history, shipped, why
from laurels.cli.comparing import ears
from laurels.cli.comparison import show_comparison
from laurels.cli.page import number, show_page
from laurels.cli.problems import print_json, stdout
from laurels.engine.compiled import Compiled, load
from laurels.lab.compare import compare
from laurels.lab.pair import pair, side
from laurels.replay.options import Options
from laurels.replay.raw import Body, Events

UNTIL = "2011-06-01"
"""Half a year after the last purchase, so that the page shows what members let lapse."""

CHANGE = "ladders.club.silver.spend=300"
WHAT_IF = "What if silver began at 300 pounds instead of 500?"
HEADING = "Retail starter, run over a year of a British gift shop"
EVENTS_OF_A_GOOD_EXAMPLE = 6
LINES_SHOWN = 12


class Pick:
    """Looks for a posting worth explaining: a member of some history, the last thing earned by a
    rule that looks at the level."""

    def __init__(self, events: Events) -> None:
        self.posting = self.member = ""
        self._events: dict[object, list[Body]] = {}
        for body in events.bodies:
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


def run_demo(as_json: bool) -> None:
    """Run, and show what came of it. Raises the errors of our families."""
    path = shipped.folder("programs") / shipped.DEMO_PROGRAM / "program.yaml"
    program = load(path)
    data, mapping = shipped.example(shipped.DEMO_DATA), shipped.example(shipped.DEMO_MAPPING)
    with history.meter() as bar:
        bar.phase("reading invoices")
        events = history.files([data], mapping).read(program)
        options = Options(until=history.instant(f"{UNTIL}T00:00:00", program))
        pick = Pick(events)
        ran = history.run(program, events, bar, options=options, books=pick)
        bar.phase("explaining one")
        answer = _answer(program, events, pick)
        bar.phase("comparing")
        both = pair(side(str(path)), side(str(path), [CHANGE]))
        found = compare(both, events, options=options, ears=ears(bar), explained=0).data
    if as_json:
        explained = answer.data if answer else None
        print_json({"ok": True, **ran.summary, "explained": explained, "compared": found})
        return
    console = stdout()
    show_page(console, ran.summary, HEADING)
    if answer is not None:
        _show_answer(console, answer)
    show_comparison(console, found, WHAT_IF)
    _show_notes(console)


def _answer(program: Compiled, events: Events, pick: Pick) -> why.Answer | None:
    """The posting that was picked, explained from its member's events alone."""
    if not pick.posting:
        return None
    own = [(body, place) for body, place in zip(events.bodies, events.places, strict=True)
           if body["member"] == pick.member]  # fmt: skip
    few = Events([body for body, _ in own], [place for _, place in own], events.report)
    return why.explain(program, few, "posting", pick.posting, "en", None)


def _show_answer(console: Console, answer: why.Answer) -> None:
    """One posting explained."""
    lines = Text("\n").join(Text(each) for each in answer.sentences) or Text("—")
    posting = answer.data["posting"] if isinstance(answer.data["posting"], dict) else {}
    title = f"Why {number(posting['points'])} points?" if posting else "One posting explained"
    console.print(Panel(lines, title=Text(title, "bold"), title_align="left", box=box.ROUNDED,
                        border_style="cyan", padding=(1, 2)))  # fmt: skip


def _show_notes(console: Console) -> None:
    """What the page does not show, said honestly, and where to go on."""
    notes = Text(style="dim")
    notes.append("The file holds purchases and cancellations, no redemptions: nothing is spent. ")
    notes.append("It ends on 9 December 2010; the page goes on to the end of May 2011, to show ")
    notes.append("points that lapse and members who fall. Returns are as if never bought: their ")
    notes.append("points are not taken back, they were never issued, and what was bought later ")
    notes.append("is decided again without them.")
    console.print(Padding(notes, (1, 0, 0, 0)))
    data = "Online Retail II, Daqing Chen, UCI Machine Learning Repository, CC BY 4.0"
    program = shipped.folder("programs") / shipped.DEMO_PROGRAM
    console.print(Padding(Text(f"Data: {data}", "dim"), (1, 0, 0, 0)))
    console.print(Text(f"Program: {program}", "dim"), soft_wrap=True)
    begin = f"laurels init my-program --from {program.name}"
    console.print(Text.assemble("Next: ", (begin, "bold")))
    console.print()

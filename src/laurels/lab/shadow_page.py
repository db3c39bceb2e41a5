"""Two systems side by side as a page that both can sign: `laurels shadow … --report FILE`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laurels.lab.shadow import Shadow, by_member
from laurels.replay.pages import Figure, Page, Section, Table, instant_text, number, signed

SHOWN = 200
WORDS = {
    "rounding": "at most a point for each rule that gave",
    "timing": "the same points on another day",
    "rule": "the programs decide another thing",
    "missing-here": "the event is not in this history",
    "missing-there": "the other system posted nothing for it",
    "follows": "from a difference of the same member before",
}


def page(found: Shadow, facts: Mapping[str, Any]) -> Page:
    """The page.

    facts  what was compared: ``program``, ``program_hash``, ``until``, ``events``, ``postings``,
           ``inputs`` (name and SHA-256 of each file)
    """
    left = len(found.differences)
    said = "Both systems posted the same." if not left else f"{number(left)} differences are left."
    return Page(
        f"{facts['program']}: two systems side by side",
        f"{said} Events until {instant_text(facts['until'])}.",
        [
            Figure("Members", number(found.members), f"{number(found.settled)} agree in all"),
            Figure("Sums that agree", number(found.agree)),
            Figure("Differences", number(left)),
            *(Figure(f"{unit}s, ours less theirs", signed(ours - theirs),
                     f"theirs {number(theirs)}")
              for unit, (ours, theirs) in found.units.items()),
        ],
        [_balances(found), _causes(found), _members(found), _each(found), _compared(facts)],
        f"Program {facts['program_hash']}. Signed, for the old system: ____________________ "
        "for the new: ____________________ on: ____________",
    )  # fmt: skip


def _balances(found: Shadow) -> Section:
    rows = [(unit, number(ours), number(theirs), signed(ours - theirs))
            for unit, (ours, theirs) in found.units.items()]  # fmt: skip
    table = Table(
        "All members together", ("Unit", "Here", "There", "Difference"), rows, signed=True
    )
    return Section("What members have", "What came to them less what left.", tables=[table])


def _causes(found: Shadow) -> Section:
    rows = [
        (cause, WORDS[cause], number(each["differences"]), number(each["members"]),
         ", ".join(f"{signed(points)} {unit}" for unit, points in each["points"].items()))
        for cause, each in found.causes().items()
    ]  # fmt: skip
    table = Table("Differences by cause", ("Cause", "Means", "Differences", "Members", "Points"),
                  rows, left=2)  # fmt: skip
    return Section(
        "Why they differ", "" if rows else "They do not.", tables=[table] if rows else []
    )


def _members(found: Shadow) -> Section:
    rows = [(member, causes, number(count), signed(points))
            for member, count, points, causes in by_member(found.differences)]  # fmt: skip
    note = f"The {SHOWN} farthest apart of {number(len(rows))}." if len(rows) > SHOWN else ""
    table = Table("By member", ("Member", "Causes", "Differences", "Points"), rows[:SHOWN], left=2,
                  signed=True)  # fmt: skip
    return Section("Who differs", note, tables=[table] if rows else [])


def _each(found: Shadow) -> Section:
    rows = [
        (each.member, each.event or "expiry", each.cause, each.said, number(each.ours),
         number(each.theirs), each.unit)
        for each in found.differences[:SHOWN]
    ]  # fmt: skip
    table = Table("Differences", ("Member", "Event", "Cause", "Said", "Here", "There", "Unit"),
                  rows, left=4)  # fmt: skip
    note = f"The first {SHOWN}." if len(found.differences) > SHOWN else ""
    return Section("Each difference", note, tables=[table] if rows else [])


def _compared(facts: Mapping[str, Any]) -> Section:
    rows = [(name, digest) for name, digest in facts["inputs"].items()]
    said = f"{number(facts['events'])} events here, {number(facts['postings'])} postings there."
    return Section(
        "What was compared", said, tables=[Table("Files", ("File", "SHA-256"), rows, left=2)]
    )

"""Shadow mode: what another system posted, beside what Laurels posts of the same events.

Both sides are added up by member, unit and event; expired points, which name no event, by member
and unit. What does not agree gets a cause:

rounding      they differ by at most a point for each rule that gave
timing        the same points on another day
rule          the programs decide another thing of the event
missing-here  the other system posted for an event that this history does not have
missing-there the other system posted nothing for the event
follows       points that are spent, lost or owed because of a difference before
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from laurels.base.errors import RequestError
from laurels.base.instants import Calendar, day_at, parse_instant
from laurels.base.money import parse_decimal
from laurels.engine.compiled import Compiled

CAUSES = ("rounding", "timing", "rule", "missing-here", "missing-there", "follows")
KINDS = ("earned", "taken_back", "spent", "expired", "adjusted")
"""What a posting of the other system is: the column ``type``."""
OUT = ("taken_back", "spent", "expired")
Body = Mapping[str, object]


class Key(NamedTuple):
    """What is added up. ``event``: empty of expired points."""

    member: str
    unit: int
    event: str


@dataclass
class Sum:
    """Points of one side in steps, the local days on which they moved, and what moved them."""

    steps: int = 0
    days: set[int] = field(default_factory=set)
    rules: Counter[str] = field(default_factory=Counter)
    kinds: set[str] = field(default_factory=set)


Side = dict[Key, Sum]


@dataclass(frozen=True)
class Difference:
    """What does not agree. Points are in the unit; their sign is that of the member's balance."""

    member: str
    unit: str
    event: str
    cause: str
    ours: Decimal
    theirs: Decimal
    said: str


@dataclass
class Shadow:
    """Two systems side by side.

    units   of each: points of ours and of theirs, all members together
    agree   sums that are equal; members, and those of whom nothing differs
    """

    members: int
    settled: int
    agree: int
    differences: list[Difference]
    units: dict[str, tuple[Decimal, Decimal]]

    def as_data(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "members": self.members,
            "members_that_agree": self.settled,
            "sums_that_agree": self.agree,
            "differences": len(self.differences),
            "points": {
                unit: {"ours": str(ours), "theirs": str(theirs), "difference": str(ours - theirs)}
                for unit, (ours, theirs) in self.units.items()
            },
            "causes": self.causes(),
        }

    def causes(self) -> dict[str, dict[str, Any]]:
        """How many differences have a cause, and points of ours less theirs by unit."""
        found: dict[str, dict[str, Any]] = {}
        for cause in CAUSES:
            mine = [each for each in self.differences if each.cause == cause]
            if mine:
                points: dict[str, Decimal] = defaultdict(Decimal)
                for each in mine:
                    points[each.unit] += each.ours - each.theirs
                found[cause] = {
                    "differences": len(mine),
                    "members": len({each.member for each in mine}),
                    "points": {unit: str(amount) for unit, amount in sorted(points.items())},
                }
        return found


def compare(
    program: Compiled, events: Iterable[Body], postings: Any, theirs: Iterable[Body]
) -> Shadow:
    """Set both sides beside each other.

    events    the history, as it was read
    postings  ours: the table of a replay (steps, microseconds)
    theirs    the other system's, read as events: ``type`` (one of KINDS), ``member``, ``event``
              (empty where it names none), ``unit``, ``points`` and ``occurred_at``. Points that
              are spent, expired or taken back leave, with or without a sign; of other kinds
              those below zero do
    Raises RequestError for a row of theirs that cannot be understood.
    """
    mine = ours_of(program, postings)
    other = theirs_of(program, theirs)
    known = {(str(body.get("member")), str(body.get("id"))) for body in events}
    scales = [unit.scale for unit in program.program.units]
    differences = list(_differences(program, mine, other, known))
    off = {each.member for each in differences}
    members = {key.member for key in (*mine, *other)}
    units: dict[str, tuple[Decimal, Decimal]] = {}
    for unit in program.program.units:
        sums = [
            Decimal(sum(one.steps for key, one in side.items() if key.unit == unit.index)).scaleb(
                -scales[unit.index]
            )
            for side in (mine, other)
        ]
        units[unit.name] = (sums[0], sums[1])
    agree = len(mine.keys() | other.keys()) - len(differences)
    return Shadow(len(members), len(members - off), agree, differences, units)


def ours_of(program: Compiled, postings: Any) -> Side:
    """What Laurels posted: what came to the member less what left, pending points included."""
    calendar = program.calendar
    units = {unit.name: unit.index for unit in program.program.units}
    found: Side = {}
    wanted = ("member", "event", "kind", "unit", "points", "from_account", "to_account", "rule",
              "effective_at", "active_at")  # fmt: skip
    for batch in postings.select(wanted).to_batches(max_chunksize=50_000):
        for row in batch.to_pylist():
            sign = (row["to_account"][:6] == "member") - (row["from_account"][:6] == "member")
            if not sign:
                continue
            expired = row["kind"] == "expired"
            key = Key(row["member"], units[row["unit"]], "" if expired else row["event"] or "")
            one = found.setdefault(key, Sum())
            one.steps += sign * row["points"]
            one.kinds.add(row["kind"])
            one.days.add(calendar.day_of(row["effective_at"]))
            if row["active_at"] is not None:
                one.days.add(calendar.day_of(row["active_at"]))
            if row["rule"]:
                one.rules[row["rule"]] += sign * row["points"]
    return {key: one for key, one in found.items() if one.steps}


def theirs_of(program: Compiled, rows: Iterable[Body]) -> Side:
    """What the other system posted. Raises RequestError."""
    units = {unit.name: unit for unit in program.program.units}
    calendar = program.calendar
    first = program.program.units[0].name
    found: Side = {}
    for row in rows:
        where = f"posting {row.get('id')}"
        kind = str(row.get("type"))
        if kind not in KINDS:
            raise wrong(f"`{kind[:40]}` is no kind of posting", f"{where}: type", KINDS)
        unit = units.get(str(row.get("unit") or first))
        if unit is None:
            raise wrong("there is no such unit", f"{where}: unit", units)
        points = parse_decimal(row.get("points"), unit.scale, f"{where}: points")
        event = "" if kind == "expired" else str(row.get("event") or row.get("id"))
        one = found.setdefault(Key(str(row.get("member")), unit.index, event), Sum())
        one.steps += -abs(points) if kind in OUT else points
        one.kinds.add(kind)
        one.days.add(day_of(calendar, row, where))
    return {key: one for key, one in found.items() if one.steps}


def day_of(calendar: Calendar, row: Body, where: str) -> int:
    """The local day of a posting of theirs."""
    return calendar.day_of(parse_instant(row.get("occurred_at"), calendar, f"{where}: occurred_at"))


def wrong(what: str, where: str, known: Iterable[str]) -> RequestError:
    """A posting of theirs that cannot be understood."""
    return RequestError(
        "event-value-unknown", what, where=where, expected="one of " + ", ".join(known)
    )


# -- what does not agree ---------------------------------------------------------------------------


def _differences(
    program: Compiled, ours: Side, theirs: Side, known: set[tuple[str, str]]
) -> Iterator[Difference]:
    """Member by member, what is due last: it may follow from the rest."""
    spoiled: set[tuple[str, int]] = set()
    order = {key: (key.member, _leaves(ours.get(key, NONE), theirs.get(key, NONE)), key)
             for key in ours.keys() | theirs.keys()}  # fmt: skip
    for key in sorted(order, key=order.__getitem__):
        mine, other = ours.get(key, NONE), theirs.get(key, NONE)
        cause, said = _cause(program, key, mine, other, known, (key.member, key.unit) in spoiled)
        if not cause:
            continue
        if cause != "timing":
            spoiled.add((key.member, key.unit))
        unit = program.program.units[key.unit]
        yield Difference(
            key.member, unit.name, key.event, cause, Decimal(mine.steps).scaleb(-unit.scale),
            Decimal(other.steps).scaleb(-unit.scale), said,
        )  # fmt: skip


NONE = Sum()
LEAVING = frozenset({"spent", "expired", "debt"})


def _leaves(mine: Sum, other: Sum) -> bool:
    """Whether points only leave: spending and expiry follow from what was earned."""
    return mine.kinds | other.kinds <= LEAVING


def _cause(
    program: Compiled, key: Key, mine: Sum, other: Sum, known: set[tuple[str, str]], spoiled: bool
) -> tuple[str, str]:
    """Why a sum does not agree, and in words; empty where it does."""
    apart = mine.steps - other.steps
    if apart == 0:
        if mine.days & other.days:
            return "", ""
        days = [", ".join(str(day_at(day)) for day in sorted(side.days))
                for side in (mine, other)]  # fmt: skip
        return "timing", f"here {days[0]}, there {days[1]}"
    if key.event and (key.member, key.event) not in known:
        return "missing-here", "the history has no such event of the member"
    if spoiled and _leaves(mine, other):
        return "follows", "from a difference of the same member before"
    gave = ", ".join(f"{rule} {_points(program, key, steps)}" for rule, steps in mine.rules.items())
    if mine.steps and other.steps:
        one = 10 ** program.program.units[key.unit].scale
        if abs(apart) <= one * max(1, len(mine.rules)) and key.event:
            return "rounding", f"here {gave or _points(program, key, mine.steps)}"
        return "rule", f"here {gave}" if gave else "another sum"
    if not other.steps:
        if key.event:
            return "missing-there", f"here {gave}" if gave else "only here"
        return "rule", "points expire here only"
    return "rule", "nothing is posted here" if key.event else "points expire there only"


def _points(program: Compiled, key: Key, steps: int) -> str:
    return f"{Decimal(steps).scaleb(-program.program.units[key.unit].scale):f}"


def by_member(differences: Sequence[Difference]) -> list[tuple[str, int, Decimal, str]]:
    """Members, the farthest apart first: differences, points of ours less theirs, causes."""
    found: dict[str, list[Difference]] = defaultdict(list)
    for each in differences:
        found[each.member].append(each)
    rows = [
        (member, len(mine), sum((each.ours - each.theirs for each in mine), Decimal(0)),
         ", ".join(cause for cause in CAUSES if any(each.cause == cause for each in mine)))
        for member, mine in found.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-abs(row[2]), row[0]))

"""A comparison as plain data: what a program owner asks before a change goes live.

All amounts are decimal text. Where two programs are set side by side there are ``old``, ``new``
and ``difference``, which is the new less the old.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from laurels.base.money import format_decimal
from laurels.lab import members as M
from laurels.lab.affected import affected
from laurels.lab.columns import under
from laurels.lab.pair import Pair, Side
from laurels.lab.twice import Ran, Redemptions
from laurels.replay.monthly import rounded
from laurels.replay.options import Ears, Files, Options
from laurels.replay.raw import Events
from laurels.replay.summary import LINES, money_text

SAID: Mapping[Redemptions, str] = {
    "facts": "Redemptions that the old program accepted are facts for the new one: where its "
    "points do not suffice, the rest becomes debt. What the old program refused stays refused.",
    "requests": "Redemptions are decided again under each program, from the points that it gave; "
    "outcomes that the history records are left aside.",
}
BUDGETS = "Budgets over all members are decided again under both programs, in event order."
GAINS = (
    "A member gains who keeps more: points issued, less taken back, less expired, whether spent or "
    "not."
)
EVENTS = ("taken", "refused", "rejected", "waiting", "ignored")
AFFECTED = 3
"""How many of those who gain most, and of those who lose most, are explained."""


@dataclass(frozen=True)
class Comparison:
    """Both runs, the table of members, and everything as data."""

    pair: Pair
    old: Ran
    new: Ran
    table: M.Table
    data: dict[str, Any]


def compare(
    pair: Pair,
    history: Files | Events,
    redemptions: Redemptions = "facts",
    options: Options | None = None,
    ears: Ears | None = None,
    explained: int = AFFECTED,
) -> Comparison:
    """Run a history under both programs."""
    wanted, heard = options or Options(), ears or Ears()
    wanted = asked(wanted)
    run = under(pair.old.program, [pair.new.program], history, redemptions, wanted, heard)
    return compared(pair, run.old, run.new(pair.new.program), redemptions, explained)


def asked(options: Options) -> Options:
    """What a comparison asks of each run: no postings, what passed through members' hands."""
    return Options(
        options.engine, options.until, False, postings=False, passed=True, lists=False,
        threads=options.threads,
    )  # fmt: skip


def compared(
    pair: Pair, old: Ran, new: Ran, redemptions: Redemptions, explained: int = 0
) -> Comparison:
    """What two runs say together."""
    table = M.table(old, new)
    before, after = old.summary, new.summary
    data = {
        "old": _named(pair.old, before),
        "new": _named(pair.new, after),
        "currency": after["currency"],
        "until": after["until"],
        "members": len(table),
        "events": _both(before["events"], after["events"], EVENTS),
        "changes": [each.as_data() for each in pair.changes],
        "redemptions": _redemptions(redemptions, old, new),
        "revenue": _sides(before["revenue"]["net"], after["revenue"]["net"]),
        "cost": _cost(before, after),
        "points": _points(before, after),
        "months": list(_months(before, after)),
        "gains": _gains(table),
        "levels": {name: _ladder(table, name, before, after) for name in table.ladders},
        "rules": _rules(before, after),
        "caps": list(_caps(old, new)),
        "run": _both(before["run"], after["run"], ("engine", "events")),
    }
    if explained:
        gain, lose = M.most(table, explained)
        data["affected"] = list(affected(pair, old, new, table, [*gain, *lose]))
    return Comparison(pair, old, new, table, data)


def _named(side: Side, summary: Mapping[str, Any]) -> dict[str, object]:
    return {
        "name": side.name,
        "program": summary["program"],
        "settings": list(side.settings),
        "hash": summary["program_hash"],
    }


# -- two values --------------------------------------------------------------------------------


def _sides(old: object, new: object) -> dict[str, object]:
    """Two values, and by how much the new one is larger; a value that is missing is nothing."""
    if old is None and new is None:
        return {"old": None, "new": None, "difference": None}
    before, after = Decimal(str(old or 0)), Decimal(str(new or 0))
    found: dict[str, object] = {"old": old, "new": new, "difference": str(after - before)}
    if isinstance(old, int) or isinstance(new, int):
        found["difference"] = int(after - before)
    return found


def _both(
    old: Mapping[str, Any], new: Mapping[str, Any], names: Iterable[str]
) -> dict[str, dict[str, Any]]:
    return {"old": {name: old[name] for name in names}, "new": {name: new[name] for name in names}}


def _units(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Units of either, the new program's first."""
    return list(dict.fromkeys([*new["points"], *old["points"]]))


def _of(summary: Mapping[str, Any], *path: str) -> Any:
    """A value deep inside, None where the way to it ends."""
    found: Any = summary
    for part in path:
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


# -- the parts ---------------------------------------------------------------------------------


def _redemptions(mode: Redemptions, old: Ran, new: Ran) -> dict[str, object]:
    """How redemptions were treated, and what became of them."""

    def counted(ran: Ran) -> dict[str, object]:
        outcomes = Counter(outcome for outcome, _ in ran.result.decided.values())
        outcomes += ran.result.outcomes
        program = ran.result.program.program
        debt = {unit.name: format_decimal(ran.result.tally.stages[unit.name, "debt"], unit.scale)
                for unit in program.units}  # fmt: skip
        return {"accepted": outcomes[1], "refused": outcomes[2], "debt": debt}

    budgets = any(cap.budget for ran in (old, new) for cap in ran.result.program.program.caps)
    said = f"{SAID[mode]} {BUDGETS}" if budgets else SAID[mode]
    return {"mode": mode, "said": said, "old": counted(old), "new": counted(new)}


def _cost(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, object]:
    """What the points are worth, by unit; shares are of revenue."""
    lines = ("cost", "share", "cost_less_expired", "outstanding")
    return {
        unit: {line: _sides(_of(old, "cost", "units", unit, line),
                            _of(new, "cost", "units", unit, line)) for line in lines}
        for unit in _units(old, new)
        if _of(old, "cost", "units", unit) or _of(new, "cost", "units", unit)
    }  # fmt: skip


def _points(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, object]:
    """The books of each unit."""
    found: dict[str, object] = {}
    for unit in _units(old, new):
        lines = {line: _sides(_of(old, "points", unit, line), _of(new, "points", unit, line))
                 for line in LINES}  # fmt: skip
        stages = {
            stage: _sides(_of(old, "points", unit, "outstanding", stage),
                          _of(new, "points", unit, "outstanding", stage))
            for stage in ("active", "pending", "held", "debt", "total")
        }  # fmt: skip
        found[unit] = {**lines, "outstanding": stages}
    return found


def _months(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Cost, points and liability, month by month."""
    before = {row["month"]: row for row in old["months"]}
    after = {row["month"]: row for row in new["months"]}
    for month in sorted(before | after):
        one, other = before.get(month, {}), after.get(month, {})

        def pairs(part: str, lines: Iterable[str], one: Any = one, other: Any = other) -> Any:
            return {
                unit: {line: _sides(_of(one, part, unit, line), _of(other, part, unit, line))
                       for line in lines}
                for unit in _units(old, new)
                if _of(one, part, unit) or _of(other, part, unit)
            }  # fmt: skip

        yield {
            "month": month,
            "revenue": other.get("revenue", one.get("revenue")),
            "points": pairs("points", (*LINES, "outstanding")),
            "cost": pairs("cost", ("cost", "share", "outstanding")),
        }


def _gains(table: M.Table) -> dict[str, object]:
    """Who gains and who loses, as a distribution."""

    def text(value: int) -> str:
        return format_decimal(rounded(Fraction(value, table.part)), table.scale)

    total = sum(table.value.tolist())
    gained = sum(each for each in table.value.tolist() if each > 0)
    return {
        "means": GAINS,
        "measure": table.measure,
        **M.verdicts(table),
        "gained": text(gained),
        "lost": text(gained - total),
        "total": text(total),
        "mean": text(total // len(table)) if len(table) else None,
        "quantiles": {name: text(value) for name, value in M.quantiles(table).items()},
        "distribution": [
            {"from": text(low), "to": text(high), "members": count}
            for low, high, count in M.distribution(table)
        ],
    }


def _ladder(
    table: M.Table, ladder: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, object]:
    """Where members stand at the end under either program, who stands higher or lower, and what
    the levels had of the whole time: months of members, points."""
    names = [None, *table.ladders[ladder]]
    standing = {which: Counter(table.levels[ladder, which].tolist()) for which in ("old", "new")}
    rows, moved = [], Counter[str]()
    for old, new, count, value in M.movements(table, ladder):
        moved["rise" if new > old else "fall" if new < old else "same"] += count
        rows.append({
            "old": names[old], "new": names[new], "members": count,
            "value": format_decimal(rounded(Fraction(value, table.part)), table.scale),
        })  # fmt: skip
    return {
        "levels": list(table.ladders[ladder]),
        "members": [
            {"level": name, **_sides(standing["old"][at], standing["new"][at])}
            for at, name in enumerate(names)
        ],
        "over_time": [
            {
                "level": name,
                "member_months": _sides(
                    *(_member_months(each, ladder, name) for each in (before, after))
                ),
                "issued": {
                    unit: _sides(*(_issued(each, ladder, name, unit) for each in (before, after)))
                    for unit in _units(before, after)
                },
            }
            for name in names
        ],
        "rise": moved["rise"],
        "fall": moved["fall"],
        "same": moved["same"],
        "movements": rows,
    }


def _member_months(summary: Mapping[str, Any], ladder: str, level: str | None) -> int:
    """Members at the end of each month who had the level, all months together."""
    months = _of(summary, "levels", ladder, "months") or []
    return sum(row["members"].get(level, 0) if level else row["without"] for row in months)


def _issued(summary: Mapping[str, Any], ladder: str, level: str | None, unit: str) -> str:
    """What was issued, less taken back, while members had the level."""
    found = Decimal(0)
    for row in summary["monthly"]:
        if (row["by"], row["unit"], row.get("ladder"), row["name"]) == (
            "level", unit, ladder, level or "",
        ):  # fmt: skip
            found += Decimal(row.get("issued", 0)) - Decimal(row.get("taken_back", 0))
    return str(found)


def _rules(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, object]]:
    """What each rule gave, less what was taken back; what explains most first. The differences
    of a unit's rules add up to the difference of what was issued less taken back."""
    before = {(row["rule"], row["unit"]): row for row in old["rules"]}
    after = {(row["rule"], row["unit"]): row for row in new["rules"]}
    rows = []
    for rule, unit in dict.fromkeys([*after, *before]):
        one, other = before.get((rule, unit), {}), after.get((rule, unit), {})
        cost = _sides(one.get("cost"), other.get("cost"))
        points = _sides(one.get("points"), other.get("points"))
        rows.append({
            "rule": rule, "unit": unit, "points": points, "cost": cost,
            "members": _sides(one.get("members", 0), other.get("members", 0)),
        })  # fmt: skip
    return sorted(rows, key=_weight)


def _weight(row: Mapping[str, Any]) -> tuple[Decimal, Decimal, str, str]:
    cost, points = row["cost"]["difference"], row["points"]["difference"]
    return -abs(Decimal(cost or 0)), -abs(Decimal(points or 0)), row["rule"], row["unit"]


def _caps(old: Ran, new: Ran) -> Iterator[dict[str, object]]:
    """What each cap took off: points that its rules would have given without it."""
    cuts = [_cuts(old), _cuts(new)]
    for name, unit in dict.fromkeys([*cuts[1], *cuts[0]]):
        one, other = (each.get((name, unit)) for each in cuts)
        points = _sides(one and one[0], other and other[0])
        yield {"cap": name, "unit": unit, "cut": points,
               "worth": _sides(one and one[1], other and other[1])}  # fmt: skip


def _cuts(ran: Ran) -> dict[tuple[str, str], tuple[str, str | None]]:
    """By cap and unit: points, and what they are worth."""
    program = ran.result.program.program
    found: dict[tuple[str, str], tuple[str, str | None]] = {}
    totals: Counter[str] = Counter()
    for (_, name), steps in ran.result.tally.cuts.items():
        totals[name] += steps
    for cap in program.caps:
        unit = program.units[cap.unit]
        worth = None
        if unit.worth is not None:
            worth = money_text(totals[cap.name] * unit.worth, program.exponent)
        found[cap.name, unit.name] = (format_decimal(totals[cap.name], unit.scale), worth)
    return found

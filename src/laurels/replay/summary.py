"""The summary of a run: what a program owner asks for, as plain data for ``summary.json``.

All amounts are decimal text. What must hold is checked here once more over all members:

    issued + adjusted + transferred + waived = spent + expired + taken back + outstanding

where adjusted and transferred are credits less debits, and outstanding is what the members hold
in any stage, less their debt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from laurels.base.errors import ensure
from laurels.base.instants import format_instant
from laurels.base.money import format_decimal
from laurels.engine.compiled import SEMANTICS
from laurels.program import linked as L
from laurels.replay.monthly import (
    CAME,
    WENT,
    Row,
    lines_of,
    month_text,
    monthly,
    months_of,
    rounded,
)
from laurels.replay.run import Result
from laurels.replay.tally import Tally

LINES = ("issued", "activated", "spent", "expired", "taken_back", "adjusted", "transferred",
         "waived")  # fmt: skip

COST = "(issued - taken_back) * worth / net revenue"
COST_EXPIRED = "(issued - taken_back - expired) * worth / net revenue"
SHARE_DIGITS = 6


def summary(
    result: Result, seconds: float | None = None, engine: str = "python"
) -> dict[str, object]:
    """The summary. ``seconds``: how long it took from the door to the last posting.

    Raises Fault when the totals do not add up.
    """
    tally, program = result.tally, result.program.program
    points = {unit.name: _unit_totals(tally, unit) for unit in program.units}
    revenue = sum(tally.gross.values()) - sum(tally.returned.values())
    months = months_of(tally)
    rows = list(monthly(tally))
    books = {(row.month, row.unit): row for row in rows if row.by == "all"}
    return {
        "program": program.name,
        "program_hash": result.program.hash,
        "semantics": SEMANTICS,
        "currency": program.currency,
        "mode": "as_recorded" if result.as_recorded else "net",
        "until": None if result.until is None else format_instant(result.until),
        "since": _since(result),
        "members": tally.members,
        "postings": tally.postings,
        "events": _events(result),
        "input": result.report.as_data() if result.report is not None else None,
        "revenue": _money_totals(tally, program.exponent),
        "points": {unit.name: _as_text(points[unit.name], unit) for unit in program.units},
        "cost": _cost(program, points, revenue),
        "levels": {ladder.name: _ladder(ladder, tally, months) for ladder in program.ladders},
        "months": [_month(tally, program, month, books) for month in months],
        "rules": _rules(tally, program),
        "monthly": list(monthly_rows(tally, rows)),
        "digest": result.digest,
        "run": _run(result, seconds, engine),
    }


def _since(result: Result) -> dict[str, object] | None:
    """The states that the run went on from, and how many members were folded from their first
    event all the same; postings of the run are those since."""
    if result.since is None:
        return None
    at, again = result.since
    return {"instant": format_instant(at), "folded_again": again}


def _events(result: Result) -> dict[str, object]:
    counts = result.events
    names = ("taken", "refused", "waiting", "rejected", "duplicate", "ignored", "later", "cut")
    return {
        **{name: counts[name] for name in names},
        "by_type": dict(sorted(result.tally.types.items())),
        "ignored_by_type": dict(sorted(result.ignored.items())),
        "rejected_by_reason": _sorted(Counter(each.reason for each in result.rejected)),
        "refused_by_reason": _sorted(result.reasons),
    }


def _sorted(counts: Counter[str]) -> dict[str, int]:
    """The most frequent first; those that are equally frequent by name."""
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def _unit_totals(tally: Tally, unit: L.Unit) -> dict[str, int]:
    """The lines of a unit's books, in steps; they add up."""
    accounts: Counter[str] = Counter()
    for (_, name, _, account), steps in tally.flows.items():
        if name == unit.name:
            accounts[account] += steps
    totals = lines_of(accounts)
    for stage in ("active", "pending", "held", "debt"):
        totals[stage] = tally.stages[unit.name, stage]
    totals["outstanding"] = totals["active"] + totals["pending"] + totals["held"] - totals["debt"]
    came = sum(totals[line] for line in CAME)
    went = sum(totals[line] for line in WENT) + totals["outstanding"]
    ensure(came == went, f"the books of {unit.name} do not add up: {came} came, {went} went")
    return totals


def _as_text(totals: Mapping[str, int], unit: L.Unit) -> dict[str, object]:
    def shown(name: str) -> str:
        return format_decimal(totals[name], unit.scale)

    found: dict[str, object] = {name: shown(name) for name in LINES}
    stages = {stage: shown(stage) for stage in ("active", "pending", "held", "debt")}
    return {**found, "outstanding": {**stages, "total": shown("outstanding")}}


def _money_totals(tally: Tally, exponent: int) -> dict[str, object]:
    gross, returned = sum(tally.gross.values()), sum(tally.returned.values())
    return {
        "gross": format_decimal(gross, exponent),
        "returned": format_decimal(returned, exponent),
        "net": format_decimal(gross - returned, exponent),
    }


def _cost(
    program: L.Linked, points: Mapping[str, Mapping[str, int]], revenue: int
) -> dict[str, object]:
    """What the points are worth, as a share of revenue; for units that are worth something."""
    units = {}
    for unit in program.units:
        if unit.worth is None:
            continue
        totals = points[unit.name]
        cost = (totals["issued"] - totals["taken_back"]) * unit.worth
        kept = cost - totals["expired"] * unit.worth
        owed = totals["outstanding"] * unit.worth
        units[unit.name] = {
            "worth": str(Decimal(unit.worth.numerator) / Decimal(unit.worth.denominator)
                         * 10 ** unit.scale / 10 ** program.exponent),
            "cost": money_text(cost, program.exponent),
            "share": share_text(cost, revenue),
            "cost_less_expired": money_text(kept, program.exponent),
            "share_less_expired": share_text(kept, revenue),
            "outstanding": money_text(owed, program.exponent),
        }  # fmt: skip
    return {"formula": COST, "formula_less_expired": COST_EXPIRED, "units": units}


def money_text(amount: Fraction | int, exponent: int) -> str:
    """An amount of minor units as text, half a minor unit rounded up."""
    return format_decimal(rounded(Fraction(amount)), exponent)


def share_text(part: Fraction | int, whole: int) -> str | None:
    """A share as decimal text; None of nothing."""
    if whole == 0:
        return None
    return format_decimal(rounded(Fraction(part) / whole * 10**SHARE_DIGITS), SHARE_DIGITS)


# -- months, levels, rules ---------------------------------------------------------------------


def _ladder(ladder: L.Ladder, tally: Tally, months: list[int]) -> dict[str, object]:
    """Members by level at each month's end, how many moved, and from where to where."""
    found = tally.levels[ladder.index]
    standing: Counter[int] = Counter()
    names = ["", *ladder.levels]
    rows, movements = [], []
    for month in months:
        for code in range(len(names)):
            standing[code] += found.steps[code, month]
        moved = {
            (before, after): found.moved[before, after, month]
            for before in range(len(names))
            for after in range(len(names))
            if found.moved[before, after, month]
        }
        movements += [
            {"month": month_text(month), "from": names[before], "to": names[after],
             "members": count}
            for (before, after), count in moved.items()
        ]  # fmt: skip
        rows.append(
            {
                "month": month_text(month),
                "members": {
                    name: standing[code] for code, name in enumerate(ladder.levels, start=1)
                },
                "without": standing[0],
                "joined": found.came[month],
                "rose": sum(count for (old, new), count in moved.items() if new > old),
                "fell": sum(count for (old, new), count in moved.items() if new < old),
            }
        )
    return {"levels": list(ladder.levels), "months": rows, "movements": movements}


def _month(
    tally: Tally, program: L.Linked, month: int, books: Mapping[tuple[int, str], Row]
) -> dict[str, object]:
    """A month: revenue, the books of each unit, and what the points cost of the revenue."""
    revenue = tally.gross[month] - tally.returned[month]
    points, cost = {}, {}
    for unit in program.units:
        row = books[month, unit.name]
        points[unit.name] = {
            name: format_decimal(row.lines[name], unit.scale) for name in (*LINES, "outstanding")
        }
        spent = row.cost(unit.worth)
        if unit.worth is not None and spent is not None:
            cost[unit.name] = {
                "cost": money_text(spent, program.exponent),
                "share": share_text(spent, revenue),
                "outstanding": money_text(row.lines["outstanding"] * unit.worth, program.exponent),
            }
    return {
        "month": month_text(month),
        "revenue": format_decimal(revenue, program.exponent),
        "points": points,
        "cost": cost,
    }


def monthly_rows(tally: Tally, rows: Iterable[Row]) -> Iterator[dict[str, object]]:
    """What each month was by funder, level and rule, as ``summary.json`` has it: decimal text,
    only what is there."""
    program = tally.program.program
    units = {unit.name: unit for unit in program.units}
    for row in rows:
        if row.by == "all":
            continue
        unit = units[row.unit]
        found: dict[str, object] = {"month": month_text(row.month), "unit": row.unit, "by": row.by}
        if row.by == "level":
            found["ladder"] = row.ladder
        found["name"] = row.name
        found |= {line: format_decimal(steps, unit.scale) for line, steps in row.lines.items()
                  if steps}  # fmt: skip
        cost = row.cost(unit.worth)
        if cost:
            found["cost"] = money_text(cost, program.exponent)
        yield found


def _rules(tally: Tally, program: L.Linked) -> list[dict[str, object]]:
    """Rules by what they cost; those of units without worth follow, by points."""
    units = {unit.name: unit for unit in program.units}
    rows = []
    for (rule, name), total in tally.rules.items():
        unit = units[name]
        net = total.earned - total.taken_back
        cost = net * unit.worth if unit.worth is not None else None
        row = {
            "rule": rule,
            "unit": name,
            "points": format_decimal(net, unit.scale),
            "earned": format_decimal(total.earned, unit.scale),
            "taken_back": format_decimal(total.taken_back, unit.scale),
            "members": total.members,
            "events": total.events,
            "cost": None if cost is None else money_text(cost, program.exponent),
        }
        rows.append(((cost is None, -(cost or 0), -net, rule, name), row))
    rows.sort(key=lambda each: each[0])
    return [row for _, row in rows]


def _run(result: Result, seconds: float | None, engine: str) -> dict[str, object]:
    counts = result.events
    events = counts["taken"] + counts["refused"] + counts["waiting"] + counts["ignored"]
    found: dict[str, object] = {"engine": engine, "events": events}
    if seconds is not None and seconds > 0:
        found["seconds"] = f"{seconds:.3f}"
        found["events_per_second"] = round(events / seconds)
    return found

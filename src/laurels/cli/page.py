"""A run as a page of tables: what a program owner wants to see, on one screen or two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

Data = Mapping[str, Any]

MONTHS_SHOWN = 18
RULES_SHOWN = 10
BAR = 14
WIDTH_MAX = 110


def show_page(console: Console, summary: Data, heading: str = "") -> None:
    """The whole page."""
    if console.width > WIDTH_MAX:
        console.width = WIDTH_MAX
    until = str(summary["until"] or "no events")
    title = heading or str(summary["program"])
    console.print()
    console.print(Rule(Text.assemble((f" {title} ", "bold cyan")), style="cyan"))
    mode = "as recorded" if summary["mode"] == "as_recorded" else "net of corrections"
    words = [f"just before {until}", mode]
    since = summary["since"]
    if since is not None:
        words.append(f"from states of {since['instant']}, {number(since['folded_again'])} members "
                     "folded again")  # fmt: skip
    console.print(Text(" · ".join(words), "dim"), justify="center")
    console.print(Padding(_figures(summary), (1, 0)), justify="center")
    for part in (_books(summary), *_ladders(summary), _rules(summary), _left_out(summary)):
        if part is not None:
            console.print(part)
    console.print(Padding(_speed(summary), (0, 0, 1, 0)))


def number(value: object, decimals: int | None = None) -> str:
    """A number with thin gaps between thousands: 8 434 114.01."""
    amount = Decimal(str(value))
    if decimals is not None:
        amount = round(amount, decimals)
    return f"{amount:,f}".replace(",", "\N{NO-BREAK SPACE}")


def percent(share: object, decimals: int = 2) -> str:
    """A share as per cent; a dash of nothing."""
    if share is None:
        return "–"
    return f"{Decimal(str(share)) * 100:.{decimals}f}\N{NO-BREAK SPACE}%"


def table_of(*headers: str, title: str = "", left: int = 1) -> Table:
    """A table with its first columns to the left and numbers to the right."""
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_style="bold",
                  title_justify="left", header_style="dim", pad_edge=False)  # fmt: skip
    for index, header in enumerate(headers):
        right = index >= left
        table.add_column(header, justify="right" if right else "left", no_wrap=right)
    return table


def _figures(summary: Data) -> RenderableType:
    """The five figures at the top."""
    revenue, currency = summary["revenue"], summary["currency"]
    figures = [
        (number(summary["members"]), "members"),
        (f"{number(revenue['net'], 0)} {currency}", "revenue"),
    ]
    for name, cost in summary["cost"]["units"].items():
        totals = summary["points"][name]
        figures.append((number(totals["issued"], 0), f"{name}s issued"))
        figures.append((number(totals["outstanding"]["total"], 0), f"{name}s outstanding"))
        figures.append((percent(cost["share"]), "cost of revenue"))
        break
    grid = Table.grid(padding=(0, 3))
    for _ in figures:
        grid.add_column(justify="center")
    grid.add_row(*(Text(value, "bold green") for value, _ in figures))
    grid.add_row(*(Text(what, "dim") for _, what in figures))
    return grid


def _books(summary: Data) -> RenderableType:
    """The books of each unit: what came, what went, what is left; they add up."""
    units = [
        name for name, totals in summary["points"].items()
        if any(Decimal(str(totals[line])) for line in ("issued", "adjusted", "transferred"))
    ] or list(summary["points"])[:1]  # fmt: skip
    table = table_of("points", *units, title="The books")
    totals = summary["points"]
    lines = [("issued", ""), ("adjusted", ""), ("transferred", ""), ("waived", ""),
             ("spent", "– "), ("expired", "– "), ("taken_back", "– ")]  # fmt: skip
    always = {"issued", "spent", "expired", "taken_back"}
    for line, sign in lines:
        values = [Decimal(str(totals[unit][line])) for unit in units]
        if any(values) or line in always:
            shown = (f"{sign if value else ''}{number(value)}" for value in values)
            table.add_row(line.replace("_", " "), *shown)
    table.add_section()
    left = (Text(number(totals[unit]["outstanding"]["total"]), "bold") for unit in units)
    table.add_row(Text("outstanding", "bold"), *left)
    for stage in ("active", "pending", "held", "debt"):
        stages = [Decimal(str(totals[unit]["outstanding"][stage])) for unit in units]
        if any(stages):
            table.add_row(Text(f"  {stage}", "dim"), *(Text(number(v), "dim") for v in stages))
    return _beside(table, _money(summary))


def _money(summary: Data) -> RenderableType:
    """Revenue, and what the points cost of it."""
    revenue, currency = summary["revenue"], summary["currency"]
    table = table_of("money", currency, "of revenue", title="Revenue and cost")
    table.add_row("purchases", number(revenue["gross"]), "")
    table.add_row("returned", f"– {number(revenue['returned'])}", "")
    table.add_row(Text("revenue", "bold"), Text(number(revenue["net"]), "bold"), "")
    table.add_section()
    for name, cost in summary["cost"]["units"].items():
        table.add_row(f"{name}s issued", number(cost["cost"]), percent(cost["share"]))
        table.add_row("  less expired", number(cost["cost_less_expired"]),
                      percent(cost["share_less_expired"]))  # fmt: skip
        table.add_row("  still owed", number(cost["outstanding"]), "")
        table.add_row(Text(f"  1 {name} = {cost['worth']} {currency}", "dim"), "", "")
    return table


def _beside(left: RenderableType, right: RenderableType) -> RenderableType:
    grid = Table.grid(padding=(0, 6))
    grid.add_column()
    grid.add_column()
    grid.add_row(left, right)
    return grid


def _ladders(summary: Data) -> Iterable[RenderableType]:
    """Members by level and month; the last months, and what was before them as dots."""
    for name, ladder in summary["levels"].items():
        levels = list(ladder["levels"])
        months = ladder["months"]
        without = any(row["without"] for row in months)
        headers = ["month", *(["none"] if without else []), *levels, "rose", "fell", "joined"]
        table = table_of(*headers, "", title=f"Members by level of `{name}` at each month's end")
        table.columns[-1].justify = "left"
        for row in months[-MONTHS_SHOWN:]:
            counts = [row["members"][level] for level in levels]
            moved = [_moved(row["rose"], "green", "↑"), _moved(row["fell"], "red", "↓"),
                     _moved(row["joined"], "dim", "+")]  # fmt: skip
            shown = [number(count) for count in ([row["without"]] if without else []) + counts]
            table.add_row(row["month"], *shown, *moved, _bar([row["without"], *counts]))
        parts: list[RenderableType] = [table]
        hidden = len(months) - MONTHS_SHOWN
        if hidden > 0:
            parts.append(Text(f"{hidden} earlier months in summary.json", "dim"))
        yield Group(*parts)


COLOURS = ("grey50", "green", "bright_white", "yellow", "magenta", "cyan", "red", "blue")


def _bar(counts: Sequence[int]) -> Text:
    """Shares of the levels as a bar; rounding leaves each share within one cell."""
    total = sum(counts)
    bar, reached, drawn = Text(), 0, 0
    for index, count in enumerate(counts):
        reached += count
        cells = round(reached * BAR / total) - drawn if total else 0
        drawn += cells
        bar.append("█" * cells, COLOURS[index % len(COLOURS)])
    return bar


def _moved(count: int, colour: str, sign: str) -> Text:
    return Text(f"{sign}{number(count)}", colour) if count else Text("·", "dim")


def _rules(summary: Data) -> RenderableType | None:
    """The rules that cost most."""
    rules = summary["rules"]
    if not rules:
        return None
    currency = summary["currency"]
    table = table_of("rule", "unit", "points", "members", "events", f"cost, {currency}", "share",
                   title="The rules that cost most", left=2)  # fmt: skip
    costs = sum((Decimal(str(each["cost"])) for each in rules if each["cost"]), Decimal(0))
    for rule in rules[:RULES_SHOWN]:
        cost = rule["cost"]
        share = percent(Decimal(str(cost)) / costs, 1) if cost and costs else "–"
        table.add_row(rule["rule"], rule["unit"], number(rule["points"]), number(rule["members"]),
                      number(rule["events"]), number(cost) if cost else "–", share)  # fmt: skip
    return table


def _left_out(summary: Data) -> RenderableType | None:
    """What was not taken, and why."""
    rows = list(_reasons(summary))
    if not rows:
        return None
    table = table_of("what", "why", "how many", title="What was left out, and why", left=2)
    before = ""
    for what, why, count in rows:
        table.add_row(what if what != before else "", why, number(count))
        before = what
    return table


def _reasons(summary: Data) -> Iterable[tuple[str, str, int]]:
    events = summary["events"]
    found = summary["input"] or {}
    for reason, count in events["rejected_by_reason"].items():
        yield "rejected", reason, count
    for reason, count in events["refused_by_reason"].items():
        yield "refused by the rules", reason, count
    returns = found.get("returns_without_reference") or {}
    for reason, count in (returns.get("unmatched_by_reason") or {}).items():
        yield "returns without a purchase", reason, count
    for reason, count in (found.get("skipped") or {}).items():
        yield "rows that are no events", reason, count
    for kind, count in events["ignored_by_type"].items():
        yield "types not read", kind, count
    for name, why in (("waiting", "what they name has not come"), ("later", "after the end")):
        if events[name]:
            yield f"{name} events", why, events[name]
    if events["cut"]:
        yield "returns", "more than was left: cut to that", events["cut"]
    duplicates = events["duplicate"] + found.get("duplicates", 0)
    if duplicates:
        yield "duplicates", "the same again: counted once", duplicates


def _speed(summary: Data) -> Text:
    run, found = summary["run"], summary["input"]
    text = Text(style="dim")
    if found is not None:
        text.append(f"{number(found['rows'])} rows, ")
    text.append(f"{number(run['events'])} events, {number(summary['postings'])} postings")
    if "seconds" in run:
        text.append(f" in {number(run['seconds'], 1)} s ({run['engine']}): ")
        text.append(f"{number(run['events_per_second'])} events a second", "bold")
    digest = summary["digest"]
    if digest is not None:
        text.append(f"\ndigest of members {digest['members']}")
        if digest["postings"] is not None:
            text.append(f", of postings {digest['postings']}")
    return text

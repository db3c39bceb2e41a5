"""A comparison as a page of tables: what it costs, who gains and loses, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from laurels.cli.page import WIDTH_MAX, number, percent, table_of

Data = Mapping[str, Any]
MONTHS_SHOWN = 18
BAR = 24
SENTENCES = 4


def show_comparison(console: Console, data: Data, heading: str = "") -> None:
    """The whole page."""
    if console.width > WIDTH_MAX:
        console.width = WIDTH_MAX
    title = heading or f"{label(data['old'])}  →  {label(data['new'])}"
    console.print()
    console.print(Rule(Text.assemble((f" {title} ", "bold cyan")), style="cyan"))
    until = data["until"] or "no events"
    console.print(
        Text(f"{number(data['members'])} members, just before {until}", "dim"), justify="center"
    )
    for part in (_changes(data), _figures(data), _months(data), _members(data), *_levels(data),
                 _rules(data), _caps(data), *_affected(data)):  # fmt: skip
        if part is not None:
            console.print(Padding(part, (1, 0, 0, 0)))
    console.print(Padding(Text(data["redemptions"]["said"], "dim"), (1, 0)))


def show_grid(console: Console, rows: Sequence[Data]) -> None:
    """A table with a row for each program that was tried."""
    first = rows[0]
    tried = [dict(setting.split("=", 1) for setting in row["settings"]) for row in rows]
    paths = [path for path in tried[0] if len({row[path] for row in tried}) > 1] or list(tried[0])
    ladders = [(name, level) for name, found in first["levels"].items()
               for level in found["members"]]  # fmt: skip
    units = list(first["cost"]) or list(first["points"])
    measure = first["measure"] if first["cost"] else "points"
    table = table_of(*(path.rpartition(".")[2] for path in paths),
                     *(f"{unit}s, {measure}" for unit in units), "difference", "gain", "lose",
                     *(level or "none" for _, level in ladders),
                     title=f"What it costs to set {', '.join(paths)}")  # fmt: skip
    for row, values in zip(rows, tried, strict=True):
        costs = [row["cost"][unit]["cost"] for unit in units if unit in row["cost"]]
        if not costs:
            costs = [row["points"][unit]["issued"] for unit in units]
        total = sum((Decimal(str(each["difference"])) for each in costs), Decimal(0))
        table.add_row(
            *(values[path] for path in paths),
            *(number(each["new"] or 0, 0) for each in costs),
            signed(total, 0), number(row["gain"]), number(row["lose"]),
            *(number(row["levels"][name]["members"].get(level, 0)) for name, level in ladders),
        )  # fmt: skip
    console.print(table)
    said = "The cost is that of all points issued and not taken back; levels are at the end."
    console.print(Text(f"{said} The difference, gain and lose are against the old program.", "dim"))


def label(side: Data) -> str:
    """A program and what is set in it."""
    return " ".join([side["program"], *side["settings"]])


def signed(value: object, decimals: int | None = None) -> Text:
    """A difference with its sign."""
    amount = Decimal(str(value or 0))
    colour = "green" if amount > 0 else "red" if amount < 0 else "dim"
    return Text(f"{'+' if amount > 0 else ''}{number(amount, decimals)}", colour)


def _changes(data: Data) -> RenderableType | None:
    if not data["changes"]:
        return Text("The programs say the same.", "bold yellow")
    lines = [Text.assemble(("• ", "yellow"), each["words"]) for each in data["changes"]]
    return Panel(Text("\n").join(lines), title="What changed", title_align="left", style="none")


def _figures(data: Data) -> RenderableType:
    """Cost and points of both, and the difference."""
    currency = data["currency"]
    table = table_of("", "old", "new", "difference", title="What it costs")
    for unit, cost in data["cost"].items():
        row = cost["cost"]
        table.add_row(f"cost of {unit}s, {currency}", number(row["old"] or 0),
                      number(row["new"] or 0), signed(row["difference"]))  # fmt: skip
        share = cost["share"]
        points = Decimal(str(share["difference"] or 0)) * 100
        table.add_row("  of revenue", percent(share["old"]), percent(share["new"]),
                      Text(f"{points:+.2f} points", "dim"))  # fmt: skip
        owed = cost["outstanding"]
        table.add_row(f"  still owed, {currency}", number(owed["old"] or 0),
                      number(owed["new"] or 0), signed(owed["difference"]))  # fmt: skip
    for unit, books in data["points"].items():
        for line in ("issued", "spent", "expired", "taken_back"):
            row = books[line]
            if Decimal(str(row["old"] or 0)) or Decimal(str(row["new"] or 0)):
                table.add_row(f"{unit}s {line.replace('_', ' ')}", number(row["old"] or 0),
                              number(row["new"] or 0), signed(row["difference"]))  # fmt: skip
        for stage in ("total", "debt"):
            row = books["outstanding"][stage]
            if Decimal(str(row["old"] or 0)) or Decimal(str(row["new"] or 0)):
                name = "outstanding" if stage == "total" else "in debt"
                table.add_row(f"{unit}s {name}", number(row["old"] or 0),
                              number(row["new"] or 0), signed(row["difference"]))  # fmt: skip
    return table


def _months(data: Data) -> RenderableType | None:
    """Cost by month; of units without worth, points."""
    months = data["months"]
    units = list(data["cost"])
    part, line = ("cost", "cost") if units else ("points", "issued")
    units = units or list(data["points"])[:1]
    if not months or not units:
        return None
    unit = units[0]
    said = f"Cost of {unit}s by month, {data['currency']}" if part == "cost" else f"{unit}s issued"
    table = table_of("month", "old", "new", "difference", "owed, old", "owed, new", title=said)
    for row in months[-MONTHS_SHOWN:]:
        found = row[part].get(unit)
        if found is None:
            continue
        owed = found["outstanding"]
        table.add_row(row["month"], number(found[line]["old"] or 0, 0),
                      number(found[line]["new"] or 0, 0), signed(found[line]["difference"], 0),
                      number(owed["old"] or 0, 0), number(owed["new"] or 0, 0))  # fmt: skip
    return table


def _members(data: Data) -> RenderableType:
    """Who gains and who loses, and by how much."""
    gains = data["gains"]
    measure = gains["measure"]
    title = (
        f"Members: {number(gains['gain'])} gain, {number(gains['lose'])} lose, "
        f"{number(gains['same'])} are as they were"
    )
    table = table_of(f"difference, {measure}", "members", "", title=title)
    table.columns[-1].justify = "left"
    most = max([row["members"] for row in gains["distribution"]], default=0) or 1
    for row in spread(gains["distribution"]):
        low, high = Decimal(row["from"]), Decimal(row["to"])
        if low == high == 0:
            name, colour = "none", "grey50"
        else:
            name = f"{number(row['from'])} to {number(row['to'])}"
            colour = "green" if high > 0 else "red"
        bar = Text("█" * round(row["members"] * BAR / most), colour)
        table.add_row(name, number(row["members"]) if row["members"] else "·", bar)
    return table


def spread(rows: Sequence[Data]) -> Sequence[Data]:
    """A distribution without the empty rows at its ends."""
    filled = [at for at, row in enumerate(rows) if row["members"]]
    return rows[filled[0] : filled[-1] + 1] if filled else []


def _levels(data: Data) -> Iterable[RenderableType]:
    """Where members stand, and how long they stood there."""
    for name, found in data["levels"].items():
        title = (
            f"Levels of `{name}`: at the end {number(found['rise'])} stand higher, "
            f"{number(found['fall'])} lower"
        )
        table = table_of("level", "at the end, old", "new", "member-months, old", "new",
                         "difference", title=title)  # fmt: skip
        for end, time in zip(found["members"], found["over_time"], strict=True):
            months = time["member_months"]
            table.add_row(end["level"] or "none", number(end["old"]), number(end["new"]),
                          number(months["old"]), number(months["new"]),
                          signed(months["difference"]))  # fmt: skip
        yield table


def _rules(data: Data) -> RenderableType | None:
    """What each rule adds to the difference."""
    rules = [row for row in data["rules"] if Decimal(str(row["points"]["difference"] or 0))]
    if not rules:
        return None
    table = table_of("rule", "unit", "old", "new", "difference", f"in {data['currency']}",
                     title="The rules that make the difference", left=2)  # fmt: skip
    for row in rules[:10]:
        points, cost = row["points"], row["cost"]["difference"]
        table.add_row(row["rule"], row["unit"], number(points["old"] or 0),
                      number(points["new"] or 0), signed(points["difference"]),
                      signed(cost) if cost else "–")  # fmt: skip
    return table


def _caps(data: Data) -> RenderableType | None:
    """What caps took off under either program."""
    if not data["caps"]:
        return None
    table = table_of("cap", "unit", "cut, old", "cut, new", "difference",
                     title="What caps took off", left=2)  # fmt: skip
    for row in data["caps"]:
        cut = row["cut"]
        table.add_row(row["cap"], row["unit"], number(cut["old"] or 0), number(cut["new"] or 0),
                      signed(cut["difference"]))  # fmt: skip
    return table


def _affected(data: Data) -> Iterable[RenderableType]:
    """The one who gains most and the one who loses most, explained side by side."""
    gain = [each for each in data.get("affected", []) if Decimal(each["difference"]) > 0][:1]
    lose = [each for each in data.get("affected", []) if Decimal(each["difference"]) < 0][:1]
    for each in (*gain, *lose):
        verb = "gains" if each in gain else "loses"
        amount = number(abs(Decimal(each["difference"])))
        title = f"Member {each['member']} {verb} {amount} {data['gains']['measure']}"
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(ratio=1)
        table.add_column(ratio=1)
        table.add_row(Text("old", "dim"), Text("new", "dim"))
        for event in each["events"][:1]:
            said = ["\n".join(event[which][:SENTENCES]) or "–" for which in ("old", "new")]
            table.add_row(*said)
        yield Panel(table, title=Text(title, "bold"), title_align="left", border_style="cyan")

"""A run as a page that can be forwarded: `laurels replay … --report FILE`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from laurels.replay.pages import Figure, Page, Section, Table, bars, instant_text, number, percent

Data = Mapping[str, Any]
RULES = 12
FLOWS = ("issued", "spent", "expired", "taken_back")


def report(summary: Data) -> Page:
    """The page of a summary."""
    until = instant_text(summary["until"])
    mode = "as recorded" if summary["mode"] == "as_recorded" else "net of corrections"
    parts = (*_units(summary), *_ladders(summary), _rules(summary), _left_out(summary))
    return Page(
        f"{summary['program']}: what the program did",
        f"Just before {until}, {mode}. Money in {summary['currency']}.",
        list(_figures(summary)),
        [each for each in parts if each is not None],
        f"Program {summary['program_hash']}, {number(summary['postings'])} postings. "
        f"Cost: {summary['cost']['formula']}.",
    )


def _figures(summary: Data) -> Iterator[Figure]:
    yield Figure("Members", number(summary["members"]))
    yield Figure("Revenue", number(summary["revenue"]["net"], 0), summary["currency"])
    for name, cost in summary["cost"]["units"].items():
        yield Figure(f"Cost of {name}s", number(cost["cost"], 0),
                     f"{percent(cost['share'])} of revenue")  # fmt: skip
        yield Figure(f"Owed in {name}s", number(cost["outstanding"], 0), summary["currency"])
    for name, books in summary["points"].items():
        if any(float(books[line]) for line in FLOWS):
            yield Figure(f"{name}s outstanding", number(books["outstanding"]["total"]),
                         f"{number(books['issued'])} issued")  # fmt: skip


def _units(summary: Data) -> Iterator[Section]:
    """Cost, flows and what is outstanding of each unit, month by month."""
    months = summary["months"]
    labels = [row["month"] for row in months]
    for name in summary["cost"]["units"]:
        cost = [row["cost"][name] for row in months]
        owed = [("owed at the month's end", [each["outstanding"] for each in cost])]
        yield Section(
            f"Liability: {name}",
            "What members hold at each month's end, in money.",
            chart=bars(f"What is owed in {name}s by month", labels, owed),
        )
        yield Section(
            f"Cost: {name}", "What was issued and not taken back, in money.",
            chart=bars(f"Cost of {name}s by month", labels,
                       [("cost", [each["cost"] for each in cost])]),
            tables=[Table(
                f"Cost of {name}s by month, {summary['currency']}",
                ("Month", "Revenue", "Cost", "Of revenue", "Owed at the end"),
                [(row["month"], number(row["revenue"]), number(each["cost"]),
                  percent(each["share"]), number(each["outstanding"]))
                 for row, each in zip(months, cost, strict=True)],
            )],
        )  # fmt: skip
    for name, books in summary["points"].items():
        if not any(float(books[line]) for line in FLOWS):
            continue
        rows = [row["points"][name] for row in months]
        flows = [("issued", [row["issued"] for row in rows])]
        flows += [(line.replace("_", " "), [f"-{row[line]}".replace("--", "") for row in rows])
                  for line in FLOWS[1:]]  # fmt: skip
        lines = [*FLOWS, *(each for each in ("activated", "adjusted", "transferred", "waived")
                           if float(books[each])), "outstanding"]  # fmt: skip
        yield Section(
            f"Points: {name}",
            "What came in above the line, what went out below it.",
            chart=bars(f"{name}s that came and went by month", labels, flows, stacked=True),
            tables=[Table(
                f"{name}s by month",
                ("Month", *(line.replace("_", " ").capitalize() for line in lines)),
                [(month["month"], *(number(row[line]) for line in lines))
                 for month, row in zip(months, rows, strict=True)],
            )],
        )  # fmt: skip


def _ladders(summary: Data) -> Iterator[Section]:
    """Members by level, and movements between levels."""
    for name, ladder in summary["levels"].items():
        months, levels = ladder["months"], ladder["levels"]
        series = [(level, [row["members"][level] for row in months]) for level in levels]
        if any(row["without"] for row in months):
            series.insert(0, ("none", [row["without"] for row in months]))
        labels = [row["month"] for row in months]
        moved: dict[tuple[str, str], int] = {}
        for row in ladder["movements"]:
            key = (row["from"] or "none", row["to"] or "none")
            moved[key] = moved.get(key, 0) + row["members"]
        tables = [Table(
            f"Members by level of {name} at each month's end",
            ("Month", *(each for each, _ in series), "Rose", "Fell", "Joined"),
            [(row["month"], *(number(values[at]) for _, values in series), number(row["rose"]),
              number(row["fell"]), number(row["joined"])) for at, row in enumerate(months)],
        )]  # fmt: skip
        if moved:
            tables.append(Table(
                f"Movements between levels of {name}, all months together",
                ("From", "To", "Members"),
                [(*key, number(count)) for key, count in _largest(moved)],
                left=2,
            ))  # fmt: skip
        chart = bars(f"Members by level of {name}", labels, series, stacked=True)
        yield Section(f"Members by level: {name}", chart=chart, tables=tables)


def _largest(moved: Mapping[tuple[str, str], int]) -> list[tuple[tuple[str, str], int]]:
    return sorted(moved.items(), key=lambda each: -each[1])


def _rules(summary: Data) -> Section | None:
    rules = summary["rules"][:RULES]
    if not rules:
        return None
    table = Table(
        "The rules that cost most",
        ("Rule", "Unit", "Points", "Members", "Events", f"Cost, {summary['currency']}"),
        [(row["rule"], row["unit"], number(row["points"]), number(row["members"]),
          number(row["events"]), number(row["cost"]) if row["cost"] else "–") for row in rules],
        left=2,
    )  # fmt: skip
    return Section("Rules", "What each gave, less what was taken back.", tables=[table])


def _left_out(summary: Data) -> Section | None:
    """What was not taken, and why."""
    events = summary["events"]
    rows = [(f"rejected: {why}", number(count))
            for why, count in events["rejected_by_reason"].items()]  # fmt: skip
    rows += [(f"refused by the rules: {why}", number(count))
             for why, count in events["refused_by_reason"].items()]  # fmt: skip
    rows += [(f"type not read: {kind}", number(count))
             for kind, count in events["ignored_by_type"].items()]  # fmt: skip
    rows += [(name, number(events[name])) for name in ("waiting", "later", "duplicate", "cut")
             if events[name]]  # fmt: skip
    if not rows:
        return Section("What was left out", "Nothing: every event was taken.")
    return Section(
        "What was left out", tables=[Table("Events not taken", ("Why", "How many"), rows)]
    )

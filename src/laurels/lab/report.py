"""A comparison as a page that can be forwarded: `laurels compare … --report FILE`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from laurels.replay.pages import (
    Figure,
    Page,
    Section,
    Sides,
    Table,
    bars,
    instant_text,
    number,
    percent,
    signed,
)

Data = Mapping[str, Any]
HEADS = ("Old", "New", "Difference")


def report(data: Data) -> Page:
    """The page of a comparison."""
    old, new = (
        " ".join([data[side]["program"], *data[side]["settings"]]) for side in ("old", "new")
    )
    parts = (_changes(data), _cost(data), *_months(data), _members(data), *_levels(data),
             _explained(data), _affected(data))  # fmt: skip
    return Page(
        f"{old} → {new}",
        f"The same history under both, just before {instant_text(data['until'])}. "
        f"Money in {data['currency']}. {data['redemptions']['said']}",
        list(_figures(data)),
        [each for each in parts if each is not None],
        f"Old {data['old']['hash']}, new {data['new']['hash']}. {data['gains']['means']}",
    )


def _row(pair: Data, decimals: int | None = None) -> tuple[str, str, str]:
    return (number(pair["old"], decimals), number(pair["new"], decimals),
            signed(pair["difference"], decimals))  # fmt: skip


def _apart(found: Data) -> bool:
    return any(Decimal(str(pair["difference"] or 0)) for pair in found.values())


def _figures(data: Data) -> Iterator[Figure]:
    for name, cost in data["cost"].items():
        yield Figure(f"Cost of {name}s", signed(cost["cost"]["difference"], 0),
                     f"{number(cost['cost']['new'], 0)} {data['currency']}")  # fmt: skip
        yield Figure(f"Owed in {name}s", signed(cost["outstanding"]["difference"], 0),
                     f"{number(cost['outstanding']['new'], 0)} {data['currency']}")  # fmt: skip
    gains = data["gains"]
    yield Figure("Members who gain", number(gains["gain"]), f"{number(gains['gained'])} in all")
    yield Figure("Members who lose", number(gains["lose"]), f"{number(gains['lost'])} in all")
    for name, found in data["levels"].items():
        yield Figure(f"Higher in {name}", number(found["rise"]), f"{number(found['fall'])} lower")


def _changes(data: Data) -> Section:
    words = [each["words"] for each in data["changes"]]
    return Section("What changed", "" if words else "The programs say the same.", words)


def _cost(data: Data) -> Section:
    """Cost and points of both."""
    rows = []
    for name, cost in data["cost"].items():
        rows.append((f"Cost of {name}s, {data['currency']}", *_row(cost["cost"])))
        share = cost["share"]
        points = Decimal(str(share["difference"] or 0)) * 100
        rows.append(("of revenue", percent(share["old"]), percent(share["new"]),
                     f"{signed(points, 2)} points"))  # fmt: skip
        rows.append((f"Owed in {name}s, {data['currency']}", *_row(cost["outstanding"])))
    for name, books in data["points"].items():
        pairs = [(line.replace("_", " "), books[line])
                 for line in ("issued", "spent", "expired", "taken_back")]  # fmt: skip
        pairs += [("outstanding", books["outstanding"]["total"]),
                  ("in debt", books["outstanding"]["debt"])]  # fmt: skip
        rows += [(f"{name}s {line}", *_row(pair)) for line, pair in pairs
                 if Decimal(str(pair["old"] or 0)) or Decimal(str(pair["new"] or 0))]  # fmt: skip
    table = Table("Cost and points", ("", *HEADS), rows, signed=True)
    return Section("What it costs", tables=[table])


def _months(data: Data) -> Iterator[Section]:
    """Cost and liability by month; points of units without worth."""
    for name in data["points"]:
        part, line = ("cost", "cost") if name in data["cost"] else ("points", "issued")
        rows = [(row["month"], row[part][name]) for row in data["months"] if name in row[part]]
        chart = bars(f"{line} of {name}s by month", [month for month, _ in rows],
                     [(which, [found[line][which] for _, found in rows])
                      for which in ("old", "new")])  # fmt: skip
        if chart is None or not any(_apart(found) for _, found in rows):
            continue
        said = f"Cost of {name}s by month" if part == "cost" else f"{name}s issued by month"
        table = Table(
            f"{said}, and what is outstanding at each month's end",
            ("Month", *HEADS, "Outstanding, old", "Outstanding, new"),
            [(month, *_row(found[line]), *_row(found["outstanding"])[:2]) for month, found in rows],
            signed=True,
        )  # fmt: skip
        yield Section(said, chart=chart, tables=[table])


def _members(data: Data) -> Section:
    """Who gains and who loses."""
    gains = data["gains"]
    every = gains["distribution"]
    filled = [at for at, row in enumerate(every) if row["members"]]
    rows = every[filled[0] : filled[-1] + 1] if filled else []
    labels = ["as before" if Decimal(row["from"]) == Decimal(row["to"]) == 0
              else f"{number(row['from'])} to {number(row['to'])}" for row in rows]  # fmt: skip
    table = Table(f"Members by what they gain or lose, {gains['measure']}",
                  ("Difference", "Members"),
                  list(zip(labels, [number(row["members"]) for row in rows], strict=True)),
                  )  # fmt: skip
    note = (
        f"{number(gains['gain'])} gain, {number(gains['lose'])} lose, {number(gains['same'])} are "
        f"as they were. {gains['means']}"
    )
    touched = [at for at, row in enumerate(rows) if Decimal(row["from"]) or Decimal(row["to"])]
    chart = bars("Members by difference, those as before left out",
                 [number(rows[at]["from"], 0) for at in touched],
                 [("members", [rows[at]["members"] for at in touched])])  # fmt: skip
    return Section("Who gains, who loses", note, chart=chart, tables=[table])


def _levels(data: Data) -> Iterator[Section]:
    """Where members stand."""
    for name, found in data["levels"].items():
        both = zip(found["members"], found["over_time"], strict=True)
        rows = [(end["level"] or "none", *_row(end), *_row(time["member_months"]))
                for end, time in both]  # fmt: skip
        moved = [(row["old"] or "none", row["new"] or "none", number(row["members"]),
                  signed(row["value"])) for row in found["movements"]]  # fmt: skip
        yield Section(
            f"Levels: {name}",
            f"At the end {number(found['rise'])} members stand higher, {number(found['fall'])} "
            f"lower.",
            tables=[
                Table("Members at the end, and months of members over the whole time",
                      ("Level", *HEADS, "Months, old", "Months, new", "Difference"), rows,
                      signed=True),
                Table("Levels at the end under either program", ("Old", "New", "Members",
                      f"Difference, {data['gains']['measure']}"), moved, left=2, signed=True),
            ],
        )  # fmt: skip


def _explained(data: Data) -> Section:
    """Rules and caps that make the difference."""
    tables = [Table("Points of each rule, less taken back", ("Rule", "Unit", *HEADS),
                    [(row["rule"], row["unit"], *_row(row["points"])) for row in data["rules"]],
                    left=2, signed=True)]  # fmt: skip
    if data["caps"]:
        tables.append(Table("What caps took off", ("Cap", "Unit", *HEADS),
                            [(row["cap"], row["unit"], *_row(row["cut"])) for row in data["caps"]],
                            left=2, signed=True))  # fmt: skip
    return Section("What makes the difference", tables=tables)


def _affected(data: Data) -> Section | None:
    """The members affected most."""
    sides = [
        Sides(f"{each['member']}: {signed(each['difference'])} {data['gains']['measure']}, "
              f"{event['type']} {event['event']}", event["old"], event["new"])
        for each in data.get("affected", []) for event in each["events"][:1]
    ]  # fmt: skip
    if not sides:
        return None
    return Section("The members affected most", "One event of each, explained by both programs.",
                   sides=sides)  # fmt: skip

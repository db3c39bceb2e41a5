"""The server's ledger beside a replay of the same events: the same totals, member by member."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
from rich.table import Table
from rich.text import Text

from laurels.cli.page import number, table_of
from laurels.replay.monthly import lines_of

LINES = ("issued", "spent", "expired", "taken_back", "adjusted")
STAGES = ("active", "pending", "held", "debt")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the books, from both sides."""

    what: str
    served: Decimal
    replayed: Decimal

    @property
    def agrees(self) -> bool:
        """Whether they are the same, to the last step."""
        return self.served == self.replayed


@dataclass
class Verdict:
    """Both sides; `wrong`: members whose balances differ."""

    lines: list[Line] = field(default_factory=list)
    members: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.wrong and all(each.agrees for each in self.lines)

    def data(self) -> dict[str, object]:
        """The same as data."""
        rows = [{"line": each.what, "served": str(each.served), "replayed": str(each.replayed)}
                for each in self.lines]  # fmt: skip
        return {"holds": self.holds, "lines": rows, "members": self.members,
                "members_that_differ": self.wrong}  # fmt: skip


class Balances:
    """Hears a replay's members: what each of them holds of every unit, by stage, in steps."""

    def __init__(self, units: Iterable[str]) -> None:
        self._columns = [f"{stage}_{unit}" for unit in units for stage in STAGES]
        self.found: dict[str, tuple[int, ...]] = {}

    def add(self, members: pa.Table | None, postings: pa.Table | None) -> None:
        """Take a part of the members."""
        del postings
        if members is not None:
            columns = (members[each].to_pylist() for each in self._columns)
            self.found.update(zip(members["member"].to_pylist(), zip(*columns, strict=True),
                                  strict=True))  # fmt: skip


def accounts_of(ledger: Mapping[str, Any]) -> dict[str, Counter[str]]:
    """What `GET …/ledger` says, by unit and account; points as they are, not as steps."""
    found: dict[str, Counter[str]] = {}
    for each in ledger["totals"]:
        found.setdefault(each["unit"], Counter())[each["account"]] = Decimal(each["points"])  # type: ignore[assignment]
    return found


def judge(
    ledger: Mapping[str, Any],
    summary: Mapping[str, Any],
    served: Mapping[str, Mapping[str, Any]],
    replayed: Mapping[str, tuple[int, ...]],
    scales: Mapping[str, int],
) -> Verdict:
    """Put both sides beside each other.

    ledger    of the server; served: balances of members, as it tells them
    summary   of the replay; replayed: balances of every member, in steps
    """
    verdict = Verdict(members=len(served))
    accounts = accounts_of(ledger)
    for unit, totals in summary["points"].items():
        own = accounts.get(unit, Counter())
        lines = lines_of(own)
        both = [Line(each, Decimal(lines[each]), Decimal(totals[each])) for each in LINES]
        for stage in STAGES:
            sign = -1 if stage == "debt" else 1
            held = Decimal(sign * own[f"member:{stage}"])
            both.append(Line(stage, held, Decimal(totals["outstanding"][stage])))
        if any(each.served or each.replayed for each in both):
            verdict.lines += [
                replace(each, what=f"{unit}s {each.what.replace('_', ' ')}")
                for each in both
                if each.served or each.replayed or each.what in LINES[:4]
            ]
    for name in sorted(served):
        told = tuple(int(Decimal(served[name][unit][stage]).scaleb(scale))
                     for unit, scale in scales.items() for stage in STAGES)  # fmt: skip
        if told != replayed.get(name):
            verdict.wrong.append(name)
    return verdict


def table_of_books(verdict: Verdict) -> Table:
    """The two columns, and whether they agree."""
    table = table_of("", "through the API", "replay", "", title="The books, twice")
    for each in verdict.lines:
        mark = Text("equal", "green") if each.agrees else Text("DIFFERENT", "bold red")
        table.add_row(each.what, number(each.served), number(each.replayed), mark)
    return table


def said(verdict: Verdict) -> Text:
    """The verdict in a sentence."""
    if verdict.holds:
        return Text.assemble(
            ("The books agree. ", "bold green"),
            "All totals are the same to the last point, and so are the balances of the "
            f"{number(verdict.members)} members that were asked for one by one.",
        )
    names = ", ".join(verdict.wrong[:5])
    return Text.assemble(
        ("The books do not agree. ", "bold red"),
        f"{len(verdict.wrong)} members differ{': ' + names if names else ''}.",
    )

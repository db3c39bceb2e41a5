"""A program as a page of tables: what `laurels check` says of a program that is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from laurels.base.instants import calendar, format_instant
from laurels.engine.compiled import Compiled
from laurels.program import linked as L
from laurels.program import model


def summary_of(program: Compiled) -> dict[str, object]:
    """The program in a few words, as data."""
    found = program.program
    return {
        "program": found.name,
        "hash": program.hash,
        "zone": found.zone,
        "currency": found.currency,
        "units": [unit.name for unit in found.units],
        "events": sorted(found.document.events),
        "ladders": {ladder.name: list(ladder.levels) for ladder in found.ladders},
        "versions": [
            {
                "version": version.number,
                "effective_from": _since(version),
                "rules": sorted({found.effects[at].rule for at in version.effects}),
                "caps": [found.caps[at].name for at in version.caps],
                "returns": version.returns,
            }
            for version in found.versions
        ],
    }


def show_program(console: Console, program: Compiled) -> None:
    """The program on one screen."""
    found = program.program
    document = found.document
    title = document.title or found.name
    console.print(Rule(Text.assemble((f" {title} ", "bold cyan")), style="cyan"))
    units = ", ".join(_unit(name, unit, found.currency) for name, unit in document.units.items())
    head = Table.grid(padding=(0, 2))
    head.add_column(style="dim")
    head.add_column()
    for name, text in (
        ("program", f"{found.name}, {found.zone}, {found.currency}"),
        ("units", units),
        ("reads", ", ".join(document.events) or "nothing of its own"),
        ("hash", program.hash),
    ):
        head.add_row(name, Text(text))
    console.print(head)
    for version, given in zip(found.versions, document.versions, strict=True):
        _show_version(console, found, version, given)


def _show_version(
    console: Console, program: L.Linked, version: L.Version, given: model.Version
) -> None:
    since = _since(version)
    text = Text(f"\nversion {version.number}", "bold")
    text.append(f" since {_local(program, version)}" if since else " since ever", "dim")
    text.append(f" · returns {version.returns.replace('_', ' ')}", "dim")
    if given.note:
        text.append(f"\n{given.note.strip()}", "italic")
    console.print(text)
    rules = _table("rule", "on", "gives", "when")
    named = [*given.rules.items()] + [
        (f"{offer}/{name}", rule)
        for offer, each in given.offers.items()
        for name, rule in each.rules.items()
    ]
    for name, rule in named:
        gives = _give(rule, program)
        rules.add_row(name, ", ".join(rule.on), gives, rule.when or "always")
    if named:
        console.print(rules)
    caps = [*given.caps.items(), *(c for o in given.offers.values() for c in o.caps.items())]
    said = [("points", _lots(given))]
    if given.membership is not None:
        said.append(("members", f"earn when {given.membership.when}"))
    said += [("ladder", _ladder(name, ladder)) for name, ladder in given.ladders.items()]
    said += [("cap", _cap(name, cap)) for name, cap in caps]
    said += [("spending", _spending(name, limit)) for name, limit in given.spending.items()]
    for word, sentence in said:
        console.print(Text.assemble((f"{word} ", "dim"), sentence))


def _table(*headers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def _since(version: L.Version) -> str | None:
    return None if version.effective_from < -(2**60) else format_instant(version.effective_from)


def _unit(name: str, unit: model.Unit, currency: str) -> str:
    worth = f" = {unit.worth} {currency}" if unit.worth is not None else ""
    return f"{name}{worth} (steps of {unit.precision})"


def _local(program: L.Linked, version: L.Version) -> str:
    """When a version begins, in the program's own time."""
    at = calendar(program.zone).parts(version.effective_from)
    shown = f"{at.year}-{at.month:02}-{at.day:02} {at.hour:02}:{at.minute:02}"
    return shown.removesuffix(" 00:00")


def _give(rule: model.Rule, program: L.Linked) -> str:
    give = rule.give
    if give.rate is not None:
        return _value(give.rate)
    if give.multiply is not None:
        return f"{', '.join(give.multiply)} times {give.by}"
    every = f" for each full {give.per} {program.currency}" if give.per is not None else ""
    unit = ", ".join(rule.unit) or program.units[0].name
    return f"{_value(give.points)} {unit}{every}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        rest = ", ".join(f"{key} {each}" for key, each in value.items() if key != "by")
        return f"by {value.get('by', '')}: {rest}"
    return str(value)


def _lots(given: model.Version) -> str:
    """When points become active, and how long they live where nothing else is said."""
    begin = "active at once"
    if isinstance(given.posting, model.Posting):
        day = given.posting.day_of_next_month
        begin = f"active after {given.posting.after}"
        if day is not None:
            begin = f"active on day {day} of the next month"
    live = "never end" if given.expires == "never" else f"live {given.expires}"
    return f"{begin}, {live}, unless a unit, offer or rule says otherwise"


def _ladder(name: str, ladder: model.Ladder) -> str:
    levels = []
    for level, given in ladder.levels.items():
        least = [f"{key} {text.strip()}" for key, text in (given.__pydantic_extra__ or {}).items()]
        asked = ", ".join([*least, *([given.when] if given.when else [])])
        levels.append(f"{level} ({asked})" if asked else level)
    return f"{name}: {' → '.join(levels)}"


def _cap(name: str, cap: model.Cap) -> str:
    limits = []
    if cap.at_most is not None:
        limits.append(f"at most {_value(cap.at_most)}")
    if cap.at_least is not None:
        limits.append(f"nothing below {cap.at_least}")
    across = " over all members" if cap.across == "all_members" else ""
    when = f" when {cap.when}" if cap.when else ""
    said = f"{' and '.join(limits)} {cap.unit or ''}".strip()
    return f"{name}: {said} {PER[cap.per]}{across}{when} ({', '.join(cap.rules)})"


def _spending(name: str, limit: model.SpendingLimit) -> str:
    said = []
    if limit.at_least is not None:
        said.append(f"at least {limit.at_least}")
    if limit.at_most is not None:
        said.append(f"at most {limit.at_most}")
    if limit.share_of_price is not None:
        said.append(f"at most {limit.share_of_price} of the price")
    if limit.times is not None:
        word = "once" if limit.times.at_most == 1 else f"{limit.times.at_most} times"
        said.append(f"at most {word} {PER[limit.times.per]}")
    if limit.only_if is not None:
        said.append(f"only if {limit.only_if}")
    when = f" when {limit.when}" if limit.when else ""
    unit = f" ({limit.unit})" if limit.unit else ""
    return f"{name}: {' and '.join(said) or 'nothing'}{unit}{when}"


PER = {
    "event": "an event", "day": "a day", "month": "a month", "year": "a year",
    "lifetime": "in a lifetime",
}  # fmt: skip

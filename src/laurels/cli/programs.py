"""A program as a page of tables: what `laurels check` says of a program that is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from laurels.base.instants import format_instant
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
    text.append(f" since {since}" if since else " since ever", "dim")
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
        rules.add_row(name, ", ".join(rule.on), _give(rule.give), rule.when or "always")
    console.print(rules)
    for name, ladder in given.ladders.items():
        console.print(Text.assemble(("ladder ", "dim"), f"{name}: ", " → ".join(ladder.levels)))
    caps = [program.caps[at] for at in version.caps]
    for cap in caps:
        console.print(Text.assemble(("cap ", "dim"), _cap(program, cap)))


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


def _give(give: model.Give) -> str:
    if give.rate is not None:
        return _value(give.rate)
    if give.multiply is not None:
        return f"{', '.join(give.multiply)} times {give.by}"
    every = f" for each {give.per}" if give.per is not None else ""
    return f"{_value(give.points)} points{every}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        rest = ", ".join(f"{key} {each}" for key, each in value.items() if key != "by")
        return f"by {value.get('by', '')}: {rest}"
    return str(value)


def _cap(program: L.Linked, cap: L.Cap) -> str:
    rules = ", ".join(dict.fromkeys(program.effects[at].rule for at in cap.effects))
    across = " over all members" if cap.budget else ""
    per = "" if cap.per == "lifetime" else f" a {cap.per}"
    unit = program.units[cap.unit]
    if cap.limit is not None:
        limit = f"at most {cap.limit / 10**unit.scale:g} {unit.name}{per}"
    elif cap.table is not None:
        limit = f"by {cap.table.by}{per}"
    else:
        limit = f"at least {(cap.minimum or 0) / 10**unit.scale:g} {unit.name}"
    return f"{cap.name}: {limit}{across} ({rules})"

"""How an event's row is filled from columns: a function generated for each program.

Columns are as narrow as their values: codes and flags in 8 or 16 bits. What no event of a
history has is a column of one zero, read through a mask of 0 (-1 for a column of full length).
Local days and months are found when the event is applied, not kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from laurels.engine.compiled import Compiled
from laurels.engine.kernel import layout as K
from laurels.engine.slots import constant, upper
from laurels.program.names import BUILTIN

ASK_TYPES = ("redemption", "hold", "capture", "void", "transfer")
SPECIAL = (*ASK_TYPES, "return", "withdrawn", "sealed")
DERIVED = {
    "day": "day - cal[2][mo] + 1",
    "month": "mo % 12 + 1",
    "year": "1900 + mo // 12",
    "weekday": "day % 7 + 1",
}
"""Parts of local time that follow from the day; hours and minutes are columns."""


class Column(NamedTuple):
    """A column of events beyond those that every program has: where it stands in the row."""

    name: str
    place: int
    type: DTypeLike


def columns_of(program: Compiled) -> list[Column]:
    """The columns of a program's events, in the order of their places."""
    derived = {f"E_LOCAL_{upper(part)}" for part in DERIVED}
    return [
        Column(name, place, _type_of(program, name))
        for name, place in sorted(program.slots.columns.items(), key=lambda each: each[1])
        if name not in derived and not name.startswith("E_BUDGET_")
    ]


def _type_of(program: Compiled, name: str) -> DTypeLike:
    """The narrowest type that holds every value of a column."""
    linked = program.program
    if name.startswith("E_LOCAL_"):
        return np.int8
    kinds: set[str] = set()
    codes = 0
    texts = [
        (f"event.{key}", constant("E_", key), each.type)
        for event in linked.events.values()
        for key, each in event.attributes.items()
    ]
    texts += [
        (f"member.{key}", f"E_MEMBER_{upper(key)}", each.type)
        for key, each in linked.member.items()
    ]
    for full, column, kind in texts:
        if column == name:
            kinds.add(kind)
            if kind == "text" and full in program.slots.strings.names:
                codes = max(codes, len(program.slots.strings.codes(full)) + 1)
    if not kinds:
        return np.int8  # a predicate
    if kinds & {"money", "integer", "points"}:
        return np.int64
    if "date" in kinds or codes > 100:
        return np.int16 if codes < 30_000 else np.int32
    return np.int8


def fill_source(program: Compiled) -> str:
    """The source of ``fill``, and what the loop must know of the program."""
    linked = program.program
    events = linked.events
    last = max((each.index for each in events.values()), default=0)
    by_index = {each.index: each for each in events.values()}
    lines = [0] * (last + 1)
    purchases = [0] * (last + 1)
    for index, each in by_index.items():
        lines[index] = int(each.amount != "none" and each.name != "return")
        purchases[index] = int(each.purchase)
    rules = rule_keys(program)
    text = [
        f"EFFECTS = {len(linked.effects)}",
        f"CAPS = {max(1, len(linked.caps))}",
        f"FUNDERS = {len(linked.funders)}",
        f"RULES = {len(rules)}",
        f"LADDERS = {len(linked.ladders)}",
        f"LEVELS = {1 + max([len(each.levels) for each in linked.ladders], default=0)}",
        f"STATE_SIZE = {program.slots.size}",
        f"LADDER_FIRST = {K.HEAD + len(linked.units) * K.UNIT}",
        f"EFFECT_RULE = {tuple_text([rules.index((e.rule, e.unit)) for e in linked.effects])}",
        f"ONE_LINE = {tuple_text(lines)}",
        f"PURCHASES = {tuple_text(purchases)}",
        "AS_IF = " + tuple_text([int(v.returns == "as_if_never_bought") for v in linked.versions]),
    ]
    for name in SPECIAL:
        kind = events.get(name)
        text.append(f"TYPE_{name.upper()} = {kind.index if kind else -99}")
    return "\n".join(text) + "\n\n\n" + "\n".join(_fill(program)) + "\n"


def rule_keys(program: Compiled) -> list[tuple[str, int]]:
    """Rules and units together, as the summary adds them up."""
    return list(dict.fromkeys((each.rule, each.unit) for each in program.program.effects))


def tuple_text(values: list[int]) -> str:
    """A tuple of integers; never empty, for machine code has no type for nothing."""
    return "(" + "".join(f"{value}, " for value in values or [0]) + ")"


def _fill(program: Compiled) -> list[str]:
    lines = [
        "def fill(ev, k, E, A, mask, cal):",
        "    kind = int(E[0][k])",
        "    if kind < 0:",
        "        kind = 0",
        "    t = E[1][k]",
        "    day = day_of(cal, t)",
        "    mo = cal[1][day]",
        "    ev[E_TYPE] = kind",
        "    ev[E_AT] = t",
        "    ev[E_DAY] = day",
        "    ev[E_MONTH] = mo",
        "    ev[E_VERSION] = E[3][k & mask[0]]",
        "    ev[E_AMOUNT] = E[2][k]",
        "    ev[E_LINES] = ONE_LINE[kind]",
        "    ev[E_LINE] = -1 if kind > 0 else 0",
    ]
    lines += [
        f"    ev[{name}] = 0"
        for name in ("E_POINTS", "E_UNIT", "E_OUTCOME", "E_HOLD", "E_UNTIL", "E_PAID", "E_PAYS")
    ]
    for number, column in enumerate(columns_of(program)):
        lines.append(f"    ev[{column.place}] = A[{number}][k & mask[{number + 2}]]")
    for part in program.slots.local:
        if part in DERIVED:
            lines.append(f"    ev[E_LOCAL_{upper(part)}] = {DERIVED[part]}")
    for cap in program.program.caps:
        if cap.budget:
            name = f"E_BUDGET_{cap.index}"
            room = program.blank_row()[program.slots.columns[name]]
            lines.append(f"    ev[{name}] = {room}")
    return lines


assert set(SPECIAL) <= set(BUILTIN)

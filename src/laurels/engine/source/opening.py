"""A sealed event: the points and levels that a member had elsewhere."""

from __future__ import annotations

from laurels.engine.slots import upper
from laurels.engine.source.writer import Writer, fn
from laurels.program import linked as L


def write_opening(w: Writer) -> None:
    """What a sealed event does, and how it puts a level in force."""
    for ladder in w.program.ladders:
        write_open_level(w, ladder)
    w.function(
        "on_sealed(s, la, lp, ev, ln, out, cal, cap)",
        "What the member had elsewhere takes the place of what the fold has come to.",
    )
    out = w.out
    for name in ("t = ev[E_AT]", "v = ev[E_VERSION]", "day = ev[E_DAY]", "mo = ev[E_MONTH]"):
        out.add(name)
    for unit in w.program.units:
        out.add(f"empty_unit(s, la, lp, out, {unit.index}, cap, t)")
    out.add("for i in range(ev[E_LINES]):")
    out.depth += 1
    out.add("k = i * WIDTH")
    out.block("if ln[k + S_WHAT] != S_LEVEL:", ["open_line(s, la, lp, out, ln, k, cap, t)"])
    for ladder in w.program.ladders:
        out.block(
            f"elif ln[k + S_OF] == {ladder.index}:",
            [
                f"{fn(ladder.name)}_open("
                "s, out, cal, v, ln[k + S_POINTS], ln[k + S_END], t, day, mo)"
            ],
        )
    out.depth -= 1
    out.add("return")
    w.end()


def write_open_level(w: Writer, ladder: L.Ladder) -> None:
    """A level that was reached elsewhere, in force until an instant."""
    name = upper(ladder.name)
    w.function(
        f"{fn(ladder.name)}_open(s, out, cal, v, level, until, t, day, mo)",
        f"A level of `{ladder.name}` that was reached elsewhere.",
    )
    add = w.out.add
    add(f"before = s[LADDER_{name} + L_LEVEL]")
    add(f"s[LADDER_{name} + L_LEVEL] = level")
    add(f"s[LADDER_{name} + L_UNTIL] = until")
    for index, rules in ladder.rules.items():
        body = []
        if rules.period and rules.rises == "at_once":
            # one that outlives the period was reached in it
            body = [
                f"if until > s[LADDER_{name} + L_CLOSE] and level > s[LADDER_{name} + L_REACHED]:",
                f"    s[LADDER_{name} + L_REACHED] = level",
            ]
        elif rules.sum_unit is not None and rules.requalify is not None:
            unit = upper(w.program.units[rules.sum_unit].name)
            body = [
                f"s[UNIT_{unit} + U_FROM] = NEVER",
                "if until < NEVER:",
                f"    s[UNIT_{unit} + U_FROM] = {counts_from(rules.requalify)}",
            ]
        if body:
            w.out.block(f"if v == {index}:", body)
    w.out.block("if until < s[NEXT_DUE]:", ["s[NEXT_DUE] = until"])
    w.out.block(
        "if level != before:",
        [
            f"post(out, LEVEL_CHANGE, {ladder.index}, level, 0, 0, -1, until, 0, 0, t, -1)",
            "out[OUT + (out[O_COUNT] - 1) * RECORD + R_OLD_END] = before",
        ],
    )
    w.end()


def counts_from(back: L.Term) -> str:
    """The instant from which points count for the term after ``until``."""
    if back.kind == "months":
        return f"cal[0][add_months(cal, day_of(cal, until), -{back.length})]"
    return f"cal[0][day_of(cal, until) - {back.length}]"

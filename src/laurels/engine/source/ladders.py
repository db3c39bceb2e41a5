"""Ladders: the level a member deserves, and the clocks by which it is given and ends."""

from __future__ import annotations

from collections.abc import Mapping

from laurels.engine.slots import upper
from laurels.engine.source.opening import counts_from
from laurels.engine.source.writer import TERM_NAMES, Where, Writer, fn
from laurels.program import linked as L

FALLS = {"to_result": 0, "one_level": 1, "never": 2}


def write_ladder(w: Writer, ladder: L.Ladder) -> None:
    """All functions of one ladder."""
    for index, rules in ladder.rules.items():
        write_level_of(w, ladder, rules, w.program.versions[index])
    write_by_version(w, ladder)
    write_set(w, ladder)
    if any(rules.period for rules in ladder.rules.values()):
        write_close(w, ladder)
    if any(not rules.period for rules in ladder.rules.values()):
        write_term_end(w, ladder)
    if any(rules.rises == "at_once" for rules in ladder.rules.values()):
        write_rise(w, ladder)


def write_level_of(w: Writer, ladder: L.Ladder, rules: L.LadderRules, version: L.Version) -> None:
    """The highest level whose conditions all hold."""
    w.function(
        f"{fn(ladder.name)}_level_v{version.number}(s, day, mo)",
        f"The level of `{ladder.name}` that a member deserves under version {version.number}.",
    )
    if rules.opens is not None:
        w.out.block(f"if not {w.emit(rules.opens, version)}:", ["return 0"])
    held = read_once(w, rules)
    w.out.add("level = 0")
    for level in rules.levels:
        tests = [
            least_source(w, rules, each, held) for each in level.least if each.value or each.strict
        ]
        if level.when is not None:
            tests.append(w.emit(level.when, version))
        w.out.block(
            f"if {' and '.join(tests) or 'True'}:", [f"level = {level.code}  # {level.name}"]
        )
    w.out.add("return level")
    w.end()


def read_once(w: Writer, rules: L.LadderRules) -> dict[int, str]:
    """Read the metrics that several levels compare; the names that hold them."""
    asked = [each.metric for level in rules.levels for each in level.least]
    held: dict[int, str] = {}
    for index in dict.fromkeys(asked):
        if index is not None and asked.count(index) > 1:
            held[index] = f"{fn(w.program.metrics[index].name)}_now"
            w.out.add(f"{held[index]} = {Where(w.slots, None).metric_index(index)}")
    return held


def least_source(w: Writer, rules: L.LadderRules, least: L.Least, held: Mapping[int, str]) -> str:
    """The test of a level's least value."""
    sign = ">" if least.strict else ">="
    if least.metric is None:
        unit = w.program.units[rules.sum_unit or 0]
        return f"s[UNIT_{upper(unit.name)} + U_SUM] {sign} {least.value}"
    read = held.get(least.metric) or Where(w.slots, None).metric_index(least.metric)
    return f"{read} {sign} {least.value}"


def write_by_version(w: Writer, ladder: L.Ladder) -> None:
    """The level that a member deserves, by the version in force."""
    w.function(f"{fn(ladder.name)}_level(s, v, day, mo)", "The same, by version.")
    for index in ladder.rules:
        number = w.program.versions[index].number
        call = f"return {fn(ladder.name)}_level_v{number}(s, day, mo)"
        if len(ladder.rules) == len(w.program.versions) == 1:
            w.out.add(call)
            w.end()
            return
        w.out.block(f"if v == {index}:", [call])
    w.out.add("return 0")
    w.end()


def set_level(ladder: L.Ladder, level: str = "level") -> str:
    """A call that puts a level in force."""
    return f"{fn(ladder.name)}_set(s, out, cal, v, {level}, t, day, mo)"


def write_set(w: Writer, ladder: L.Ladder) -> None:
    """Set the level and its end."""
    name = upper(ladder.name)
    w.function(
        set_level(ladder),
        "Put a level in force and say how long it lasts.",
    )
    add = w.out.add
    add(f"before = s[LADDER_{name} + L_LEVEL]")
    add("until = NEVER")
    for index, rules in ladder.rules.items():
        w.out.block(f"if v == {index}:", until_lines(w, ladder, rules))
    add(f"s[LADDER_{name} + L_LEVEL] = level")
    add(f"s[LADDER_{name} + L_UNTIL] = until")
    w.out.block("if until < s[NEXT_DUE]:", ["s[NEXT_DUE] = until"])
    w.out.block(
        "if level != before:",
        [
            f"post(out, LEVEL_CHANGE, {ladder.index}, level, 0, 0, -1, until, 0, 0, t, -1)",
            "out[OUT + (out[O_COUNT] - 1) * RECORD + R_OLD_END] = before",
        ],
    )
    w.end()


def until_lines(w: Writer, ladder: L.Ladder, rules: L.LadderRules) -> list[str]:
    """How long a level lasts in one version: by period, or by its term."""
    name = upper(ladder.name)
    if rules.period:
        months = 1 if rules.period == "month" else 12
        ahead = 2 if rules.rises == "at_once" else 1
        lowest = rules.levels[0].code
        floor = f"level > {lowest}" if rules.rises == "at_once" else "level > 0"
        first = "mo" if months == 1 else "mo // 12 * 12"
        lines = [f"if {floor}:", f"    until = cal[0][cal[2][{first} + {months}]]"]
        if ahead == 2:
            lines += [
                f"    if s[LADDER_{name} + L_REACHED] >= level:",
                f"        until = cal[0][cal[2][{first} + {2 * months}]]",
            ]
        return lines
    lines = ["if True:"]
    for level in rules.levels:
        if level.term is None or level.term.kind == "never":
            continue
        term = f"{TERM_NAMES[level.term.kind]}, {level.term.length}"
        lines += [
            f"    if level == {level.code}:",
            f"        until = ends_after(cal, t, day, {term})",
        ]
    if rules.sum_unit is not None and rules.requalify is not None:
        unit = upper(w.program.units[rules.sum_unit].name)
        first = counts_from(rules.requalify)
        lines += [
            f"    s[UNIT_{unit} + U_SINCE] = 0",
            f"    s[UNIT_{unit} + U_FROM] = NEVER",
            "    if until < NEVER:",
            f"        s[UNIT_{unit} + U_FROM] = {first}",
        ]
    return [*lines, "    pass"]


def write_close(w: Writer, ladder: L.Ladder) -> None:
    """At the end of a period: what the period gave becomes the level of the next."""
    name = upper(ladder.name)
    w.function(
        f"{fn(ladder.name)}_close(s, out, cal, v, t)",
        f"The period of `{ladder.name}` that ends at t is over.",
    )
    add = w.out.add
    w.local_day()
    add(f"level = s[LADDER_{name} + L_LEVEL]")
    add("deserved = 0")
    add("grace = 0")
    add("falls = 0")
    for index, rules in ladder.rules.items():
        months = 12 if rules.period == "year" else 1
        if rules.rises == "at_close":
            got = f"deserved = {fn(ladder.name)}_level(s, v, day - 1, cal[1][day - 1])"
        else:
            got = f"deserved = s[LADDER_{name} + L_REACHED]"
        after = f"cal[0][cal[2][mo + {months}]]" if rules.period else "NEVER"
        lines = [
            got,
            f"grace = {rules.grace}",
            f"falls = {FALLS[rules.falls]}",
            f"s[LADDER_{name} + L_CLOSE] = {after}",
        ]
        w.out.block(f"if v == {index}:", lines)
    add(f"s[LADDER_{name} + L_REACHED] = {fn(ladder.name)}_level(s, v, day, mo)")
    w.out.block(
        "if deserved >= level:",
        ["level = deserved", f"s[LADDER_{name} + L_GRACE] = 0"],
    )
    w.out.block(f"elif s[LADDER_{name} + L_GRACE] < grace:", [f"s[LADDER_{name} + L_GRACE] += 1"])
    w.out.block(
        "else:",
        [
            f"s[LADDER_{name} + L_GRACE] = 0",
            "level = deserved if falls == 0 else level - 1 if falls == 1 else level",
        ],
    )
    add(set_level(ladder))
    w.end()


def write_term_end(w: Writer, ladder: L.Ladder) -> None:
    """At the end of a level's term."""
    name = upper(ladder.name)
    w.function(
        f"{fn(ladder.name)}_end(s, out, cal, v, t)",
        f"The term of a level of `{ladder.name}` ends at t.",
    )
    add = w.out.add
    w.local_day()
    add("falls = 0")
    for index, rules in ladder.rules.items():
        lines = [f"falls = {FALLS[rules.falls]}"]
        if rules.sum_unit is not None and rules.requalify is not None:
            unit = upper(w.program.units[rules.sum_unit].name)
            lines.append(f"s[UNIT_{unit} + U_SUM] = s[UNIT_{unit} + U_SINCE]")
        w.out.block(f"if v == {index}:", lines)
    add(f"level = s[LADDER_{name} + L_LEVEL]")
    add(f"deserved = {fn(ladder.name)}_level(s, v, day, mo)")
    w.out.block(
        "if deserved >= level or falls == 0:",
        ["level = deserved"],
    )
    w.out.block("elif falls == 1:", ["level -= 1"])
    add(set_level(ladder))
    w.end()


def write_rise(w: Writer, ladder: L.Ladder) -> None:
    """A ladder that rises at once."""
    name = upper(ladder.name)
    w.function(
        f"{fn(ladder.name)}_rise(s, out, cal, v, t, day, mo)",
        f"Raise the level of `{ladder.name}` where a higher one is deserved.",
    )
    add = w.out.add
    at_once = [i for i, rules in ladder.rules.items() if rules.rises == "at_once"]
    if len(at_once) < len(w.program.versions):
        w.out.block(f"if {' and '.join(f'v != {i}' for i in at_once)}:", ["return"])
    add(f"deserved = {fn(ladder.name)}_level(s, v, day, mo)")
    add(f"level = s[LADDER_{name} + L_LEVEL]")
    w.out.block(
        f"if deserved > s[LADDER_{name} + L_REACHED]:",
        [
            f"s[LADDER_{name} + L_REACHED] = deserved",
            "if deserved == level:",
            f"    {fn(ladder.name)}_extend(s, out, cal, v, level, t, day, mo)",
        ],
    )
    w.out.block(
        "if deserved > level:",
        [set_level(ladder, "deserved")],
    )
    w.end()
    write_extend(w, ladder)


def write_extend(w: Writer, ladder: L.Ladder) -> None:
    """A level reached again lasts longer only where periods keep it (not by term)."""
    w.function(
        f"{fn(ladder.name)}_extend(s, out, cal, v, level, t, day, mo)",
        "A level that the period reached again is kept through the next one.",
    )
    by_period = [i for i, rules in ladder.rules.items() if rules.period]
    if by_period:
        test = " or ".join(f"v == {i}" for i in by_period)
        w.out.block(f"if {test}:", [set_level(ladder)])
    else:
        w.out.add("return")
    w.end()


def write_rises(w: Writer) -> None:
    """All ladders that rise at once, after an event or an activation."""
    w.function("rise(s, out, cal, v, t, day, mo)", "Raise levels where higher ones are deserved.")
    for ladder in w.program.ladders:
        if any(rules.rises == "at_once" for rules in ladder.rules.values()):
            w.out.add(f"{fn(ladder.name)}_rise(s, out, cal, v, t, day, mo)")
    w.out.add("return")
    w.end()

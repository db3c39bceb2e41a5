"""Rules: tests, base, amount, grant."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from laurels.engine.source.limits import write_limits, write_stacks
from laurels.engine.source.tables import write_table
from laurels.engine.source.writer import (
    PERIOD,
    ROUNDING,
    TERM_NAMES,
    Writer,
    fn,
    text_of,
)
from laurels.program import linked as L


def effects_of(w: Writer, version: L.Version, event: L.EventType) -> list[L.Effect]:
    """The effects of a version that read an event type, in the order of the file."""
    return [w.program.effects[i] for i in version.effects if event.name in w.program.effects[i].on]


def write_rules(w: Writer, version: L.Version, event: L.EventType) -> None:
    """What a version gives for an event type."""
    effects = effects_of(w, version, event)
    if not effects:
        return
    for effect in effects:
        if effect.lines is not None and effect.on[0] == event.name:
            write_cover(w, version, effect)
    w.function(
        f"{fn(event.name)}_rules_v{version.number}(s, la, lp, ev, ln, g, out, cal, cap)",
        f"What version {version.number} gives for a `{event.name}`.",
    )
    add = w.out.add
    add("t = ev[E_AT]")
    add("day = ev[E_DAY]")
    add("mo = ev[E_MONTH]")
    w.trace(f"'begin', {version.index}, s, ev")
    member = w.emit(version.membership, version) if version.membership else "True"
    add(f"member = {member}")
    w.trace("'member', int(member)")
    lines: list[str] = []
    waits = version.membership is not None and version.before_membership == "pending"
    for number, effect in enumerate(effects):
        start = len(w.out.lines)
        write_effect(w, version, effect, waits)
        before = effects[number - 1] if number else None
        if before is not None and before.rule_index == effect.rule_index:
            write_alike(w, effect, before, lines, start)
        lines = w.out.lines[start:]
    write_stacks(w, version, effects)
    write_limits(w, version, effects)
    for effect in effects:
        write_grant(w, effect, waits)
    w.end()


def write_cover(w: Writer, version: L.Version, effect: L.Effect) -> None:
    """The lines that a rule covers."""
    assert effect.lines is not None
    w.function(
        f"cover_{effect.index}(s, ev, ln)",
        f"Mark the lines that `{effect.rule}` covers; the sum of their amounts.",
    )
    add = w.out.add
    add("day = ev[E_DAY]")
    add("mo = ev[E_MONTH]")
    add("covered = 0")
    add("for i in range(ev[E_LINES]):")
    w.out.depth += 1
    add("k = i * WIDTH")
    w.out.block(
        f"if {w.emit(effect.lines, version)}:",
        ["ln[k + LN_MARK] = 1", "covered += ln[k + LN_AMOUNT]"],
    )
    w.out.block("else:", ["ln[k + LN_MARK] = 0"])
    w.out.depth -= 1
    add("return covered")
    w.end()


def tests_of(w: Writer, version: L.Version, effect: L.Effect, waits: bool) -> list[tuple[str, str]]:
    """The tests of a rule, each with the word that names its failure."""
    found = []
    if not effect.for_everyone and version.membership is not None and not waits:
        found.append(("membership", "member"))
    if effect.start is not None:
        found.append(("started", f"t >= {effect.start}"))
    if effect.stop is not None:
        found.append(("ended", f"t < {effect.stop}"))
    if effect.audience is not None:
        found.append(("audience", w.emit(effect.audience, version)))
    if effect.when is not None:
        found.append(("when", w.emit(effect.when, version)))
    if effect.times is not None:
        most, per = effect.times
        found.append(("times", f"counted(s, {w.slots.times(effect)}, {PERIOD[per]}) < {most}"))
    return found


def write_effect(w: Writer, version: L.Version, effect: L.Effect, waits: bool) -> None:
    """The points of an effect before stacking and caps: ``e<index>``."""
    out = w.out
    unit = w.program.units[effect.unit]
    out.add(f"# {effect.rule}: {text_of(effect.when) or 'always'} -> {unit.name}")
    points = f"e{effect.index}"
    out.add(f"{points} = 0")
    tests = tests_of(w, version, effect, waits)
    if w.traced:
        for word, source in tests:
            out.add(f"TRACE('test', {effect.index}, {word!r}, int({source}))")
    if tests:
        out.add(f"if {' and '.join(source for _, source in tests)}:")
        out.depth += 1
    write_amount(w, version, effect, points)
    if tests:
        out.depth -= 1
    w.trace(f"'raw', {effect.index}, {points}")


def write_alike(
    w: Writer, effect: L.Effect, before: L.Effect, lines: Sequence[str], start: int
) -> None:
    """A rule that gives several units mostly gives as many of each: worked out once.

    ``lines``: those of the effect before, ``start``: where its own begin; comments come first.
    """
    own = [re.sub(rf"\be{effect.index}\b", f"e{before.index}", each)
           for each in w.out.lines[start:]]  # fmt: skip
    if own[1:] == list(lines[1:]):
        w.out.lines[start + 1 :] = [f"    e{effect.index} = e{before.index}"]


def write_base(w: Writer, version: L.Version, effect: L.Effect) -> None:
    """``base``: the money that earns, in minor units."""
    add = w.out.add
    whole = w.emit(effect.base, version) if effect.base else "ev[E_AMOUNT]"
    add(f"base = {whole}")
    if effect.base is not None:
        w.out.block("if base < 0:", ["base = 0"])
    if effect.lines is not None:
        add(f"covered = cover_{effect.index}(s, ev, ln)")
        w.out.block("if ev[E_AMOUNT] > 0:", ["base = mul_div(base, covered, ev[E_AMOUNT], FLOOR)"])
    w.trace(f"'base', {effect.index}, base")


def write_amount(w: Writer, version: L.Version, effect: L.Effect, points: str) -> None:
    """The points of one effect, by the kind of its gift."""
    add = w.out.add
    give = effect.give
    rounding = ROUNDING[effect.rounding]
    if give.kind == "multiply":
        total = " + ".join(f"e{i}" for i in give.of) or "0"
        add(f"{points} = mul_div({total}, {give.numerator}, {give.denominator}, {rounding})")
    elif give.kind == "per":
        write_base(w, version, effect)
        add(f"{points} = base // {give.every} * {give.numerator}")
    elif give.kind == "rate":
        write_base(w, version, effect)
        if give.table is None:
            add(f"numerator = {give.numerator}")
            add(f"denominator = {give.denominator}")
        else:
            write_table(w, give.table, "numerator", "denominator")
        w.trace(f"'rate', {effect.index}, numerator, denominator")
        add(f"{points} = mul_div(base, numerator, denominator, {rounding})")
    elif give.table is not None:
        write_table(w, give.table, points, None)
    elif give.points is not None:
        add(f"{points} = {w.emit(give.points, version)}")
        w.out.block(f"if {points} < 0:", [f"{points} = 0"])
    else:
        add(f"{points} = {give.numerator}")
    if effect.lines is not None and give.kind == "points":
        w.out.block(f"if cover_{effect.index}(s, ev, ln) == 0:", [f"{points} = 0"])


def write_grant(w: Writer, effect: L.Effect, waits: bool) -> None:
    """Issue what is left."""
    out = w.out
    points = f"e{effect.index}"
    out.add(f"if {points} > 0:  # {effect.rule}")
    out.depth += 1
    first = write_activation(w, effect)
    if effect.expires.kind == "never":
        out.add("end = NEVER")
    elif effect.expires.kind == "months":
        out.add(f"last = {first(effect.expires.length)}")
        out.add("end = cal[0][last + 1]")
    else:
        term = f"{TERM_NAMES[effect.expires.kind]}, {effect.expires.length}"
        out.add(f"end = ends_after(cal, active, first, {term})")
    if waits and not effect.for_everyone:
        number = w.program.terms.index(effect.expires)
        out.block(
            "if not member:",
            ["active = NEVER", f"end = -1 - ({number} + s[RELEASES] * {len(w.program.terms)})"],
        )
    if not takes_back(w):
        out.add("covered = 0")
    elif effect.lines is not None:
        out.add(f"covered = cover_{effect.index}(s, ev, ln)")
    else:
        out.add("covered = mark_all(ln, ev[E_LINES], WIDTH) if ev[E_LINES] > 1 else 0")
    out.add(
        f"grant(s, la, lp, ln, g, out, cap, {effect.index}, {effect.unit}, {points}, active, "
        f"end, {effect.funder}, {ROUNDING[effect.rounding]}, t, ev[E_LINES], WIDTH, covered)"
    )
    if effect.times is not None and counts_times(w, effect):
        per = PERIOD[effect.times[1]]
        out.add(f"count_up(s, {w.slots.times(effect)}, {per}, 1)")
    w.trace(f"'grant', {effect.index}, {points}, active, end")
    out.depth -= 1


def write_activation(w: Writer, effect: L.Effect) -> Callable[[int], str]:
    """``active`` and its day, ``first``; returns how the same day so many months on is read."""
    add = w.out.add
    if effect.posting_day is not None:  # every month has this day
        of_month = effect.posting_day - 1
        add(f"first = cal[2][mo + 1] + {of_month}")
        add("active = cal[0][first]")
        return lambda months: f"cal[2][mo + {months + 1}] + {of_month}"
    if effect.posting.length:
        term = f"{TERM_NAMES[effect.posting.kind]}, {effect.posting.length}"
        add(f"active = starts_after(cal, t, day, {term})")
        add("first = day_of(cal, active)")
        return lambda months: f"add_months(cal, first, {months})"
    add("active = t")
    add("first = day")
    return lambda months: f"months_on(cal, first, mo, {months})"


def takes_back(w: Writer) -> bool:
    """Whether any version takes grants back by line; where none does, shares are not noted."""
    return any(each.returns in ("proportional", "full") for each in w.program.versions)


def counts_times(w: Writer, effect: L.Effect) -> bool:
    """Whether this is the first effect of its rule, which counts its times."""
    return all(
        each.rule_index != effect.rule_index or each.index >= effect.index
        for each in w.program.effects
    )


def write_handling(w: Writer, event: L.EventType, row: str) -> None:
    """Metrics, then rules by version."""
    if any(event.name in each.of for each in w.program.metrics):
        w.out.add(f"{fn(event.name)}_metrics(s, {row}, ln)")
    for version in w.program.versions:
        lines = []
        if version.before_membership == "pending" and version.membership is not None:
            lines += [f"if {w.emit(version.membership, version)}:", "    released = 0"]
            lines += [
                f"    released += release(s, la, lp, out, cal, TERMS, {unit.index}, cap, "
                f"{row}[E_AT])"
                for unit in w.program.units
            ]
            lines += ["    if released > 0:", "        s[RELEASES] += 1"]
        if effects_of(w, version, event):
            lines.append(
                f"{fn(event.name)}_rules_v{version.number}(s, la, lp, {row}, ln, g, out, cal, cap)"
            )
        if lines:
            if len(w.program.versions) == 1:
                for line in lines:
                    w.out.add(line)
            else:
                w.out.block(f"if {row}[E_VERSION] == {version.index}:", lines)

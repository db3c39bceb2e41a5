"""The compiler's back end: the source of a program's step.

The source is plain Python over integers and indexable sequences, in the subset that also
compiles to machine code: functions for each event type and version, in the order in which they
are called, with named constants for every slot. With ``traced`` the same source also says what
it saw on the way (``TRACE``), which is how a posting explains itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from laurels.engine.kernel import layout as K
from laurels.engine.slots import Slots, canonical_name, upper
from laurels.program import linked as L
from laurels.program.expr import Expression, Predicate, emit
from laurels.program.names import BUILTIN

ROUNDING = {K.FLOOR: "FLOOR", K.HALF_UP: "HALF_UP", K.HALF_EVEN: "HALF_EVEN", K.CEIL: "CEIL"}
TERMS = {
    "never": K.TERM_NEVER, "micros": K.TERM_MICROS, "days": K.TERM_DAYS, "months": K.TERM_MONTHS,
}  # fmt: skip
TERM_NAMES = {
    "never": "TERM_NEVER", "micros": "TERM_MICROS", "days": "TERM_DAYS", "months": "TERM_MONTHS",
}  # fmt: skip
HOLDING = "s, la, lp, lh"


class Where:
    """Answers the emitter: where the values of names stand in the generated source."""

    def __init__(self, slots: Slots, version: L.Version | None, row: str = "ev") -> None:
        self.slots = slots
        self.version = version
        self.row = row

    def name(self, name: str) -> str:
        """The source of a value."""
        kind, _, rest = name.partition(".")
        if kind in ("event", "paid"):
            return self.event(kind, rest)
        if kind == "line":
            return (
                "ln[k + LN_AMOUNT]" if rest == "amount" else f"ln[k + LN_{upper(rest)}]"
            )
        if kind == "metrics":
            return self.metric(rest)
        if kind == "level":
            return f"s[LADDER_{upper(rest)} + L_LEVEL]"
        if kind == "held":
            return f"s[HELD_{upper(rest)}]"
        if kind == "member":
            return f"s[MEMBER_{upper(rest)}]"
        if kind == "balance":
            return f"s[UNIT_{upper(rest)} + U_ACTIVE]"
        return f"ev[E_LOCAL_{upper(rest)}]"

    def event(self, kind: str, name: str) -> str:
        row = "rf" if kind == "paid" else self.row
        fixed = {"amount": "E_AMOUNT", "occurred_at": "E_AT", "type": "E_TYPE"}
        return f"{row}[{fixed.get(name, f'E_{upper(name)}')}]"

    def metric(self, name: str) -> str:
        assert self.version is not None
        return self.metric_index(self.version.metrics[name])

    def metric_index(self, index: int) -> str:
        """The reading of a metric for the current day and month."""
        metric = self.slots.program.metrics[index]
        slot = self.slots.metric(index)
        if metric.window in ("months", "days"):
            return f"rolled(s, {slot}, {metric.size}, {PERIOD[metric.window]})"
        if metric.window == "lifetime":
            return f"s[{slot} + 1]"
        return f"counted(s, {slot}, {PERIOD[metric.window]})"

    def code(self, name: str, value: str) -> str:
        """The code of a constant."""
        if canonical_name(name) == "event.type":
            return str(self.slots.program.events[value].index)
        return str(self.slots.code(name, value))

    def predicate(self, predicate: Predicate) -> str:
        """The column of a predicate."""
        kind = predicate.name.partition(".")[0]
        plain = Predicate(canonical_name(predicate.name), predicate.op, predicate.constant)
        name = self.slots.predicate_name(plain)
        if kind == "line":
            return f"ln[k + LN_{name}]"
        if kind == "member":
            return f"s[MEMBER_{name}]"
        return f"{'rf' if kind == 'paid' else self.row}[E_{name}]"


PERIOD = {
    "day": "day", "month": "mo", "year": "mo // 12", "lifetime": "0", "months": "mo", "days": "day",
}  # fmt: skip


class Lines:
    """Source lines with indentation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0

    def add(self, text: str = "") -> None:
        self.lines.append("    " * self.depth + text if text else "")

    def block(self, head: str, body: Iterable[str]) -> None:
        self.add(head)
        self.depth += 1
        for line in body:
            self.add(line)
        self.depth -= 1

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def text_of(expression: Expression | None) -> str:
    """An expression as the program file has it, on one line, for a comment."""
    return " ".join(expression.text.split()) if expression else ""


class Source:
    """One run of the generator."""

    def __init__(self, slots: Slots, traced: bool) -> None:
        self.slots = slots
        self.program = slots.program
        self.traced = traced
        self.out = Lines()

    def emit(self, expression: Expression, version: L.Version | None, row: str = "ev") -> str:
        return emit(expression.ir, Where(self.slots, version, row))

    def trace(self, text: str) -> None:
        """A line that only the traced source has."""
        if self.traced:
            self.out.add(f"TRACE({text})")

    # -- the whole -----------------------------------------------------------------------------

    def write(self) -> str:
        """The whole source."""
        out = self.out
        out.add(f'"""The step of {self.program.name}, generated from its program file."""')
        out.add()
        for name, value in self.slots.constants().items():
            out.add(f"{name} = {value}")
        out.add(f"UNITS = {len(self.program.units)}")
        out.add(f"DEBT = ({''.join(f'{int(u.debt)}, ' for u in self.program.units)})")
        flat = [part for term in self.program.terms for part in (TERMS[term.kind], term.length)]
        out.add(f"TERMS = ({''.join(f'{part}, ' for part in flat) or '0, 0, '})")
        self.versions()
        for ladder in self.program.ladders:
            self.ladder(ladder)
        self.rises()
        for name, event in self.program.events.items():
            if name not in ("return", "withdrawn"):
                self.metrics_of(event)
        for version in self.program.versions:
            for event in self.program.events.values():
                self.rules_of(version, event)
        self.derived()
        self.next_due()
        self.advance()
        self.begin()
        self.returns()
        self.spending()
        self.step()
        return out.text()

    def function(self, head: str, says: str) -> None:
        self.out.add()
        self.out.add()
        self.out.add(f"def {head}:")
        self.out.depth = 1
        self.out.add(f'"""{says}"""')

    def end(self) -> None:
        self.out.depth = 0

    def versions(self) -> None:
        """Which version is in force for what falls due by itself."""
        self.function("version_at(t)", "The version in force at an instant, by its index.")
        for version in reversed(self.program.versions[1:]):
            start = max(version.effective_from, version.published_at)
            self.out.block(f"if t >= {start}:", [f"return {version.index}"])
        self.out.add("return 0")
        self.end()

    # -- ladders -------------------------------------------------------------------------------

    def ladder(self, ladder: L.Ladder) -> None:
        for index, rules in ladder.rules.items():
            self.level_of(ladder, rules, self.program.versions[index])
        self.by_version(ladder)
        self.keep(ladder)
        if any(rules.period for rules in ladder.rules.values()):
            self.close(ladder)
        if any(not rules.period for rules in ladder.rules.values()):
            self.term_end(ladder)
        if any(rules.rises == "at_once" for rules in ladder.rules.values()):
            self.rise(ladder)

    def level_of(self, ladder: L.Ladder, rules: L.LadderRules, version: L.Version) -> None:
        """The highest level whose conditions all hold."""
        self.function(
            f"{fn(ladder.name)}_level_v{version.number}(s, day, mo)",
            f"The level of `{ladder.name}` that a member deserves under version {version.number}.",
        )
        if rules.opens is not None:
            self.out.block(f"if not {self.emit(rules.opens, version)}:", ["return 0"])
        self.out.add("level = 0")
        for level in rules.levels:
            tests = [self.least(rules, each) for each in level.least if each.value or each.strict]
            if level.when is not None:
                tests.append(self.emit(level.when, version))
            self.out.block(
                f"if {' and '.join(tests) or 'True'}:", [f"level = {level.code}  # {level.name}"]
            )
        self.out.add("return level")
        self.end()

    def least(self, rules: L.LadderRules, least: L.Least) -> str:
        sign = ">" if least.strict else ">="
        if least.metric is None:
            unit = self.program.units[rules.sum_unit or 0]
            return f"s[UNIT_{upper(unit.name)} + U_SUM] {sign} {least.value}"
        where = Where(self.slots, None)
        return f"{where.metric_index(least.metric)} {sign} {least.value}"

    def by_version(self, ladder: L.Ladder) -> None:
        self.function(f"{fn(ladder.name)}_level(s, v, day, mo)", "The same, by version.")
        for index in ladder.rules:
            number = self.program.versions[index].number
            call = f"return {fn(ladder.name)}_level_v{number}(s, day, mo)"
            if len(ladder.rules) == len(self.program.versions) == 1:
                self.out.add(call)
                self.end()
                return
            self.out.block(f"if v == {index}:", [call])
        self.out.add("return 0")
        self.end()

    def keep(self, ladder: L.Ladder) -> None:
        """Set the level and its end."""
        name = upper(ladder.name)
        self.function(
            f"{fn(ladder.name)}_set(s, out, cal, v, level, t, day, mo)",
            "Put a level in force and say how long it lasts.",
        )
        add = self.out.add
        add(f"before = s[LADDER_{name} + L_LEVEL]")
        add("until = NEVER")
        for index, rules in ladder.rules.items():
            self.out.block(f"if v == {index}:", self.until_lines(ladder, rules))
        add(f"s[LADDER_{name} + L_LEVEL] = level")
        add(f"s[LADDER_{name} + L_UNTIL] = until")
        self.out.block("if until < s[NEXT_DUE]:", ["s[NEXT_DUE] = until"])
        self.out.block(
            "if level != before:",
            [
                f"post(out, LEVEL_CHANGE, {ladder.index}, level, 0, 0, -1, until, 0, 0, t, -1)",
                "out[OUT + (out[O_COUNT] - 1) * RECORD + R_OLD_END] = before",
            ],
        )
        self.end()

    def until_lines(self, ladder: L.Ladder, rules: L.LadderRules) -> list[str]:
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
            unit = upper(self.program.units[rules.sum_unit].name)
            back = rules.requalify
            first = (
                f"cal[0][add_months(cal, day_of(cal, until), -{back.length})]"
                if back.kind == "months"
                else f"cal[0][day_of(cal, until) - {back.length}]"
            )
            lines += [
                f"    s[UNIT_{unit} + U_SINCE] = 0",
                f"    s[UNIT_{unit} + U_FROM] = NEVER",
                "    if until < NEVER:",
                f"        s[UNIT_{unit} + U_FROM] = {first}",
            ]
        return [*lines, "    pass"]

    def close(self, ladder: L.Ladder) -> None:
        """At the end of a period: what the period gave becomes the level of the next."""
        name = upper(ladder.name)
        self.function(
            f"{fn(ladder.name)}_close(s, out, cal, v, t)",
            f"The period of `{ladder.name}` that ends at t is over.",
        )
        add = self.out.add
        add("day = day_of(cal, t)")
        add("mo = cal[1][day]")
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
            lines = [got, f"grace = {rules.grace}", f"falls = {FALLS[rules.falls]}",
                     f"s[LADDER_{name} + L_CLOSE] = {after}"]
            self.out.block(f"if v == {index}:", lines)
        add(f"s[LADDER_{name} + L_REACHED] = {fn(ladder.name)}_level(s, v, day, mo)")
        self.out.block(
            "if deserved >= level:",
            ["level = deserved", f"s[LADDER_{name} + L_GRACE] = 0"],
        )
        self.out.block(
            f"elif s[LADDER_{name} + L_GRACE] < grace:", [f"s[LADDER_{name} + L_GRACE] += 1"]
        )
        self.out.block(
            "else:",
            [
                f"s[LADDER_{name} + L_GRACE] = 0",
                "level = deserved if falls == 0 else level - 1 if falls == 1 else level",
            ],
        )
        add(f"{fn(ladder.name)}_set(s, out, cal, v, level, t, day, mo)")
        self.end()

    def term_end(self, ladder: L.Ladder) -> None:
        """At the end of a level's term."""
        name = upper(ladder.name)
        self.function(
            f"{fn(ladder.name)}_end(s, out, cal, v, t)",
            f"The term of a level of `{ladder.name}` ends at t.",
        )
        add = self.out.add
        add("day = day_of(cal, t)")
        add("mo = cal[1][day]")
        add("falls = 0")
        for index, rules in ladder.rules.items():
            lines = [f"falls = {FALLS[rules.falls]}"]
            if rules.sum_unit is not None and rules.requalify is not None:
                unit = upper(self.program.units[rules.sum_unit].name)
                lines.append(f"s[UNIT_{unit} + U_SUM] = s[UNIT_{unit} + U_SINCE]")
            self.out.block(f"if v == {index}:", lines)
        add(f"level = s[LADDER_{name} + L_LEVEL]")
        add(f"deserved = {fn(ladder.name)}_level(s, v, day, mo)")
        self.out.block(
            "if deserved >= level or falls == 0:",
            ["level = deserved"],
        )
        self.out.block("elif falls == 1:", ["level -= 1"])
        add(f"{fn(ladder.name)}_set(s, out, cal, v, level, t, day, mo)")
        self.end()

    def rise(self, ladder: L.Ladder) -> None:
        """A ladder that rises at once."""
        name = upper(ladder.name)
        self.function(
            f"{fn(ladder.name)}_rise(s, out, cal, v, t, day, mo)",
            f"Raise the level of `{ladder.name}` where a higher one is deserved.",
        )
        add = self.out.add
        at_once = [i for i, rules in ladder.rules.items() if rules.rises == "at_once"]
        if len(at_once) < len(self.program.versions):
            self.out.block(
                f"if {' and '.join(f'v != {i}' for i in at_once)}:", ["return"]
            )
        add(f"deserved = {fn(ladder.name)}_level(s, v, day, mo)")
        add(f"level = s[LADDER_{name} + L_LEVEL]")
        self.out.block(
            f"if deserved > s[LADDER_{name} + L_REACHED]:",
            [
                f"s[LADDER_{name} + L_REACHED] = deserved",
                "if deserved == level:",
                f"    {fn(ladder.name)}_extend(s, out, cal, v, level, t, day, mo)",
            ],
        )
        self.out.block(
            "if deserved > level:",
            [f"{fn(ladder.name)}_set(s, out, cal, v, deserved, t, day, mo)"],
        )
        self.end()
        self.extend(ladder)

    def extend(self, ladder: L.Ladder) -> None:
        """A level reached again lasts longer only where periods keep it (not by term)."""
        self.function(
            f"{fn(ladder.name)}_extend(s, out, cal, v, level, t, day, mo)",
            "A level that the period reached again is kept through the next one.",
        )
        by_period = [i for i, rules in ladder.rules.items() if rules.period]
        if by_period:
            test = " or ".join(f"v == {i}" for i in by_period)
            self.out.block(
                f"if {test}:", [f"{fn(ladder.name)}_set(s, out, cal, v, level, t, day, mo)"]
            )
        else:
            self.out.add("return")
        self.end()

    def rises(self) -> None:
        """All ladders that rise at once, after an event or an activation."""
        self.function(
            "rise(s, out, cal, v, t, day, mo)", "Raise levels where higher ones are deserved."
        )
        for ladder in self.program.ladders:
            if any(rules.rises == "at_once" for rules in ladder.rules.values()):
                self.out.add(f"{fn(ladder.name)}_rise(s, out, cal, v, t, day, mo)")
        self.out.add("return")
        self.end()

    # -- metrics -------------------------------------------------------------------------------

    def metrics_of(self, event: L.EventType) -> None:
        metrics = [each for each in self.program.metrics if event.name in each.of]
        if not metrics:
            return
        self.function(
            f"{fn(event.name)}_metrics(s, ev, ln)", f"Count a `{event.name}` in its metrics."
        )
        self.out.add("day = ev[E_DAY]")
        self.out.add("mo = ev[E_MONTH]")
        for metric in metrics:
            self.out.add(f"# {metric.name}: {text_of(metric.where) or 'every one'}")
            self.metric(metric)
        self.end()

    def metric(self, metric: L.Metric) -> None:
        if metric.by_line:
            self.out.add("value = 0")
            self.out.add("hit = 0")
            self.out.add("for i in range(ev[E_LINES]):")
            self.out.depth += 1
            self.out.add("k = i * WIDTH")
            test = self.emit(metric.where, None) if metric.where else "True"
            what = self.emit(metric.value, None) if metric.value else "1"
            self.out.block(f"if {test}:", ["hit = 1", f"value += {what}"])
            self.out.depth -= 1
            value = "value" if metric.kind == "sum" else "hit"
            self.out.block("if hit == 1:", [self.counting(metric, value)])
            return
        value = self.emit(metric.value, None) if metric.value else "1"
        line = self.counting(metric, value)
        if metric.where is not None:
            self.out.block(f"if {self.emit(metric.where, None)}:", [line])
        else:
            self.out.add(line)

    def counting(self, metric: L.Metric, value: str) -> str:
        slot = self.slots.metric(metric.index)
        period = PERIOD[metric.window]
        if metric.kind == "days":
            if metric.window in ("months", "days"):
                return f"roll_up(s, {slot}, {metric.size}, {period}, 1)"
            return f"count_day(s, {slot}, {period}, day)"
        if metric.window in ("months", "days"):
            return f"roll_up(s, {slot}, {metric.size}, {period}, {value})"
        call = {"sum": "count_up", "count": "count_up", "max": "set_max", "last": "set_last"}
        return f"{call[metric.kind]}(s, {slot}, {period}, {value})"

    # -- rules ---------------------------------------------------------------------------------

    def effects_of(self, version: L.Version, event: L.EventType) -> list[L.Effect]:
        return [
            self.program.effects[i]
            for i in version.effects
            if event.name in self.program.effects[i].on
        ]

    def rules_of(self, version: L.Version, event: L.EventType) -> None:
        """What a version gives for an event type."""
        effects = self.effects_of(version, event)
        if not effects:
            return
        for effect in effects:
            if effect.lines is not None and effect.on[0] == event.name:
                self.cover(version, effect)
        self.function(
            f"{fn(event.name)}_rules_v{version.number}(s, la, lp, ev, ln, g, out, cal, cap)",
            f"What version {version.number} gives for a `{event.name}`.",
        )
        add = self.out.add
        add("t = ev[E_AT]")
        add("day = ev[E_DAY]")
        add("mo = ev[E_MONTH]")
        self.trace(f"'begin', {version.index}, s, ev")
        member = self.emit(version.membership, version) if version.membership else "True"
        add(f"member = {member}")
        self.trace("'member', int(member)")
        waits = version.membership is not None and version.before_membership == "pending"
        for effect in effects:
            self.evaluate(version, effect, waits)
        self.stack(version, effects)
        self.limit(version, effects)
        for effect in effects:
            self.grant(version, effect, waits)
        self.end()

    def cover(self, version: L.Version, effect: L.Effect) -> None:
        assert effect.lines is not None
        self.function(
            f"cover_{effect.index}(s, ev, ln)",
            f"Mark the lines that `{effect.rule}` covers; the sum of their amounts.",
        )
        add = self.out.add
        add("day = ev[E_DAY]")
        add("mo = ev[E_MONTH]")
        add("covered = 0")
        add("for i in range(ev[E_LINES]):")
        self.out.depth += 1
        add("k = i * WIDTH")
        self.out.block(
            f"if {self.emit(effect.lines, version)}:",
            ["ln[k + LN_MARK] = 1", "covered += ln[k + LN_AMOUNT]"],
        )
        self.out.block("else:", ["ln[k + LN_MARK] = 0"])
        self.out.depth -= 1
        add("return covered")
        self.end()

    def tests(self, version: L.Version, effect: L.Effect, waits: bool) -> list[tuple[str, str]]:
        """The tests of a rule, each with the word that names its failure."""
        found = []
        if not effect.for_everyone and version.membership is not None and not waits:
            found.append(("membership", "member"))
        if effect.start is not None:
            found.append(("started", f"t >= {effect.start}"))
        if effect.stop is not None:
            found.append(("ended", f"t < {effect.stop}"))
        if effect.audience is not None:
            found.append(("audience", self.emit(effect.audience, version)))
        if effect.when is not None:
            found.append(("when", self.emit(effect.when, version)))
        if effect.times is not None:
            most, per = effect.times
            found.append(
                ("times", f"counted(s, {self.slots.times(effect)}, {PERIOD[per]}) < {most}")
            )
        return found

    def evaluate(self, version: L.Version, effect: L.Effect, waits: bool) -> None:
        """The points of an effect before stacking and caps: ``e<index>``."""
        out = self.out
        unit = self.program.units[effect.unit]
        out.add(f"# {effect.rule}: {text_of(effect.when) or 'always'} -> {unit.name}")
        points = f"e{effect.index}"
        out.add(f"{points} = 0")
        tests = self.tests(version, effect, waits)
        if self.traced:
            for word, source in tests:
                out.add(f"TRACE('test', {effect.index}, {word!r}, int({source}))")
        if tests:
            out.add(f"if {' and '.join(source for _, source in tests)}:")
            out.depth += 1
        self.amount(version, effect, points)
        if tests:
            out.depth -= 1
        self.trace(f"'raw', {effect.index}, {points}")

    def base(self, version: L.Version, effect: L.Effect) -> None:
        """``base``: the money that earns, in minor units."""
        add = self.out.add
        whole = self.emit(effect.base, version) if effect.base else "ev[E_AMOUNT]"
        add(f"base = {whole}")
        if effect.base is not None:
            self.out.block("if base < 0:", ["base = 0"])
        if effect.lines is not None:
            add(f"covered = cover_{effect.index}(s, ev, ln)")
            self.out.block(
                "if ev[E_AMOUNT] > 0:", ["base = mul_div(base, covered, ev[E_AMOUNT], FLOOR)"]
            )
        self.trace(f"'base', {effect.index}, base")

    def amount(self, version: L.Version, effect: L.Effect, points: str) -> None:
        add = self.out.add
        give = effect.give
        rounding = ROUNDING[effect.rounding]
        if give.kind == "multiply":
            total = " + ".join(f"e{i}" for i in give.of) or "0"
            add(
                f"{points} = mul_div({total}, {give.numerator}, {give.denominator}, {rounding})"
            )
        elif give.kind == "per":
            self.base(version, effect)
            add(f"{points} = base // {give.every} * {give.numerator}")
        elif give.kind == "rate":
            self.base(version, effect)
            if give.table is None:
                add(f"numerator = {give.numerator}")
                add(f"denominator = {give.denominator}")
            else:
                self.table(give.table, "numerator", "denominator")
            self.trace(f"'rate', {effect.index}, numerator, denominator")
            add(f"{points} = mul_div(base, numerator, denominator, {rounding})")
        elif give.table is not None:
            self.table(give.table, points, None)
        elif give.points is not None:
            add(f"{points} = {self.emit(give.points, version)}")
            self.out.block(f"if {points} < 0:", [f"{points} = 0"])
        else:
            add(f"{points} = {give.numerator}")

    def table(self, table: L.Table, first: str, second: str | None) -> None:
        """Look a value up by level or attribute."""
        key = f"{table.by}.{table.name}"
        read = Where(self.slots, None).name(key)
        self.out.add(f"{first} = {table.otherwise[0]}")
        if second:
            self.out.add(f"{second} = {table.otherwise[1]}")
        word = "if"
        for value, (numerator, denominator) in table.entries.items():
            body = [f"{first} = {numerator}"]
            if second:
                body.append(f"{second} = {denominator}")
            self.out.block(f"{word} {read} == {self.slots.code(key, value)}:  # {value}", body)
            word = "elif"

    def stack(self, version: L.Version, effects: Sequence[L.Effect]) -> None:
        """Of the rules of a group one gives: the best, or the first that gives anything.

        Rules are compared by the first unit that they give; ties go to the earlier rule.
        """
        for group in version.stacks:
            rules = [
                (rule, [each for each in effects if each.rule == rule]) for rule in group.rules
            ]
            rules = [(rule, gives) for rule, gives in rules if gives]
            if len(rules) < 2:
                continue
            self.out.add(f"# {group.name}: {'the best' if group.best else 'the first'} of "
                         f"{', '.join(rule for rule, _ in rules)}")
            self.out.add(f"best = e{rules[0][1][0].index}")
            self.out.add("winner = 0")
            for number, (_, gives) in enumerate(rules[1:], 1):
                lead = f"e{gives[0].index}"
                test = f"{lead} > best" if group.best else f"best == 0 and {lead} > 0"
                self.out.block(f"if {test}:", [f"best = {lead}", f"winner = {number}"])
            for number, (_, gives) in enumerate(rules):
                self.out.block(
                    f"if winner != {number}:", [f"e{each.index} = 0" for each in gives]
                )
                if self.traced:
                    for each in gives:
                        self.out.add(f"TRACE('stacked', {each.index}, e{each.index})")

    def limit(self, version: L.Version, effects: Sequence[L.Effect]) -> None:
        """Caps: minimums first, then each effect in the order of the file takes what room is
        left under every cap over it."""
        caps = []
        for index in version.caps:
            cap = self.program.caps[index]
            covered = [each for each in effects if each.index in cap.effects]
            if covered:
                caps.append((cap, covered))
        for cap, covered in caps:
            if cap.minimum is not None:
                total = " + ".join(f"e{each.index}" for each in covered)
                test = f" and {self.emit(cap.when, version)}" if cap.when else ""
                self.out.block(
                    f"if {total} < {cap.minimum}{test}:  # {cap.name}",
                    [f"e{each.index} = 0" for each in covered],
                )
        caps = [pair for pair in caps if pair[0].limit is not None or pair[0].table]
        for cap, _ in caps:
            self.room(version, cap)
        for effect in effects:
            for cap, covered in caps:
                if effect in covered:
                    self.clip(version, cap, effect)
            self.used(effect, [cap for cap, covered in caps if effect in covered])

    def room(self, version: L.Version, cap: L.Cap) -> None:
        """``room<index>``: what a cap still lets through; negative never."""
        out = self.out
        room = f"room{cap.index}"
        slot = self.slots.cap(cap.index)
        out.add(f"# {cap.name}, per {cap.per}")
        if cap.budget:
            out.add(f"{room} = ev[E_BUDGET_{cap.index}]")
            return
        if cap.table is not None:
            self.table(cap.table, room, None)
        else:
            out.add(f"{room} = {cap.limit}")
        if cap.per != "event":
            out.add(f"{room} -= counted(s, {slot}, {PERIOD[cap.per]})")
            out.block(f"if {room} < 0:", [f"{room} = 0"])
        if cap.when is not None:
            out.block(f"if not {self.emit(cap.when, version)}:", [f"{room} = NEVER"])

    def clip(self, version: L.Version, cap: L.Cap, effect: L.Effect) -> None:
        points = f"e{effect.index}"
        room = f"room{cap.index}"
        self.trace(f"'cap', {effect.index}, {cap.index}, {room}, {points}")
        self.out.block(
            f"if {points} > {room}:", [f"{points} = {'0' if cap.refuse else room}"]
        )

    def used(self, effect: L.Effect, caps: Sequence[L.Cap]) -> None:
        """Take what an effect gives out of the room of every cap over it."""
        if not caps:
            return
        points = f"e{effect.index}"
        body = []
        for cap in caps:
            body.append(f"room{cap.index} -= {points}")
            if cap.per != "event" and not cap.budget:
                slot = self.slots.cap(cap.index)
                body.append(f"count_up(s, {slot}, {PERIOD[cap.per]}, {points})")
        self.out.block(f"if {points} > 0:", body)

    def grant(self, version: L.Version, effect: L.Effect, waits: bool) -> None:
        """Issue what is left."""
        out = self.out
        points = f"e{effect.index}"
        unit = self.program.units[effect.unit]
        out.add(f"if {points} > 0:  # {effect.rule}")
        out.depth += 1
        if effect.posting_day is not None:
            out.add(f"active = cal[0][cal[2][mo + 1] + {effect.posting_day - 1}]")
            out.add(f"first = cal[2][mo + 1] + {effect.posting_day - 1}")
        elif effect.posting.length:
            term = f"{TERM_NAMES[effect.posting.kind]}, {effect.posting.length}"
            out.add(f"active = starts_after(cal, t, day, {term})")
            out.add("first = day_of(cal, active)")
        else:
            out.add("active = t")
            out.add("first = day")
        term = f"{TERM_NAMES[effect.expires.kind]}, {effect.expires.length}"
        out.add(f"end = ends_after(cal, active, first, {term})")
        if waits and not effect.for_everyone:
            number = self.program.terms.index(effect.expires)
            out.block("if not member:", ["active = NEVER", f"end = {-1 - number}"])
        if effect.lines is not None:
            out.add(f"covered = cover_{effect.index}(s, ev, ln)")
        else:
            out.add("covered = mark_all(ln, ev[E_LINES], WIDTH) if ev[E_LINES] > 1 else 0")
        out.add(
            f"grant(s, la, lp, ln, g, out, cap, {effect.index}, {effect.unit}, {points}, active, "
            f"end, {effect.funder}, {ROUNDING[effect.rounding]}, t, ev[E_LINES], WIDTH, covered)"
        )
        if effect.times is not None and self.first_unit(effect):
            per = PERIOD[effect.times[1]]
            out.add(f"count_up(s, {self.slots.times(effect)}, {per}, 1)")
        self.trace(f"'grant', {effect.index}, {points}, active, end")
        out.depth -= 1
        del unit

    def first_unit(self, effect: L.Effect) -> bool:
        """Whether this is the first effect of its rule, which counts its times."""
        return all(
            each.rule_index != effect.rule_index or each.index >= effect.index
            for each in self.program.effects
        )

    # -- what happens by itself ----------------------------------------------------------------

    def derived(self) -> None:
        """The birthday: a derived event at local midnight."""
        if "born" not in self.program.member:
            return
        self.function(
            f"birthday({HOLDING}, dv, ln, g, out, cal, cap, v, t)",
            "The member's birthday has come.",
        )
        event = self.program.events["birthday"]
        add = self.out.add
        add("day = day_of(cal, t)")
        add("mo = cal[1][day]")
        add(f"dv[E_TYPE] = {event.index}")
        add("dv[E_AT] = t")
        add("dv[E_DAY] = day")
        add("dv[E_MONTH] = mo")
        add("dv[E_VERSION] = v")
        add("dv[E_AMOUNT] = 0")
        add("dv[E_LINES] = 0")
        for part in self.slots.local:
            value = {"day": "day - cal[2][mo] + 1", "month": "mo % 12 + 1",
                     "year": "1900 + mo // 12", "weekday": "day % 7 + 1"}.get(part, "0")
            add(f"dv[E_LOCAL_{upper(part)}] = {value}")
        self.handle(event, "dv")
        add("s[BIRTHDAY] = next_birthday(cal, t, s[BORN])")
        add("rise(s, out, cal, v, t, day, mo)")
        self.end()

    def handle(self, event: L.EventType, row: str) -> None:
        """Metrics, then rules by version."""
        if any(event.name in each.of for each in self.program.metrics):
            self.out.add(f"{fn(event.name)}_metrics(s, {row}, ln)")
        for version in self.program.versions:
            lines = []
            if version.before_membership == "pending" and version.membership is not None:
                for unit in self.program.units:
                    lines += [
                        f"if {self.emit(version.membership, version)}:",
                        f"    release(s, la, lp, out, cal, TERMS, {unit.index}, cap, {row}[E_AT])",
                    ]
            if self.effects_of(version, event):
                lines.append(
                    f"{fn(event.name)}_rules_v{version.number}"
                    f"(s, la, lp, {row}, ln, g, out, cal, cap)"
                )
            if lines:
                if len(self.program.versions) == 1:
                    for line in lines:
                        self.out.add(line)
                else:
                    self.out.block(f"if {row}[E_VERSION] == {version.index}:", lines)

    def next_due(self) -> None:
        self.function(
            "next_due(s, la, lp, lh, cap)", "The next instant at which something falls due."
        )
        add = self.out.add
        add("due = holds_due(s, lh) if s[HOLDS] > 0 else NEVER")
        for unit in self.program.units:
            add(f"due = min(due, lots_due(s, la, lp, {unit.index}, cap))")
        for ladder in self.program.ladders:
            name = upper(ladder.name)
            if any(rules.period for rules in ladder.rules.values()):
                add(f"due = min(due, s[LADDER_{name} + L_CLOSE])")
            if any(not rules.period for rules in ladder.rules.values()):
                add(f"due = min(due, s[LADDER_{name} + L_UNTIL])")
        if "born" in self.program.member:
            add("due = min(due, s[BIRTHDAY])")
        for version in self.program.versions[1:]:
            start = max(version.effective_from, version.published_at)
            self.out.block(
                f"if s[VERSION] < {version.index} and {start} < due:", [f"due = {start}"]
            )
        add("return due")
        self.end()

    def advance(self) -> None:
        """Everything that falls due, each at its own instant and in the one order."""
        self.function(
            f"advance({HOLDING}, dv, ln, g, out, cal, cap, room, until)",
            "Bring a state to an instant: all that is due before it happens. 1: out is full, the "
            "caller empties it and calls again.",
        )
        out = self.out
        out.add("while s[NEXT_DUE] < until:")
        out.depth += 1
        out.block("if out[O_COUNT] > room:", ["return 1"])
        out.add("t = s[NEXT_DUE]")
        out.add("v = version_at(t)")
        out.add("# 1 expiry, and holds that lapse")
        for unit in self.program.units:
            out.add(f"expire(s, la, out, {unit.index}, cap, t)")
        out.block("if s[HOLDS] > 0:", ["lapse(s, la, lh, out, cap, t)"])
        out.add("# 2 versions, period close, end of a level's term")
        if len(self.program.versions) > 1:
            out.block("if v != s[VERSION]:", ["migrate(s, out, cal, v, t)"])
        for ladder in self.program.ladders:
            name = upper(ladder.name)
            if any(rules.period for rules in ladder.rules.values()):
                out.block(
                    f"if s[LADDER_{name} + L_CLOSE] <= t:",
                    [f"{fn(ladder.name)}_close(s, out, cal, v, t)"],
                )
            if any(not rules.period for rules in ladder.rules.values()):
                out.block(
                    f"if s[LADDER_{name} + L_UNTIL] <= t and s[LADDER_{name} + L_CLOSE] == NEVER:",
                    [f"{fn(ladder.name)}_end(s, out, cal, v, t)"],
                )
        out.add("# 3 activation, and the rise that it causes")
        out.add("before = out[O_COUNT]")
        for unit in self.program.units:
            out.add(f"activate(s, la, lp, out, {unit.index}, cap, t)")
        out.block(
            "if out[O_COUNT] > before:",
            ["day = day_of(cal, t)", "rise(s, out, cal, v, t, day, cal[1][day])"],
        )
        if "born" in self.program.member:
            out.add("# 4 derived events")
            out.block(
                "if s[BIRTHDAY] <= t:",
                [f"birthday({HOLDING}, dv, ln, g, out, cal, cap, v, t)"],
            )
        out.add("s[NOW] = t")
        out.add("s[NEXT_DUE] = next_due(s, la, lp, lh, cap)")
        out.depth -= 1
        out.add("return 0")
        self.end()
        if len(self.program.versions) > 1:
            self.migrate()

    def migrate(self) -> None:
        """A new version comes into force: removed levels become others."""
        self.function("migrate(s, out, cal, v, t)", "Version v comes into force.")
        out = self.out
        out.add("day = day_of(cal, t)")
        out.add("mo = cal[1][day]")
        for ladder in self.program.ladders:
            name = upper(ladder.name)
            for version in self.program.versions[1:]:
                rules = ladder.rules.get(version.index)
                body = [f"level = s[LADDER_{name} + L_LEVEL]"]
                if rules is None:
                    body = [
                        f"s[LADDER_{name} + L_LEVEL] = 0",
                        f"s[LADDER_{name} + L_UNTIL] = NEVER",
                        f"s[LADDER_{name} + L_CLOSE] = NEVER",
                    ]
                else:
                    months = 12 if rules.period == "year" else 1
                    first = "mo" if months == 1 else "mo // 12 * 12"
                    for old, new in version.migrate.get(ladder.name, {}).items():
                        body += [
                            f"if level == {self.slots.level_code(ladder.name, old)}:  # {old}",
                            f"    level = {self.slots.level_code(ladder.name, new)}  # {new}",
                        ]
                    close = f"cal[0][cal[2][{first} + {months}]]" if rules.period else "NEVER"
                    body += [
                        f"if s[LADDER_{name} + L_CLOSE] == NEVER or s[LADDER_{name} + L_CLOSE] > t:",
                        f"    s[LADDER_{name} + L_CLOSE] = {close}",
                        f"if level != s[LADDER_{name} + L_LEVEL]:",
                        f"    {fn(ladder.name)}_set(s, out, cal, v, level, t, day, mo)",
                    ]
                out.block(f"if s[VERSION] < {version.index} and v >= {version.index}:", body)
        out.add("s[VERSION] = v")
        self.end()

    def begin(self) -> None:
        """The member's first event."""
        self.function("begin(s, out, cal, v, t, day, mo)", "A member is seen for the first time.")
        out = self.out
        out.add("s[SEEN] = 1")
        out.add("s[VERSION] = version_at(t)")
        for ladder in self.program.ladders:
            name = upper(ladder.name)
            for index, rules in ladder.rules.items():
                body = []
                if rules.period:
                    months = 12 if rules.period == "year" else 1
                    first = "mo" if months == 1 else "mo // 12 * 12"
                    body.append(
                        f"s[LADDER_{name} + L_CLOSE] = cal[0][cal[2][{first} + {months}]]"
                    )
                if rules.rises == "at_once":
                    body.append(f"{fn(ladder.name)}_rise(s, out, cal, {index}, t, day, mo)")
                if body:
                    out.block(f"if s[VERSION] == {index}:", body)
        out.add("s[NEXT_DUE] = min(s[NEXT_DUE], first_close(s))")
        self.end()
        self.function("first_close(s)", "The first period close after the first event.")
        out.add("due = NEVER")
        for ladder in self.program.ladders:
            out.add(f"due = min(due, s[LADDER_{upper(ladder.name)} + L_CLOSE])")
        for version in self.program.versions[1:]:
            start = max(version.effective_from, version.published_at)
            out.block(f"if s[VERSION] < {version.index}:", [f"due = min(due, {start})"])
        out.add("return due")
        self.end()

    # -- returns and spending ------------------------------------------------------------------

    def returns(self) -> None:
        self.function(
            "on_return(s, la, lp, ev, rf, ln, g, out, cal, cap)",
            "Part of an event (rf) comes back: sums fall, grants are taken back.",
        )
        add = self.out.add
        add("day = ev[E_DAY]")
        add("mo = ev[E_MONTH]")
        add("cut = take_off(ln, ev[E_LINES], WIDTH, ev[E_LINE], ev[E_AMOUNT])")
        add("out[O_RETURNED] = cut")
        for metric in self.program.metrics:
            if metric.net:
                self.net(metric)
        policies = {"proportional": 0, "full": 1, "none": 2, "as_if_never_bought": 2}
        for version in self.program.versions:
            policy = policies[version.returns]
            if policy == 2:
                continue
            call = (
                "take_back(s, la, lp, g, ln, out, cal, cap, out[O_GRANTS], ev[E_LINES], WIDTH, "
                f"{policy}, DEBT, TERMS, ev[E_AT])"
            )
            self.out.block(f"if ev[E_VERSION] == {version.index}:  # {version.returns}", [call])
        add("return")
        self.end()

    def net(self, metric: L.Metric) -> None:
        slot = self.slots.metric(metric.index)
        types = " or ".join(
            f"rf[E_TYPE] == {self.program.events[name].index}" for name in metric.of
        )
        by = "cut"
        self.out.add(f"# {metric.name} is net of returns")
        if metric.by_line:
            self.out.add("cut_lines = 0")
            self.out.add("for i in range(ev[E_LINES]):")
            self.out.depth += 1
            self.out.add("k = i * WIDTH")
            test = self.emit(metric.where, None, "rf") if metric.where else "True"
            self.out.block(f"if {test}:", ["cut_lines += ln[k + LN_SHARE]"])
            self.out.depth -= 1
            by = "cut_lines"
        elif metric.kind == "count":
            by = "1"
        period = PERIOD[metric.window]
        down = (
            f"roll_down(s, {slot}, {metric.size}, {period}, {by})"
            if metric.window in ("months", "days")
            else f"count_down(s, {slot}, {period}, {by})"
        )
        test = f"({types})"
        if metric.where is not None and not metric.by_line:
            test += f" and {self.emit(metric.where, None, 'rf')}"
        self.out.block(f"if {test} and {by} > 0:", [down])

    def spending(self) -> None:
        for version in self.program.versions:
            self.may_spend(version)
        self.function(
            "may_spend(s, ev, rf, out, day, mo)",
            "Whether a request to spend or hold is allowed: 0, or the refusal's number.",
        )
        for version in self.program.versions:
            self.out.block(
                f"if ev[E_VERSION] == {version.index}:",
                [f"return may_spend_v{version.number}(s, ev, rf, out, day, mo)"],
            )
        self.out.add("return 0")
        self.end()
        self.spent()
        self.redeem()
        self.holds()
        self.adjust()

    def may_spend(self, version: L.Version) -> None:
        """The limits of a version, in the order of precedence of their refusals."""
        self.function(
            f"may_spend_v{version.number}(s, ev, rf, out, day, mo)",
            f"The limits of spending of version {version.number}, in order of precedence.",
        )
        out = self.out
        out.add("u = ev[E_UNIT]")
        out.add("points = ev[E_POINTS]")
        spendable = [str(u.index) for u in self.program.units if u.spendable]
        test = " and ".join(f"u != {index}" for index in spendable) or "True"
        out.block(f"if {test}:", ["return NOT_SPENDABLE"])
        out.block("if points <= 0:", ["return NO_POINTS"])
        out.block("if ev[E_PAYS] == 2:", ["return PAYS_UNKNOWN"])
        limits = [self.program.spending[i] for i in version.spending]
        for limit in limits:
            if limit.only_if is not None:
                self.limited(version, limit, f"not {self.emit(limit.only_if, version)}",
                             ["return NOT_HERE"])
        for limit in limits:
            if limit.minimum is not None:
                self.limited(version, limit, f"points < {limit.minimum}", ["return BELOW_MINIMUM"])
        for limit in limits:
            self.most(version, limit)
        for limit in limits:
            if limit.times is not None:
                most, per = limit.times
                slot = f"SPENDINGS_{limit.index}_{upper(limit.name)}"
                self.limited(version, limit, f"counted(s, {slot}, {PERIOD[per]}) >= {most}",
                             ["return TOO_OFTEN"])
        out.block("if points > s[HEAD + u * UNIT + U_ACTIVE]:", ["return NOT_COVERED"])
        out.add("out[O_POINTS] = points")
        out.add("return 0")
        self.end()

    def limited(
        self, version: L.Version, limit: L.SpendingLimit, test: str, body: Sequence[str]
    ) -> None:
        tests = [test]
        if limit.when is not None:
            tests.insert(0, self.emit(limit.when, version))
        if limit.unit is not None:
            tests.insert(0, f"u == {limit.unit}")
        self.out.block(f"if {' and '.join(tests)}:  # {limit.name}", body)

    def most(self, version: L.Version, limit: L.SpendingLimit) -> None:
        if limit.maximum is not None:
            self.above(version, limit, str(limit.maximum), "True")
        if limit.share is None:
            return
        for unit in self.program.units:
            if not unit.spendable or unit.worth is None or limit.unit not in (None, unit.index):
                continue
            ratio = limit.share / unit.worth
            most = f"mul_div(rf[E_AMOUNT], {ratio.numerator}, {ratio.denominator}, FLOOR)"
            self.above(
                version, limit, f"max(0, {most} - ev[E_PAID])",
                f"ev[E_PAYS] == 1 and u == {unit.index}",
            )

    def above(self, version: L.Version, limit: L.SpendingLimit, most: str, test: str) -> None:
        body = [f"most = {most}"]
        if limit.clip:
            body += ["if points > most:", "    points = most", "if points <= 0:",
                     "    return ABOVE_LIMIT"]
        else:
            body += ["if points > most:", "    return ABOVE_LIMIT"]
        self.limited(version, limit, test, body)

    def spent(self) -> None:
        """What counts how often a member spends, and units that are spent along."""
        self.function(
            "count_spending(s, ev, rf, day, mo)", "Count an accepted redemption or hold."
        )
        self.out.add("u = ev[E_UNIT]")
        for limit in self.program.spending:
            if limit.times is None:
                continue
            slot = f"SPENDINGS_{limit.index}_{upper(limit.name)}"
            version = self.program.versions[limit.version]
            self.limited(version, limit, f"ev[E_VERSION] == {limit.version}",
                         [f"count_up(s, {slot}, {PERIOD[limit.times[1]]}, 1)"])
        self.out.add("return")
        self.end()
        self.function(
            "spend_along(s, la, out, cap, u, points, t)",
            "Take as many points from the units that spending lowers too.",
        )
        for unit in self.program.units:
            body = []
            for other in unit.spends_too:
                lowers = any(
                    rules.sum_unit == other and rules.sum_includes_spending
                    for ladder in self.program.ladders
                    for rules in ladder.rules.values()
                )
                body.append(
                    f"rest = draw(s, la, out, {other}, cap, points, SPENT, AT_REDEEMED, -1, t, -1)"
                )
                if lowers:
                    body.append(f"credit_sum(s, {other}, rest - points, t)")
            if body:
                self.out.block(f"if u == {unit.index}:", body)
        self.out.add("return")
        self.end()

    def redeem(self) -> None:
        self.function(
            "on_redemption(s, la, ev, rf, out, cal, cap)",
            "A request to spend is decided; an accepted redemption is a fact and may make debt.",
        )
        add = self.out.add
        self.asked("E_OUTCOME")
        add("rest = draw(s, la, out, u, cap, points, SPENT, AT_REDEEMED, -1, t, -1)")
        add("owe(s, out, u, rest, DEBT[u], AT_REDEEMED, -1, t)")
        add("spend_along(s, la, out, cap, u, points, t)")
        add("count_spending(s, ev, rf, ev[E_DAY], ev[E_MONTH])")
        add("out[O_POINTS] = points")
        add("return")
        self.end()

    def asked(self, outcome: str) -> None:
        """Refuse, or go on with ``points`` of unit ``u`` at ``t``."""
        add = self.out.add
        add("t = ev[E_AT]")
        add("u = ev[E_UNIT]")
        add("points = ev[E_POINTS]")
        self.out.block(
            f"if ev[{outcome}] == 2:", ["out[O_REFUSAL] = REFUSED_BEFORE", "return"]
        )
        self.out.block(
            f"if ev[{outcome}] == 0:",
            [
                "out[O_REFUSAL] = may_spend(s, ev, rf, out, ev[E_DAY], ev[E_MONTH])",
                "if out[O_REFUSAL] > 0:",
                "    return",
                "points = out[O_POINTS]",
            ],
        )

    def holds(self) -> None:
        add = self.out.add
        self.function(
            "on_hold(s, la, lh, ev, rf, out, cal, cap)",
            "Points are set aside; what an accepted hold cannot cover becomes debt.",
        )
        self.asked("E_OUTCOME")
        add("until = ev[E_UNTIL]")
        for version in self.program.versions:
            term = f"{TERM_NAMES[version.lapse_after.kind]}, {version.lapse_after.length}"
            self.out.block(
                f"if until == 0 and ev[E_VERSION] == {version.index}:",
                [f"until = ends_after(cal, t, ev[E_DAY], {term})"],
            )
        add("covered = min(points, s[HEAD + u * UNIT + U_ACTIVE])")
        self.out.block(
            "if covered > 0:",
            ["set_aside(s, la, lh, out, u, cap, covered, ev[E_HOLD], until, t)"],
        )
        add("owe(s, out, u, points - covered, DEBT[u], AT_HELD, -1, t)")
        self.out.block(
            "if points > covered:",
            ["hold_owed(s, lh, u, points - covered, ev[E_HOLD], until)"],
        )
        add("count_spending(s, ev, rf, ev[E_DAY], ev[E_MONTH])")
        add("out[O_POINTS] = points")
        add("return")
        self.end()
        self.function(
            "on_capture(s, la, lh, ev, out, cap)", "Points of a hold are spent, in whole or part."
        )
        add("t = ev[E_AT]")
        add("points = ev[E_POINTS]")
        self.out.block("if ev[E_OUTCOME] == 2:", ["out[O_REFUSAL] = REFUSED_BEFORE", "return"])
        add("held = held_by(s, lh, ev[E_HOLD])")
        self.out.block("if points == 0:", ["points = held"])
        add("late = 0")
        for version in self.program.versions:
            if version.late_capture:
                self.out.block(
                    f"if ev[E_VERSION] == {version.index} and held == 0 and ev[E_UNIT] >= 0:",
                    [
                        "points = ev[E_POINTS] if ev[E_POINTS] > 0 else ev[E_PAID]",
                        "if points <= s[HEAD + ev[E_UNIT] * UNIT + U_ACTIVE]:",
                        "    late = points",
                    ],
                )
        self.out.block(
            "if late > 0:",
            [
                "draw(s, la, out, ev[E_UNIT], cap, late, SPENT, AT_REDEEMED, -1, t, -1)",
                "out[O_POINTS] = late",
                "return",
            ],
        )
        self.refuse_hold("capture(s, lh, out, ev[E_HOLD], points, t)")
        self.function(
            "on_void(s, la, lh, ev, out, cap)", "Points of a hold go back, in whole or part."
        )
        add("t = ev[E_AT]")
        add("points = ev[E_POINTS]")
        self.out.block("if ev[E_OUTCOME] == 2:", ["out[O_REFUSAL] = REFUSED_BEFORE", "return"])
        add("held = held_by(s, lh, ev[E_HOLD])")
        self.out.block("if points == 0:", ["points = held"])
        self.refuse_hold("give_back(s, la, lh, out, cap, ev[E_HOLD], points, t)")

    def refuse_hold(self, action: str) -> None:
        """The refusals that capture and void share, then what they do."""
        add = self.out.add
        self.out.block("if ev[E_HOLD] < 0:", ["out[O_REFUSAL] = HOLD_UNKNOWN", "return"])
        self.out.block("if held == 0:", ["out[O_REFUSAL] = HOLD_ENDED", "return"])
        self.out.block("if points > held:", ["out[O_REFUSAL] = ABOVE_HOLD", "return"])
        add(action)
        add("out[O_POINTS] = points")
        add("return")
        self.end()

    def adjust(self) -> None:
        """Adjustments and transfers: points from outside the rules."""
        add = self.out.add
        self.function(
            "on_adjustment(s, la, ev, out, cal, cap, kind, account)",
            "A credit opens a lot with the unit's usual life; a debit draws lots, then owes.",
        )
        add("t = ev[E_AT]")
        add("u = ev[E_UNIT]")
        add("points = ev[E_POINTS]")
        add("out[O_POINTS] = points")
        self.out.add("if ev[E_OUTCOME] == 1:")
        self.out.depth += 1
        add("end = NEVER")
        for version in self.program.versions:
            for unit, term in zip(self.program.units, version.expires, strict=True):
                self.out.block(
                    f"if ev[E_VERSION] == {version.index} and u == {unit.index}:",
                    [f"end = ends_after(cal, t, ev[E_DAY], {TERM_NAMES[term.kind]}, "
                     f"{term.length})"],
                )
        add("post(out, kind, u, points, account, AT_ACTIVE, -1, end, t, 0, t, -1)")
        add("credit_sum(s, u, points, t)")
        add("open_active(s, la, out, u, cap, end, 0, points, t)")
        add("return")
        self.out.depth -= 1
        add("rest = draw(s, la, out, u, cap, points, kind, account, -1, t, -1)")
        add("owe(s, out, u, rest, DEBT[u], account, -1, t)")
        add("return")
        self.end()
        self.function(
            "on_transfer(s, la, ev, out, cal, cap)", "Points leave for another member."
        )
        add("u = ev[E_UNIT]")
        give = [str(u.index) for u in self.program.units if u.transferable]
        test = " and ".join(f"u != {index}" for index in give) or "True"
        self.out.block(f"if {test}:", ["out[O_REFUSAL] = NOT_TRANSFERABLE", "return"])
        self.out.block("if ev[E_OUTCOME] == 2:", ["out[O_REFUSAL] = REFUSED_BEFORE", "return"])
        self.out.block(
            "if ev[E_OUTCOME] == 0 and ev[E_POINTS] > s[HEAD + u * UNIT + U_ACTIVE]:",
            ["out[O_REFUSAL] = NOT_COVERED", "return"],
        )
        add("rest = draw(s, la, out, u, cap, ev[E_POINTS], TRANSFERRED, AT_TRANSFERRED, -1, "
            "ev[E_AT], -1)")
        add("owe(s, out, u, rest, DEBT[u], AT_TRANSFERRED, -1, ev[E_AT])")
        add("out[O_POINTS] = ev[E_POINTS]")
        add("return")
        self.end()

    # -- the step ------------------------------------------------------------------------------

    def step(self) -> None:
        self.function(
            f"step({HOLDING}, ev, rf, ln, g, out, cal, cap)",
            "Apply one event to a state that has been brought to its instant.",
        )
        out = self.out
        out.add("t = ev[E_AT]")
        out.add("v = ev[E_VERSION]")
        out.add("day = ev[E_DAY]")
        out.add("mo = ev[E_MONTH]")
        out.block("if s[SEEN] == 0:", ["begin(s, out, cal, v, t, day, mo)"])
        out.add("kind = ev[E_TYPE]")
        word = "if"
        for event in self.ordered_types():
            body = self.branch(event)
            if not body:
                continue
            out.add(f"{word} kind == {event.index}:  # {event.name}")
            out.depth += 1
            for line in body:
                if line == "<handle>":
                    self.handle(event, "ev")
                else:
                    out.add(line)
            out.depth -= 1
            word = "elif"
        out.add("rise(s, out, cal, v, t, day, mo)")
        out.add("s[NOW] = t")
        self.end()

    def ordered_types(self) -> list[L.EventType]:
        """The program's own types first: they are the most frequent."""
        return sorted(
            self.program.events.values(), key=lambda each: (each.name in BUILTIN, each.index)
        )

    def branch(self, event: L.EventType) -> list[str]:
        special = {
            "return": "on_return(s, la, lp, ev, rf, ln, g, out, cal, cap)",
            "redemption": "on_redemption(s, la, ev, rf, out, cal, cap)",
            "hold": "on_hold(s, la, lh, ev, rf, out, cal, cap)",
            "capture": "on_capture(s, la, lh, ev, out, cap)",
            "void": "on_void(s, la, lh, ev, out, cap)",
            "adjustment": "on_adjustment(s, la, ev, out, cal, cap, ADJUSTED, AT_ADJUSTED)",
            "transfer": "on_transfer(s, la, ev, out, cal, cap)",
            "transfer_received":
                "on_adjustment(s, la, ev, out, cal, cap, TRANSFERRED, AT_TRANSFERRED)",
        }  # fmt: skip
        first: list[str] = []
        if event.name in special:
            first.append(special[event.name])
        elif event.name in ("withdrawn", "birthday"):
            return []
        elif event.name == "member":
            first += self.member_lines()
        elif event.name in ("product_opened", "product_closed") and self.program.products:
            held = 1 if event.name == "product_opened" else 0
            base = f"HELD_{upper(self.program.products[0])}"
            first.append(f"s[{base} + ev[E_LINE]] = {held}")
        used = any(event.name in each.of for each in self.program.metrics) or any(
            event.name in each.on for each in self.program.effects
        )
        if used or any(each.before_membership == "pending" for each in self.program.versions):
            first.append("<handle>")
        return first

    def member_lines(self) -> list[str]:
        """Attributes of the member, from this instant on; what is absent changes nothing."""
        lines = []
        if "born" in self.program.member:
            lines += [
                "if ev[E_POINTS] > 0 and ev[E_POINTS] != s[BORN]:",
                "    s[BORN] = ev[E_POINTS]",
                "    s[BIRTHDAY] = next_birthday(cal, t, s[BORN])",
                "    s[NEXT_DUE] = min(s[NEXT_DUE], s[BIRTHDAY])",
            ]
        for name, attribute in self.program.member.items():
            if attribute.type == "text":
                lines += [
                    f"if ev[E_MEMBER_{upper(name)}] > 0:",
                    f"    s[MEMBER_{upper(name)}] = ev[E_MEMBER_{upper(name)}]",
                ]
                for predicate in self.slots.predicates_of(f"member.{name}"):
                    slot = f"MEMBER_{self.slots.predicate_name(predicate)}"
                    lines.append(f"    s[{slot}] = ev[E_{slot}]")
        return lines


FALLS = {"to_result": 0, "one_level": 1, "never": 2}


def fn(name: str) -> str:
    """A name as part of a function's name."""
    return name.replace("-", "_")


def source_of(slots: Slots, traced: bool = False) -> str:
    """The source of a program's step."""
    return Source(slots, traced).write()

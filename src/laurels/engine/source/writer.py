"""What the parts of the generator share: lines, names of slots, where values stand."""

from __future__ import annotations

from collections.abc import Iterable

from laurels.engine.kernel import layout as K
from laurels.engine.slots import Slots, canonical_name, constant, upper
from laurels.program import linked as L
from laurels.program.expr import Expression, Predicate, emit

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
            return "ln[k + LN_AMOUNT]" if rest == "amount" else f"ln[k + {constant('LN_', rest)}]"
        if kind == "metrics":
            return self.metric(rest)
        if kind == "level":
            return f"s[LADDER_{upper(rest)} + L_LEVEL]"
        if kind == "held":
            return f"s[{constant('HELD_', rest)}]"
        if kind == "member":
            return f"s[MEMBER_{upper(rest)}]"
        if kind == "balance":
            return f"s[UNIT_{upper(rest)} + U_ACTIVE]"
        return f"ev[E_LOCAL_{upper(rest)}]"

    def event(self, kind: str, name: str) -> str:
        row = "rf" if kind == "paid" else self.row
        fixed = {"amount": "E_AMOUNT", "occurred_at": "E_AT", "type": "E_TYPE"}
        return f"{row}[{fixed.get(name) or constant('E_', name)}]"

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


class Writer:
    """The source of one program while it is being written."""

    def __init__(self, slots: Slots, traced: bool, measured: bool = False) -> None:
        self.slots = slots
        self.program = slots.program
        self.traced = traced
        self.measured = measured
        self.out = Lines()

    def emit(self, expression: Expression, version: L.Version | None, row: str = "ev") -> str:
        return emit(expression.ir, Where(self.slots, version, row))

    def trace(self, text: str) -> None:
        """A line that only the traced source has."""
        if self.traced:
            self.out.add(f"TRACE({text})")

    def local_day(self) -> None:
        """``day`` and ``mo``, the local day of t and its month."""
        self.out.add("day = day_of(cal, t)")
        self.out.add("mo = cal[1][day]")

    def function(self, head: str, says: str) -> None:
        self.out.add()
        self.out.add()
        self.out.add(f"def {head}:")
        self.out.depth = 1
        self.out.add(f'"""{says}"""')

    def end(self) -> None:
        self.out.depth = 0


def fn(name: str) -> str:
    """A name as part of a function's name."""
    return name.replace("-", "_")

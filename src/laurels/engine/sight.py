"""What the names of an expression stood for at a moment, and conditions as they were seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from laurels.base.errors import RequestError
from laurels.base.instants import format_instant
from laurels.base.money import format_decimal, parse_decimal
from laurels.engine.compiled import Compiled
from laurels.engine.door import read_date, read_flag
from laurels.engine.events import Raw
from laurels.engine.explained import AtomSeen
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.windows import counted, rolled
from laurels.engine.slots import constant, upper
from laurels.program import linked as L
from laurels.program.expr import Expression, interpret
from laurels.program.expr.conditions import AllOf, AnyOf, Atom, Condition, atoms
from laurels.program.expr.ir import Call, Const, Name, Node, Value, names_in, walk
from laurels.program.expr.render import render

NO_RAW: Raw = {}


@dataclass
class Sight:
    """A state, an event and the event that it pays, as a decision saw them.

    row, raw   the event as integers and as it came in; lines flat as the kernel has them
    paid       the paid event: raw, row
    """

    compiled: Compiled
    version: L.Version
    s: Sequence[int]
    type: str
    row: Sequence[int]
    raw: Raw
    lines: Sequence[int] = ()
    member: Mapping[str, str] = field(default_factory=dict)
    paid: tuple[str, Raw, Sequence[int]] | None = None
    line: int = -1

    # -- values --------------------------------------------------------------------------------

    def values(self, node: Node) -> dict[str, Value]:
        """The values of the names that an expression reads."""
        return {name: self.value(name) for name in sorted(names_in(node))}

    def value(self, name: str) -> Value:
        """The value of one name."""
        kind, _, rest = name.partition(".")
        if kind == "event":
            return self._event(self.type, rest, self.raw, self.row)
        if kind == "paid":
            paid = self.paid or ("", NO_RAW, [0] * len(self.row))
            return self._event(paid[0], rest, paid[1], paid[2])
        if kind == "line":
            return self._line(rest)
        if kind == "local":
            parts = self.compiled.calendar.parts(self.row[K.E_AT])
            return int(getattr(parts, rest))
        return self._member(kind, rest)

    def _event(self, kind: str, name: str, raw: Raw, row: Sequence[int]) -> Value:
        fixed = {"amount": K.E_AMOUNT, "occurred_at": K.E_AT}
        if name in fixed:
            return row[fixed[name]]
        if name == "type":
            return kind
        declared = self.compiled.program.events.get(kind)
        attribute = declared.attributes.get(name) if declared else None
        return self._read(name, attribute, raw)

    def _read(self, name: str, attribute: L.Attribute | None, raw: Raw) -> Value:
        if attribute is None:
            attribute = self._anywhere(name)
        value = raw.get(name)
        absent = value is None or value == ""
        if attribute.type == "text":
            return "" if absent else str(value)
        if attribute.type == "flag":
            return not absent and bool(read_flag(value, name))
        if absent:
            return 0
        if attribute.type == "date":
            return read_date(value, name)
        try:
            return parse_decimal(value, attribute.scale, name)
        except RequestError:
            return 0

    def _anywhere(self, name: str) -> L.Attribute:
        """An attribute that another event type declares: absent here, but of its type."""
        for event in self.compiled.program.events.values():
            for declared in (event.attributes, event.line):
                if name in declared:
                    return declared[name]
        return L.Attribute(name, "text", 0, None, None, None, False)

    def _line(self, name: str) -> Value:
        width = self.compiled.slots.width
        if name == "amount":
            return self.lines[self.line * width + K.LN_AMOUNT]
        given = self.raw.get("lines")
        raw = given[self.line] if isinstance(given, (list, tuple)) else NO_RAW
        declared = self.compiled.program.events[self.type].line.get(name)
        return self._read(name, declared, raw)

    def _member(self, kind: str, name: str) -> Value:
        state = self.compiled.slots.state
        if kind == "metrics":
            return self.metric(self.version.metrics[name])
        if kind == "level":
            return self.level(name)
        if kind == "held":
            return self.s[state[constant("HELD_", name)]] != 0
        if kind == "balance":
            return self.s[state[f"UNIT_{upper(name)}"] + K.U_ACTIVE]
        return self.member.get(name, "")

    def metric(self, index: int) -> int:
        """A metric as it stood."""
        metric = self.compiled.program.metrics[index]
        slot = self.compiled.slots.state[self.compiled.slots.metric(index)]
        if metric.window == "lifetime":
            return self.s[slot + 1]
        period = self.period(metric.window)
        if metric.window in ("months", "days"):
            return rolled(self.s, slot, metric.size, period)
        return counted(self.s, slot, period)

    def period(self, window: str) -> int:
        """The number of the period that a window counts for."""
        month = self.row[K.E_MONTH]
        periods = {"month": month, "months": month, "year": month // 12, "lifetime": 0}
        return periods.get(window, self.row[K.E_DAY])

    def level(self, ladder: str) -> str:
        """The level in force, '' without one."""
        code = self.s[self.compiled.slots.state[f"LADDER_{upper(ladder)}"] + K.L_LEVEL]
        found = next(each for each in self.compiled.program.ladders if each.name == ladder)
        return found.levels[code - 1] if code else ""

    # -- expressions ---------------------------------------------------------------------------

    def number(self, expression: Expression) -> int:
        """The value of an amount."""
        return int(interpret(expression.ir, self.values(expression.ir)))

    def holds(self, expression: Expression | None) -> bool:
        """Whether a condition holds; none holds always."""
        return expression is None or bool(interpret(expression.ir, self.values(expression.ir)))

    def atoms(self, expression: Expression) -> tuple[AtomSeen, ...]:
        """Every comparison of a condition, with what it saw."""
        return tuple(self.atom(each) for each in _leaves(atoms(expression.ir)))

    def missing(self, expression: Expression) -> tuple[AtomSeen, ...]:
        """The comparisons for want of which a condition fails; of alternatives, all."""
        return tuple(self.atom(each) for each in self._unmet(atoms(expression.ir)))

    def _unmet(self, condition: Condition) -> list[Atom]:
        match condition:
            case Atom():
                return [] if self._held(condition) else [condition]
            case AllOf(parts=parts):
                return [each for part in parts for each in self._unmet(part)]
            case AnyOf(parts=parts):
                unmet = [self._unmet(part) for part in parts]
                return [each for part in unmet for each in part] if all(unmet) else []

    def _held(self, atom: Atom) -> bool:
        return bool(interpret(atom.node, self.values(atom.node))) != atom.negated

    def atom(self, atom: Atom) -> AtomSeen:
        """One comparison as it was seen."""
        node = atom.node
        names = [each for each in walk(node) if isinstance(each, Name)]
        shown = {each.path: self.shown(each.path, self.value(each.path), each) for each in names}
        first = names[0] if len(shown) == 1 else None
        op = node.op if isinstance(node, Call) else "is"
        needed: tuple[str, ...] = ()
        if isinstance(node, Call) and isinstance(node.args[0], Name):
            rest = node.args[1:]
            if all(isinstance(each, Const) for each in rest):
                needed = tuple(
                    self.shown(names[0].path, each.value, names[0])
                    for each in rest if isinstance(each, Const)
                )  # fmt: skip
        simple = isinstance(node, Name) or bool(needed)
        text = f"!({render(node)})" if atom.negated else render(node)
        name = first.path if first and simple else ""
        return AtomSeen(
            text, op, self._held(atom), name, shown.get(name, ""), needed, atom.negated, shown
        )

    def shown(self, name: str, value: Value, node: Name) -> str:
        """A value as text: money and points as decimals, instants as RFC 3339."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value
        if node.type == "instant":
            return format_instant(value)
        return format_decimal(value, self.scale(node.dim)) if name else str(value)

    def scale(self, dim: str) -> int:
        """How many decimals a dimension has."""
        if dim == "money":
            return self.compiled.program.exponent
        if dim.startswith("points:"):
            return next(each.scale for each in self.compiled.program.units if each.name == dim[7:])
        return 0

    # -- amounts -------------------------------------------------------------------------------

    def covered(self, effect: L.Effect) -> tuple[int, ...] | None:
        """The indices of the lines that a rule covers; None when it does not choose."""
        if effect.lines is None:
            return None
        found = []
        for index in range(len(self.lines) // self.compiled.slots.width):
            self.line = index
            if self.holds(effect.lines):
                found.append(index)
        self.line = -1
        return tuple(found)

    def base(self, effect: L.Effect) -> int:
        """The money that earns, in minor units."""
        amount = self.row[K.E_AMOUNT]
        whole = self.number(effect.base) if effect.base else amount
        whole = max(0, whole) if effect.base else whole
        covered = self.covered(effect)
        if covered is None or amount <= 0:
            return whole
        width = self.compiled.slots.width
        return whole * sum(self.lines[i * width + K.LN_AMOUNT] for i in covered) // amount

    def entry(self, table: L.Table) -> tuple[str, tuple[int, int]]:
        """The entry of a table that applies, by its key."""
        key = str(self.value(f"{table.by}.{table.name}"))
        if key and key in table.entries:
            return key, table.entries[key]
        return key, table.otherwise

    def raw_points(self, effect: L.Effect) -> int:
        """What a rule would give, in steps, before stacking and caps."""
        give = effect.give
        if give.kind == "multiply":
            effects = self.compiled.program.effects
            total = sum(self.raw_points(effects[i]) for i in give.of if self.applies(effects[i]))
            return round_steps(Fraction(total * give.numerator, give.denominator), effect.rounding)
        if give.kind == "per":
            return self.base(effect) // give.every * give.numerator
        if give.kind == "rate":
            ratio = self.entry(give.table)[1] if give.table else (give.numerator, give.denominator)
            return round_steps(Fraction(self.base(effect) * ratio[0], ratio[1]), effect.rounding)
        if give.table is not None:
            return self.entry(give.table)[1][0]
        if give.points is not None:
            return max(0, self.number(give.points))
        return give.numerator

    def applies(self, effect: L.Effect) -> bool:
        """Whether a rule's dates and conditions hold."""
        at = self.row[K.E_AT]
        return (
            (effect.start is None or at >= effect.start)
            and (effect.stop is None or at < effect.stop)
            and self.type in effect.on
            and self.holds(effect.audience)
            and self.holds(effect.when)
        )


def round_steps(value: Fraction, rounding: int) -> int:
    """A fraction of steps, rounded as the kernel's numbers name it."""
    whole = value.numerator // value.denominator
    rest = value - whole
    half = Fraction(1, 2)
    if rounding == K.CEIL:
        return whole + (rest > 0)
    if rounding == K.HALF_UP:
        return whole + (rest >= half)
    if rounding == K.HALF_EVEN:
        return whole + (rest > half or (rest == half and whole % 2 == 1))
    return whole


def decimal(steps: int, scale: int) -> Decimal:
    """Steps as a decimal."""
    return Decimal(steps).scaleb(-scale)


def _leaves(condition: Condition) -> list[Atom]:
    if isinstance(condition, Atom):
        return [condition]
    return [each for part in condition.parts for each in _leaves(part)]

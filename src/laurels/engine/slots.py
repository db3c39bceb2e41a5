"""Where a program's own values stand: slots of the state, columns of events and lines, codes.

The layout is the union over all versions, so that a state outlives a change of version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from laurels.engine.kernel import layout as K
from laurels.program import linked as L
from laurels.program.expr import Call, Const, Expression, Name, Node, Predicate, Strings
from laurels.program.names import LOCAL


@dataclass
class Slots:
    """The layout of one program.

    state    name of a slot constant -> index in ``s``
    columns  name of an event attribute (or predicate, or local part) -> index in ``ev``
    lines    name of a line attribute (or predicate) -> index within a line
    reads_lines  whether some rule or metric asks what the lines are
    """

    program: L.Linked
    state: dict[str, int] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    strings: Strings = field(default_factory=Strings)
    local: tuple[str, ...] = ()
    size: int = 0
    width: int = K.LINE
    event_size: int = K.EVENT
    reads_lines: bool = False

    @staticmethod
    def of(program: L.Linked) -> Slots:
        """Lay out a program."""
        slots = Slots(program)
        slots._codes()
        slots._state()
        slots._columns()
        return slots

    # -- strings -------------------------------------------------------------------------------

    def _codes(self) -> None:
        """Gather every string that any expression or table compares."""
        for each in expressions(self.program):
            self.strings.add(canonical(each.ir))
        for table in tables(self.program):
            if table.by == "event":
                name = Name(f"event.{table.name}", "string")
                for value in table.entries:
                    self.strings.add(Call("eq", (name, Const(value, "string")), "bool"))
        names = {name for each in expressions(self.program) for name in each.names}
        self.local = tuple(part for part in LOCAL if f"local.{part}" in names)
        self.reads_lines = any(effect.lines is not None for effect in self.program.effects) or any(
            metric.by_line for metric in self.program.metrics
        )

    def code(self, name: str, value: str) -> int:
        """The integer that stands for a value of a string; levels by their union code."""
        kind, _, rest = name.partition(".")
        if kind == "level":
            return self.level_code(rest, value)
        if not value:
            return 0
        codes = self.strings.codes(canonical_name(name))
        return codes.get(value, len([each for each in codes if each]) + 1)

    def level_code(self, ladder: str, level: str) -> int:
        """0 without a level, then from 1 in the order of the ladder."""
        levels = next(each.levels for each in self.program.ladders if each.name == ladder)
        return levels.index(level) + 1 if level else 0

    # -- state ---------------------------------------------------------------------------------

    def _take(self, name: str, count: int) -> None:
        self.state[name] = self.size
        self.size += count

    def _state(self) -> None:
        self.size = K.HEAD
        for unit in self.program.units:
            self._take(f"UNIT_{upper(unit.name)}", K.UNIT)
        for ladder in self.program.ladders:
            self._take(f"LADDER_{upper(ladder.name)}", K.LADDER)
        for metric in self.program.metrics:
            ring = metric.window in ("months", "days")
            count = 2 + metric.size if ring else 3 if metric.kind == "days" else 2
            self._take(self.metric(metric.index), count)
        for cap in self.program.caps:
            if cap.per != "event" and not cap.budget:
                self._take(self.cap(cap.index), 2)
        seen: set[str] = set()
        for effect in self.program.effects:
            name = self.times(effect)
            if effect.times is not None and name not in seen:
                self._take(name, 2)
                seen.add(name)
        for limit in self.program.spending:
            if limit.times is not None:
                self._take(f"SPENDINGS_{limit.index}_{upper(limit.name)}", 2)
        for product in self.program.products:
            self._take(constant("HELD_", product), 1)
        for name, attribute in self.program.member.items():
            if attribute.type == "text":
                self._take(f"MEMBER_{upper(name)}", 1)
                for predicate in self.predicates_of(f"member.{name}"):
                    self._take(f"MEMBER_{self.predicate_name(predicate)}", 1)

    def metric(self, index: int) -> str:
        """The slot of a metric; the index keeps definitions of two versions apart."""
        metric = self.program.metrics[index]
        same = [each.index for each in self.program.metrics if each.name == metric.name]
        suffix = "" if len(same) == 1 else f"_v{same.index(index) + 1}"
        return f"METRIC_{upper(metric.name)}{suffix}"

    def cap(self, index: int) -> str:
        """The slot of a cap; a cap of the same name and period keeps its count over versions."""
        cap = self.program.caps[index]
        first = next(
            each.index
            for each in self.program.caps
            if (each.name, each.per, each.unit, each.budget)
            == (cap.name, cap.per, cap.unit, cap.budget)
        )
        return f"CAP_{first}_{upper(cap.name)}"

    @staticmethod
    def times(effect: L.Effect) -> str:
        """The slot that counts how often a rule gave; units of one rule share it, as do versions
        with the same rule name and period."""
        per = effect.times[1] if effect.times else ""
        return f"TIMES_{upper(effect.rule)}_{upper(per)}"

    # -- columns -------------------------------------------------------------------------------

    def predicates_of(self, name: str) -> list[Predicate]:
        """The predicates that are asked of a string."""
        return [each for each in self.strings.predicates if each.name == name]

    def predicate_name(self, predicate: Predicate) -> str:
        """A readable and unique name of a predicate's column."""
        number = self.strings.predicates.index(predicate)
        return f"{upper(predicate.name.partition('.')[2])}_{predicate.op}_{number}"

    def _columns(self) -> None:
        attributes: dict[str, None] = {}
        for event in self.program.events.values():
            attributes |= dict.fromkeys(event.attributes)
        at = K.EVENT
        used = {canonical_name(n) for e in expressions(self.program) for n in e.names}
        used |= {f"event.{table.name}" for table in tables(self.program)}
        for name in attributes:
            if f"event.{name}" in used:
                self.columns[constant("E_", name)] = at
                at += 1
            for predicate in self.predicates_of(f"event.{name}"):
                self.columns[f"E_{self.predicate_name(predicate)}"] = at
                at += 1
        for name, attribute in self.program.member.items():
            if attribute.type == "text":
                self.columns[f"E_MEMBER_{upper(name)}"] = at
                at += 1
                for predicate in self.predicates_of(f"member.{name}"):
                    self.columns[f"E_MEMBER_{self.predicate_name(predicate)}"] = at
                    at += 1
        for part in self.local:
            self.columns[f"E_LOCAL_{upper(part)}"] = at
            at += 1
        for cap in self.program.caps:
            if cap.budget:
                self.columns[f"E_BUDGET_{cap.index}"] = at
                at += 1
        self.event_size = at
        width = K.LINE
        line_attributes: dict[str, None] = {}
        for event in self.program.events.values():
            line_attributes |= dict.fromkeys(event.line)
        for name in line_attributes:
            if f"line.{name}" in used:
                self.lines[constant("LN_", name)] = width
                width += 1
            for predicate in self.predicates_of(f"line.{name}"):
                self.lines[f"LN_{self.predicate_name(predicate)}"] = width
                width += 1
        self.width = width

    def constants(self) -> Mapping[str, int]:
        """All constants that the generated source names."""
        return {**self.state, **self.columns, **self.lines, "WIDTH": self.width}


def upper(name: str) -> str:
    """A name as a constant."""
    return name.upper().replace("-", "_").replace(" ", "_")


LAYOUT = frozenset(name for name in vars(K) if name.isupper())
OURS = re.compile(r"E_(LOCAL|MEMBER|BUDGET)_")


def constant(prefix: str, name: str) -> str:
    """The constant of one of a program's own names: ``E_METHOD``.

    A name that would be one of the layout's constants keeps its small letters, ``E_day``: so a
    program may use it, and no two are the same.
    """
    found = prefix + upper(name)
    return prefix + name if found in LAYOUT or OURS.match(found) else found


def canonical_name(name: str) -> str:
    """The paid event is encoded like any event."""
    return "event." + name[5:] if name.startswith("paid.") else name


def canonical(node: Node) -> Node:
    """A tree whose names are canonical."""
    if isinstance(node, Name):
        return replace(node, path=canonical_name(node.path))
    if isinstance(node, Call):
        return replace(node, args=tuple(canonical(each) for each in node.args))
    return node


def expressions(program: L.Linked) -> Iterator[Expression]:
    """Every expression of a program."""
    found: list[Expression | None] = []
    for metric in program.metrics:
        found += [metric.where, metric.value]
    for ladder in program.ladders:
        for rules in ladder.rules.values():
            found.append(rules.opens)
            found += [level.when for level in rules.levels]
    for effect in program.effects:
        found += [effect.audience, effect.when, effect.lines, effect.base, effect.give.points]
    found += [cap.when for cap in program.caps]
    for limit in program.spending:
        found += [limit.when, limit.only_if]
    found += [version.membership for version in program.versions]
    return (each for each in found if each is not None)


def tables(program: L.Linked) -> Iterator[L.Table]:
    """Every table of a program."""
    for effect in program.effects:
        if effect.give.table is not None:
            yield effect.give.table
    for cap in program.caps:
        if cap.table is not None:
            yield cap.table

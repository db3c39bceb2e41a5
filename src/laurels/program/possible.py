"""Whether conditions can hold together: what `laurels check` asks of levels and rules.

The answer errs on one side only: "no" is proven, "yes" means that no contradiction was found.
Whole numbers are kept as intervals, strings as closed sets, everything else as what is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from laurels.program.expr import AllOf, AnyOf, Atom, Condition, atoms, interval
from laurels.program.expr.bounds import Interval
from laurels.program.expr.ir import (
    INT64_MAX,
    INT64_MIN,
    PREDICATES,
    Call,
    Const,
    Name,
    Node,
    Predicate,
    predicate_of,
)

STEPS_MAX = 4000
DEPTH_MAX = 200

_MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
_ORDER = frozenset(_MIRRORED)


@dataclass(frozen=True)
class Known:
    """What is known of names before any condition: ranges of numbers, closed sets of strings."""

    ranges: Mapping[str, Interval] = field(default_factory=dict)
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)


def possible(conditions: Iterable[Condition | Node | None], known: Known) -> bool:
    """Whether all the conditions can hold at once; None says nothing."""
    todo: list[Condition] = []
    for each in conditions:
        if isinstance(each, (Const, Name, Call)):
            todo.append(atoms(each))
        elif each is not None:
            todo.append(each)
    return _Search(known).solve(todo, _Facts(known), 0)


def implied(condition: Node, given: Iterable[Condition | Node | None], known: Known) -> bool:
    """Whether `condition` is proven to hold wherever the given ones do."""
    return not possible([*given, atoms(condition, negated=True)], known)


class _Search:
    """Tries every way of satisfying the parts, within a number of steps."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.steps = 0

    def solve(self, todo: list[Condition], facts: _Facts, depth: int) -> bool:
        todo = list(todo)
        choices: list[AnyOf] = []
        while todo:
            self.steps += 1
            if self.steps > STEPS_MAX or depth > DEPTH_MAX:
                return True
            each = todo.pop()
            if isinstance(each, AllOf):
                todo.extend(each.parts)
            elif isinstance(each, AnyOf):
                choices.append(each)
            elif not facts.add(each):
                return False
        if not choices:
            return True
        first, *rest = choices
        return any(self.solve([part, *rest], facts.copy(), depth + 1) for part in first.parts)


class _Facts:
    """What is said so far on one way."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.numbers: dict[str, Interval] = dict(known.ranges)
        self.never: dict[str, frozenset[int]] = {}
        self.texts: dict[str, frozenset[str]] = dict(known.values)
        self.not_texts: dict[str, frozenset[str]] = {}
        self.asked: dict[Predicate, bool] = {}
        self.said: dict[Node, bool] = {}

    def copy(self) -> _Facts:
        other = _Facts(self.known)
        other.numbers = dict(self.numbers)
        other.never = dict(self.never)
        other.texts = dict(self.texts)
        other.not_texts = dict(self.not_texts)
        other.asked = dict(self.asked)
        other.said = dict(self.said)
        return other

    def add(self, atom: Atom) -> bool:
        """Take an atom as true; False where that contradicts what is known."""
        node, wanted = atom.node, not atom.negated
        if isinstance(node, Const):
            return bool(node.value) is wanted
        if isinstance(node, Call):
            if node.op in PREDICATES:
                return self._predicate(predicate_of(node), wanted)
            if node.args[0].type == "string":
                return self._text(node, wanted)
            if node.op in _ORDER and node.args[0].type != "bool":
                return self._compared(node) if wanted else True
            if node.op == "in":
                return self._listed(node, wanted)
        return self._say(node, wanted)

    def _say(self, node: Node, wanted: bool) -> bool:
        return self.said.setdefault(node, wanted) is wanted

    # -- numbers -------------------------------------------------------------------------------

    def _compared(self, node: Call) -> bool:
        left, right = node.args
        op = node.op
        if isinstance(left, Const):
            left, right, op = right, left, _MIRRORED[op]
        if isinstance(left, Name) and isinstance(right, Const):
            return self._bound(left, op, int(right.value))
        (a, b), (c, d) = interval(left, self.numbers), interval(right, self.numbers)
        holds = {
            "eq": a <= d and c <= b,
            "ne": not a == b == c == d,
            "lt": a < d,
            "le": a <= d,
            "gt": b > c,
            "ge": b >= c,
        }[op]
        opposite = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}[op]
        denied = Call(opposite, (left, right), "bool")
        return (
            holds and denied not in self.said and self._say(Call(op, (left, right), "bool"), True)
        )

    def _bound(self, name: Name, op: str, value: int) -> bool:
        low, high = self._range(name)
        if op in ("eq", "ge", "gt"):
            low = max(low, value + (op == "gt"))
        if op in ("eq", "le", "lt"):
            high = min(high, value - (op == "lt"))
        if op == "ne":
            self.never[name.path] = self.never.get(name.path, frozenset()) | {value}
        return self._narrow(name, low, high)

    def _listed(self, node: Call, wanted: bool) -> bool:
        name, *items = node.args
        if not isinstance(name, Name) or not all(isinstance(each, Const) for each in items):
            return self._say(node, wanted)
        found = {int(each.value) for each in items if isinstance(each, Const)}
        low, high = self._range(name)
        if not wanted:
            self.never[name.path] = self.never.get(name.path, frozenset()) | found
            return self._narrow(name, low, high)
        found = {each for each in found if low <= each <= high}
        return bool(found) and self._narrow(name, min(found), max(found))

    def _range(self, name: Name) -> Interval:
        return self.numbers.get(name.path) or interval(name, {})

    def _narrow(self, name: Name, low: int, high: int) -> bool:
        never = self.never.get(name.path, frozenset())
        while low in never and low <= high:
            low += 1
        while high in never and low <= high:
            high -= 1
        self.numbers[name.path] = (max(low, INT64_MIN), min(high, INT64_MAX))
        return low <= high

    # -- strings -------------------------------------------------------------------------------

    def _text(self, node: Call, wanted: bool) -> bool:
        name, *items = node.args
        assert isinstance(name, Name)
        given = [str(each.value) for each in items if isinstance(each, Const)]
        if node.op == "at_least":
            levels = name.levels or ()
            given = list(levels[levels.index(given[0]) :]) if given[0] in levels else []
        wanted = wanted is not (node.op == "ne")
        path = name.path
        if name.levels is not None:
            self.texts.setdefault(path, frozenset({"", *name.levels}))
        if not wanted:
            self.not_texts[path] = self.not_texts.get(path, frozenset()) | set(given)
        elif path in self.texts:
            self.texts[path] &= frozenset(given)
        else:
            self.texts[path] = frozenset(given)
        return self._some_text(path)

    def _predicate(self, predicate: Predicate, wanted: bool) -> bool:
        if self.asked.setdefault(predicate, wanted) is not wanted:
            return False
        starts = [p for p, yes in self.asked.items() if yes and p.op == "starts_with"]
        for each in starts:
            for other in starts:
                short, long = sorted((each.constant, other.constant), key=len)
                if each.name == other.name and not long.startswith(short):
                    return False
        return self._some_text(predicate.name)

    def _some_text(self, path: str) -> bool:
        """Whether any value is left for a string."""
        if path not in self.texts:
            return True
        left = self.texts[path] - self.not_texts.get(path, frozenset())
        for predicate, wanted in self.asked.items():
            if predicate.name == path:
                left = frozenset(each for each in left if predicate.holds(each) is wanted)
        self.texts[path] = left
        return bool(left)

"""From the checked CEL tree to our own: what CEL allows and we do not is refused here.

Every node is visited even after a problem, so that one compile reports all of them. A node that
has a problem lowers to None, and what contains it then stays silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from laurels.base.errors import RequestError
from laurels.base.money import BOUND
from laurels.program.expr import constants, dims, errors
from laurels.program.expr.bounds import interval
from laurels.program.expr.interpret import fold
from laurels.program.expr.ir import (
    CALENDAR,
    INT64_MAX,
    INT64_MIN,
    LOOSE,
    MONEY,
    PLAIN,
    PREDICATES,
    Call,
    Const,
    Dim,
    Name,
    Node,
    points_dim,
    quote,
)
from laurels.program.expr.refusals import SIGNATURES

if TYPE_CHECKING:
    from laurels.program.expr.cel import Tree
    from laurels.program.expr.errors import Problem
    from laurels.program.expr.scope import NameInfo, Scope

_COMPARISONS = {"_==_": "eq", "_!=_": "ne", "_<_": "lt", "_<=_": "le", "_>_": "gt", "_>=_": "ge"}
_ARITHMETIC = {"_+_": "add", "_-_": "sub", "_*_": "mul", "_/_": "div", "_%_": "rem"}
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%"}
_PREDICATES = {"startsWith": "starts_with", "endsWith": "ends_with", "contains": "contains"}
_STRINGS_MAY = "a string name beside a constant: ==, !=, in, startsWith, endsWith, contains"
_ACCESSORS = {
    "getFullYear": "local.year",
    "getMonth": "local.month",
    "getDate": "local.day",
    "getDayOfMonth": "local.day",
    "getDayOfWeek": "local.weekday",
    "getHours": "local.hour",
    "getMinutes": "local.minute",
}
_REFUSED = {
    "matches": "use ==, in, startsWith, endsWith or contains",
    "dyn": "every value has its declared type",
    "size": "compare the string with '' instead",
    "duration": "compare instants with timestamp('…'), or use the local.* names",
    "int": "values are ints already; write money('…') for amounts",
    "double": "there are no fractions; write rates where the program file asks for them",
}


class _RefusedError(Exception):
    """The node cannot be lowered; why is noted already."""


class Lowering:
    """One lowering of one text; `problems` grows as nodes are visited."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.scope = scope
        self.problems: list[Problem] = []
        self._handlers: Mapping[str, Callable[[Tree], Node]] = {
            "_&&_": self._junction,
            "_||_": self._junction,
            "!_": self._not,
            "-_": self._negation,
            "_?_:_": self._choice,
            "@in": self._membership,
            "_in_": self._membership,
            "money": self._money,
            "points": self._points,
            "timestamp": self._timestamp,
            "at_least": self._at_least,
            "min": self._extreme,
            "max": self._extreme,
            **dict.fromkeys(_COMPARISONS, self._comparison),
            **dict.fromkeys(_ARITHMETIC, self._arithmetic),
            **dict.fromkeys(_PREDICATES, self._predicate),
        }

    def node(self, tree: Tree) -> Node | None:
        """The lowered node, or None with at least one problem noted."""
        try:
            return self._lower(tree)
        except _RefusedError:
            return None

    def refused(
        self, code: str, message: str, at: Tree | Node, *, expected: str = "", hint: str = ""
    ) -> _RefusedError:
        """Note a problem at the place of `at`; raising the result gives up the node."""
        self.problems.append(
            errors.problem(code, message, self.text, at.offset, expected=expected, hint=hint)
        )
        return _RefusedError()

    def _lower(self, tree: Tree) -> Node:
        if tree.presence:
            message = "has() is not needed: an absent string is '', an absent number is 0"
            raise self.refused(errors.NOT_ALLOWED, message, tree)
        if tree.kind == "const":
            return self._const(tree)
        if tree.kind == "ident":
            return self._name(tree)
        if tree.kind == "call":
            return self._call(tree)
        messages = {
            "comprehension": "macros over lists (all, exists, map, filter) are not allowed",
            "list": "a list may only stand to the right of 'in'",
            "select": "a field can only be part of a declared name",
            "struct": "maps and messages are not allowed",
        }
        raise self.refused(errors.NOT_ALLOWED, messages[tree.kind], tree)

    # --- leaves -------------------------------------------------------------------------------

    def _const(self, tree: Tree) -> Node:
        value = tree.value
        if isinstance(value, bool):
            return Const(value, "bool", PLAIN, str(value).lower(), tree.offset)
        if isinstance(value, int):
            return self._int(value, PLAIN, tree)
        if isinstance(value, str):
            return Const(value, "string", PLAIN, quote(value), tree.offset)
        hint = ""
        if tree.name == "double":
            hint = "write amounts as money('1.50') or points('unit', '1.5')"
        raise self.refused(
            errors.NOT_ALLOWED,
            f"a constant of type {tree.name} is not allowed",
            tree,
            expected="an int, a string, true or false",
            hint=hint,
        )

    def _int(self, value: int, dim: Dim, tree: Tree) -> Const:
        loose = dim in LOOSE
        if not (INT64_MIN <= value <= INT64_MAX if loose else -BOUND <= value <= BOUND):
            raise self.refused(errors.OVERFLOW, f"the constant {value} is too large", tree)
        decimals = 0 if loose else self._decimals(dim)
        return Const(value, "int", dim, constants.spell_int(value, dim, decimals), tree.offset)

    def _decimals(self, dim: Dim) -> int:
        return (
            self.scope.exponent if dim == MONEY else self.scope.units[dim.removeprefix("points:")]
        )

    def _name(self, tree: Tree) -> Node:
        info: NameInfo | None = self.scope.names.get(tree.name)
        if info is None:
            # CEL's own idents: type names such as `int` or `string`.
            raise self.refused(errors.UNKNOWN_NAME, f"unknown name '{tree.name}'", tree)
        levels = info.values if info.ordered else None
        return Name(tree.name, info.type, info.dim, levels, tree.offset)

    # --- calls --------------------------------------------------------------------------------

    def _call(self, tree: Tree) -> Node:
        if handler := self._handlers.get(tree.name):
            return handler(tree)
        if name := _ACCESSORS.get(tree.name):
            hint = f"use {name}: the parts of the event's time in the program's zone"
        else:
            hint = _REFUSED.get(tree.name, "")
        message = f"'{tree.name.strip('_')}' is not allowed in a program"
        raise self.refused(errors.NOT_ALLOWED, message, tree, hint=hint)

    def _args(self, tree: Tree) -> list[Node]:
        """The lowered arguments, all visited before the first problem gives up the call."""
        return self._all(tree.args)

    def _all(self, trees: tuple[Tree, ...]) -> list[Node]:
        lowered = [self.node(each) for each in trees]
        found = [each for each in lowered if each is not None]
        if len(found) < len(lowered):
            raise _RefusedError
        return found

    def _junction(self, tree: Tree) -> Node:
        op = "and" if tree.name == "_&&_" else "or"
        args = self._args(tree)
        flat: list[Node] = []
        for arg in args:
            same = isinstance(arg, Call) and arg.op == op
            flat.extend(arg.args if same else (arg,))  # type: ignore[union-attr]
        return Call(op, tuple(flat), "bool", PLAIN, tree.offset)

    def _not(self, tree: Tree) -> Node:
        args = self._args(tree)
        return Call("not", tuple(args), "bool", PLAIN, tree.offset)

    def _negation(self, tree: Tree) -> Node:
        args = self._args(tree)
        dim = PLAIN if args[0].dim in CALENDAR else args[0].dim
        return self._folded(Call("neg", tuple(args), "int", dim, tree.offset), tree)

    def _choice(self, tree: Tree) -> Node:
        args = self._args(tree)
        if args[1].type in ("string", "instant"):
            message = f"a choice between values of type {args[1].type} is not allowed"
            raise self.refused(errors.NOT_ALLOWED, message, tree, hint="choose between conditions")
        dim = self._met(args[1], args[2], tree, "chooses between")
        return Call("if", tuple(args), args[1].type, dim, tree.offset)

    def _extreme(self, tree: Tree) -> Node:
        args = self._args(tree)
        dim = self._met(args[0], args[1], tree, "chooses between")
        return self._folded(Call(tree.name, tuple(args), "int", dim, tree.offset), tree)

    def _arithmetic(self, tree: Tree) -> Node:
        args = self._args(tree)
        op = _ARITHMETIC[tree.name]
        left, right = args
        if left.type != "int" or right.type != "int":
            message = f"'{_SIGNS[op]}' is for numbers, not for ({left.type}, {right.type})"
            raise self.refused(errors.NOT_ALLOWED, message, tree)
        dim = dims.combine(op, left, right)
        if dim is None:
            raise self._clash(left, right, tree, f"'{_SIGNS[op]}' joins")
        if op in ("div", "rem"):
            self._divides(right, tree)
        return self._folded(Call(op, (left, right), "int", dim, tree.offset), tree)

    def _divides(self, divisor: Node, tree: Tree) -> None:
        low, high = interval(divisor, {})
        if low <= 0 <= high:
            raise self.refused(
                errors.ZERO_DIVISOR,
                "the divisor may be zero",
                tree,
                expected="a constant other than 0, or max(…, 1)",
            )

    def _folded(self, call: Call, tree: Tree) -> Node:
        """The constant that a call over constants stands for; else the call itself."""
        if not all(isinstance(arg, Const) for arg in call.args):
            return call
        return self._int(fold(call), call.dim, tree)

    # --- comparisons --------------------------------------------------------------------------

    def _comparison(self, tree: Tree) -> Node:
        args = self._args(tree)
        op = _COMPARISONS[tree.name]
        left, right = args
        if left.type != right.type:
            message = f"compares {left.type} with {right.type}"
            raise self.refused(errors.TYPE, message, tree)
        if left.type == "string":
            return self._string_comparison(op, left, right, tree)
        if left.type == "bool":
            return self._bool_comparison(op, left, right, tree)
        self._met(left, right, tree, "compares")
        return Call(op, (left, right), "bool", PLAIN, tree.offset)

    def _bool_comparison(self, op: str, left: Node, right: Node, tree: Tree) -> Node:
        if op not in ("eq", "ne"):
            message = "conditions have no order"
            raise self.refused(errors.NOT_ALLOWED, message, tree, expected="== or !=")
        if isinstance(left, Const):
            left, right = right, left
        if isinstance(right, Const):
            # `held.deposit == true` is `held.deposit`: it reads better in every explanation.
            keep = right.value is (op == "eq")
            return left if keep else Call("not", (left,), "bool", PLAIN, tree.offset)
        return Call(op, (left, right), "bool", PLAIN, tree.offset)

    def _string_comparison(self, op: str, left: Node, right: Node, tree: Tree) -> Node:
        if isinstance(left, Const):
            left, right = right, left
        if op not in ("eq", "ne"):
            hint = ""
            if isinstance(left, Name) and left.levels and isinstance(right, Const):
                hint = f"write at_least({left.path}, {right.text}), or !at_least(…)"
            message = "strings have no order"
            raise self.refused(errors.NOT_ALLOWED, message, tree, expected=_STRINGS_MAY, hint=hint)
        self._beside_constant(left, right, tree)
        return Call(op, (left, right), "bool", PLAIN, tree.offset)

    def _membership(self, tree: Tree) -> Node:
        candidates = tree.args[1]
        if candidates.kind != "list":
            self.node(tree.args[0])
            message = "'in' needs a list of values, like ['a', 'b']"
            raise self.refused(errors.NOT_ALLOWED, message, tree)
        value, *found = self._all((tree.args[0], *candidates.args))
        if not found:
            raise self.refused(errors.NOT_ALLOWED, "the list is empty", candidates)
        if value.type == "bool":
            raise self.refused(errors.NOT_ALLOWED, "a condition is not looked up in a list", tree)
        noted = len(self.problems)
        for item in found:
            with suppress(_RefusedError):
                self._candidate(value, item)
        if len(self.problems) > noted:
            raise _RefusedError
        return Call("in", (value, *found), "bool", PLAIN, tree.offset)

    def _candidate(self, value: Node, item: Node) -> None:
        if item.type != value.type:
            message = f"the list holds {item.type}, the value is {value.type}"
            raise self.refused(errors.TYPE, message, item)
        if value.type == "string":
            self._beside_constant(value, item, item)
        else:
            self._met(value, item, item, "compares")

    def _beside_constant(self, left: Node, right: Node, at: Tree | Node) -> None:
        """Refuse anything but a declared string beside a constant that it can have."""
        if not isinstance(left, Name) or not isinstance(right, Const):
            message = "a string is compared with something other than a constant"
            if isinstance(left, Const):
                message = "two constants are compared"
            raise self.refused(errors.NOT_ALLOWED, message, at, expected=_STRINGS_MAY)
        self._can_be(left, right)

    def _can_be(self, name: Name, constant: Const) -> None:
        values = self.scope.names[name.path].values
        value = str(constant.value)
        if values is not None and value and value not in values:
            raise self.refused(
                errors.UNKNOWN_VALUE,
                f"{name.path} is never {quote(value)}",
                constant,
                expected=f"one of {', '.join(values)}",
                hint=errors.did_you_mean(value, values),
            )

    def _predicate(self, tree: Tree) -> Node:
        args = self._args(tree)
        op = _PREDICATES[tree.name]
        assert op in PREDICATES
        if not isinstance(args[0], Name) or not isinstance(args[1], Const):
            message = f"'{tree.name}' asks a declared name about a constant"
            raise self.refused(errors.NOT_ALLOWED, message, tree, expected=_STRINGS_MAY)
        return Call(op, tuple(args), "bool", PLAIN, tree.offset)

    def _at_least(self, tree: Tree) -> Node:
        args = self._args(tree)
        name, level = args
        if not isinstance(name, Name) or name.levels is None or not isinstance(level, Const):
            message = "at_least compares the level of a ladder with one of its levels"
            raise self.refused(errors.TYPE, message, tree, expected=SIGNATURES["at_least"])
        if not level.value:
            message = "everyone is at least without a level; name a level"
            raise self.refused(
                errors.UNKNOWN_VALUE, message, tree, expected=f"one of {', '.join(name.levels)}"
            )
        self._can_be(name, level)
        return Call("at_least", (name, level), "bool", PLAIN, tree.offset)

    # --- dimensions ---------------------------------------------------------------------------

    def _met(self, left: Node, right: Node, tree: Tree | Node, verb: str) -> Dim:
        dim = dims.meet(left, right)
        if dim is None:
            raise self._clash(left, right, tree, verb)
        return dim

    def _clash(self, left: Node, right: Node, tree: Tree | Node, verb: str) -> _RefusedError:
        message = f"{verb} {dims.describe(left.dim)} and {dims.describe(right.dim)}"
        strict, other = (right, left) if left.dim in LOOSE else (left, right)
        hint, expected = "", "operands of one dimension"
        if other.dim in LOOSE and strict.dim not in LOOSE:
            number = other.value if isinstance(other, Const) else 300
            hint = f"write {dims.how_to_write(strict.dim, number)}"
            expected = f"{dims.describe(strict.dim)} on both sides"
        return self.refused(errors.DIMENSION, message, tree, expected=expected, hint=hint)

    # --- constants written as calls -----------------------------------------------------------

    def _literals(self, tree: Tree) -> list[str]:
        """The arguments of a constant's call, which must be string literals."""
        found = [each.value for each in tree.args if isinstance(each.value, str)]
        if len(found) < len(tree.args):
            message = f"{tree.name}() takes constants in quotes"
            raise self.refused(errors.CONSTANT, message, tree, expected=SIGNATURES[tree.name])
        return found

    def _money(self, tree: Tree) -> Node:
        (amount,) = self._literals(tree)
        return self._amount(amount, MONEY, tree)

    def _points(self, tree: Tree) -> Node:
        unit, amount = self._literals(tree)
        if unit not in self.scope.units:
            raise self.refused(
                errors.UNKNOWN_VALUE,
                f"unknown unit {quote(unit)}",
                tree,
                expected=f"one of {', '.join(self.scope.units)}",
                hint=errors.did_you_mean(unit, self.scope.units),
            )
        return self._amount(amount, points_dim(unit), tree)

    def _amount(self, text: str, dim: Dim, tree: Tree) -> Node:
        try:
            value = constants.amount(text, self._decimals(dim))
        except RequestError as error:
            raise self._unreadable(error, tree) from None
        return self._int(value, dim, tree)

    def _timestamp(self, tree: Tree) -> Node:
        (text,) = self._literals(tree)
        try:
            value = constants.instant(text)
        except RequestError as error:
            raise self._unreadable(error, tree) from None
        return Const(value, "instant", PLAIN, constants.spell_instant(value), tree.offset)

    def _unreadable(self, error: RequestError, tree: Tree) -> _RefusedError:
        return self.refused(
            errors.CONSTANT, error.what, tree, expected=error.expected, hint=error.hint
        )

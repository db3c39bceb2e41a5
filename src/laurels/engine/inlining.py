"""A step for one type of event, all in one function: what CPython is spared besides.

The readable source says each thing once and in its place: the step asks for the type, calls the
rules, the rules call the kernel. For CPython, which pays for each call and looks at each test anew,
the same syntax trees are put together for one type of event: calls of straight functions become
their statements, and what is known beforehand (the type, the unit, whether points are active at
once) is worked out here instead of at each event. Nothing is decided here that the sources do not
say; tests hold the two to the same state and the same records.

A function is straight when each of its returns ends it, and it has no loop; a loop that is known to
be taken once is none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from laurels.engine.known import (
    OPERATIONS,
    Known,
    Simplify,
    clone,
    extent,
    names_in,
    number,
    place,
    stored,
)

ROOM = 1500
"""Statements beyond which further calls stay calls."""
SELDOM = re.compile(r"begin|\w+_(set|extend)")
"""Functions that few events need: they stay calls."""


class Inliner:
    """Puts the functions of a program together.

    functions  by name, constants folded in
    bodies     what straight functions are, or None, as far as it is known: the kernel's are the
               same for all programs
    """

    def __init__(
        self, functions: Mapping[str, ast.FunctionDef], bodies: dict[str, list[ast.stmt] | None]
    ) -> None:
        self.functions = functions
        self.bodies = bodies
        self.changes: dict[str, set[str]] = {}
        self.loops: dict[str, list[ast.For]] = {}
        self.unchanging: set[str] = set()
        self.size = 0

    def put_together(
        self, name: str, new_name: str, given: Mapping[tuple[str, int], int]
    ) -> ast.FunctionDef:
        """A function under a new name, for what elements of its sequences are when it is called.

        ``given``: numbers by sequence and place.
        """
        source = self.functions[name]
        self.unchanging = {each.arg for each in source.args.args} - self.changed(name)
        self.size = 0
        known = Known()
        known.elements = dict(given)
        body = self.block(clone(source.body), known)
        body = without_unread(body) or [ast.Pass()]
        result = ast.FunctionDef(new_name, clone(source.args), body, [])
        return ast.fix_missing_locations(result)

    # -- statements ----------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt], known: Known) -> list[ast.stmt]:
        """Statements one after another; tests that are alike and follow each other are one."""
        result: list[ast.stmt] = []
        for statement in self.gathered(statements, known):
            result += self.statement(statement, known)
            if result and isinstance(result[-1], (ast.Return, ast.Break, ast.Continue)):
                break
        return result

    def gathered(self, statements: Sequence[ast.stmt], known: Known) -> Iterator[ast.stmt]:
        """Statements; those under a test that the one before has just answered come with it."""
        waiting = list(reversed(statements))
        while waiting:
            statement = waiting.pop()
            if isinstance(statement, ast.If) and not statement.orelse:
                while waiting and asks_again(statement, waiting[-1], known):
                    body = [*statement.body, *waiting.pop().body]  # type: ignore[attr-defined]
                    statement = ast.If(statement.test, body, [])
            yield statement

    def statement(self, node: ast.stmt, known: Known) -> list[ast.stmt]:
        """What becomes of one statement."""
        if isinstance(node, ast.If):
            return self.test(node, known)
        if isinstance(node, (ast.While, ast.For)):
            return self.loop(node, known)
        if isinstance(node, ast.Pass) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            return []
        called = self.called(node, known)
        if called is not None:
            return self.inline(node, called, known)
        self.size += 1
        return [self.simple(node, known)]

    def simple(self, node: ast.stmt, known: Known) -> ast.stmt:
        """A statement without others in it: what it sets is known, or no more."""
        simplify = Simplify(known)
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            found: ast.stmt = simplify.visit(node)
            known.forget(stored(found))
            return self.written(found, known)
        name = node.targets[0].id
        value: ast.expr = simplify.visit(node.value)
        self.called_with(value, known)
        tree = ast.dump(value)
        held = known.held.get(tree)
        if held is not None:
            value = ast.Name(held[0], ast.Load())
        known.forget({name})
        if isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id != name):
            known.values[name] = value
        elif isinstance(value, (ast.Subscript, ast.BinOp)) and self.is_settled(value):
            read = frozenset(names_in(value))
            if name not in read:
                known.held[tree] = name, read
        return ast.Assign(node.targets, value)

    def is_settled(self, value: ast.expr) -> bool:
        """Whether an expression comes to the same as long as its names do."""
        return all(
            isinstance(each.value, ast.Subscript)
            or (isinstance(each.value, ast.Name) and each.value.id in self.unchanging)
            if isinstance(each, ast.Subscript)
            else isinstance(each, (ast.Name, ast.Constant, ast.BinOp, ast.operator, ast.Load))
            for each in ast.walk(value)
        )

    def written(self, node: ast.stmt, known: Known) -> ast.stmt:
        """What a statement does to elements is known, or they are known no more."""
        self.called_with(node, known)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
            before, by = known.elements.get(place(node.target)), number(node.value)
            work = OPERATIONS.get(type(node.op))
            if before is not None and by is not None and work is not None:
                node = ast.Assign([node.target], ast.Constant(work(before, by)))
        targets = node.targets if isinstance(node, ast.Assign) else [
            node.target] if isinstance(node, ast.AugAssign) else []  # fmt: skip
        for target in targets:
            if not isinstance(target, ast.Subscript):
                continue
            sequence, first, stop = extent(target)
            known.changed(sequence, first, stop)
            value = number(node.value) if isinstance(node, ast.Assign) else None
            if value is not None and stop == first + 1:
                known.elements[sequence, first] = value
        return node

    def called_with(self, node: ast.AST, known: Known) -> None:
        """Elements that a call may change are known no more."""
        if not known.elements:
            return
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            callee = self.functions.get(call.func.id)
            theirs = self.changed(call.func.id) if callee is not None else set()
            names = [each.arg for each in callee.args.args] if callee is not None else []
            for parameter, value in zip(names, call.args, strict=callee is not None):
                if parameter in theirs and isinstance(value, ast.Name):
                    known.changed(value.id)

    def test(self, node: ast.If, known: Known) -> list[ast.stmt]:
        """One branch where the test is known; else both, and what both leave known."""
        test: ast.expr = Simplify(known).visit(node.test)
        value = number(test)
        if value is not None:
            return self.block(node.body if value else node.orelse, known)
        here, there = known.copy(), known.copy()
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq):
            # where a name was found equal to a number it is that number
            right = test.comparators[0]
            if isinstance(test.left, ast.Name) and isinstance(right, ast.Constant):
                here.values[test.left.id] = right
        body = self.block(node.body, here)
        orelse = self.block(node.orelse, there)
        if ends(body):
            known.take(there)
        elif ends(orelse):
            known.take(here)
        else:
            known.meet(here, there)
        if not body and not orelse:
            return []
        if not body:
            return [ast.If(ast.UnaryOp(ast.Not(), test), orelse, [])]
        return [ast.If(test, body, orelse)]

    def loop(self, node: ast.While | ast.For, known: Known) -> list[ast.stmt]:
        """A loop: nothing is known of what it changes, and of elements nothing at all."""
        if isinstance(node, ast.For) and number(turns(node, known)) == 1 and not leaves(node):
            once: list[ast.stmt] = [ast.Assign([node.target], ast.Constant(0)), *node.body]
            return self.block(once, known)
        known.forget(stored(node))
        known.elements = {}
        inside = known.copy()
        if isinstance(node, ast.While):
            return [ast.While(Simplify(inside).visit(node.test), self.block(node.body, inside), [])]
        given: ast.expr = Simplify(inside).visit(node.iter)
        return [ast.For(node.target, given, self.block(node.body, inside), [])]

    def changed(self, name: str) -> set[str]:
        """Parameters of a function whose elements it changes, or gives to one that does."""
        if name in self.changes:
            return self.changes[name]
        found = self.changes[name] = set()
        for node in ast.walk(self.functions[name]):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                found |= names_in(node.value)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                callee = self.functions.get(node.func.id)
                if callee is not None:
                    theirs = self.changed(node.func.id)
                    for parameter, value in zip(callee.args.args, node.args, strict=True):
                        if parameter.arg in theirs:
                            found |= names_in(value)
        return found

    # -- calls ---------------------------------------------------------------------------------

    def called(self, node: ast.stmt, known: Known) -> ast.Call | None:
        """The call that a statement is, or sets a name to, if it can become statements."""
        if not isinstance(node, (ast.Expr, ast.Assign)):
            return None
        if isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name):
            return None
        call = node.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return None
        if self.size > ROOM or self.body(call.func.id) is None:
            return None
        return call if self.loops_once(call, known) else None

    def loops_once(self, call: ast.Call, known: Known) -> bool:
        """Whether every loop of the function that is called is known to be taken once."""
        assert isinstance(call.func, ast.Name)
        name = call.func.id
        if name not in self.loops:
            self.loops[name] = [
                node
                for each in self.body(name) or ()
                for node in ast.walk(each)
                if isinstance(node, ast.For)
            ]
        if not self.loops[name]:
            return True
        inside = known.copy()
        for node in self.given(call):
            self.simple(node, inside)
        return all(number(turns(each, inside)) == 1 for each in self.loops[name])

    def body(self, name: str) -> list[ast.stmt] | None:
        """The statements of a function with names of its own, or None where it is not straight.

        Its result is called like the function.
        """
        if name not in self.bodies:
            function = self.functions.get(name)
            self.bodies[name] = None
            if (
                function is not None
                and not SELDOM.fullmatch(name)
                and not any(
                    isinstance(node, ast.While) or (isinstance(node, ast.For) and leaves(node))
                    for node in ast.walk(function)
                )
            ):
                own = stored(function) | {each.arg for each in function.args.args}
                found = finished(function.body, f"result_{name}")
                if found is not None:
                    renamed = Rename(own, name)
                    self.bodies[name] = [renamed.visit(clone(each)) for each in found]
        return self.bodies[name]

    def inline(self, node: ast.stmt, call: ast.Call, known: Known) -> list[ast.stmt]:
        """The statements of the function that is called."""
        assert isinstance(call.func, ast.Name)
        name = call.func.id
        body = self.body(name)
        assert body is not None
        result = [self.simple(each, known) for each in self.given(call)]
        result += self.block(clone(body), known)
        if isinstance(node, ast.Assign):
            found = ast.Assign(node.targets, ast.Name(f"result_{name}", ast.Load()))
            result.append(self.simple(found, known))
        return result

    def given(self, call: ast.Call) -> list[ast.stmt]:
        """Statements that set a function's parameters to what a call gives."""
        assert isinstance(call.func, ast.Name)
        name = call.func.id
        names = [f"{each.arg}_{name}" for each in self.functions[name].args.args]
        return [
            ast.Assign([ast.Name(one, ast.Store())], clone(value))
            for one, value in zip(names, call.args, strict=True)
        ]


class Rename(ast.NodeTransformer):
    """Gives the names of a function the function's name too."""

    def __init__(self, names: set[str], suffix: str) -> None:
        self.names = names
        self.suffix = suffix

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A name of the function's own."""
        if node.id in self.names:
            return ast.Name(f"{node.id}_{self.suffix}", node.ctx)
        return node


def finished(body: Sequence[ast.stmt], result: str) -> list[ast.stmt] | None:
    """Statements whose returns set a result, each at the end of its way; None where they are not
    so: after a test of which one branch returns, the rest belongs to the other."""
    found: list[ast.stmt] = []
    for position, statement in enumerate(body):
        if isinstance(statement, ast.Return):
            if statement.value is not None:
                found.append(ast.Assign([ast.Name(result, ast.Store())], statement.value))
            return found
        if not isinstance(statement, ast.If) or not returns(statement):
            found.append(statement)
            continue
        rest = body[position + 1 :]
        if ends(statement.body):
            ways = statement.body, [*statement.orelse, *rest]
        elif ends(statement.orelse):
            ways = [*statement.body, *rest], statement.orelse
        elif rest:
            return None
        else:
            ways = statement.body, statement.orelse
        one, other = finished(ways[0], result), finished(ways[1], result)
        if one is None or other is None:
            return None
        found.append(ast.If(statement.test, one or [ast.Pass()], other))
        return found
    return found


def turns(node: ast.For, known: Known) -> ast.expr:
    """How often a loop over a range is taken; None for any other."""
    if (
        isinstance(node.iter, ast.Call)
        and isinstance(node.iter.func, ast.Name)
        and node.iter.func.id == "range"
        and len(node.iter.args) == 1
    ):
        found: ast.expr = Simplify(known).visit(clone(node.iter.args[0]))
        return found
    return ast.Constant(None)


def leaves(node: ast.For) -> bool:
    """Whether something leaves a loop before its end, or goes on with its next turn."""
    return bool(node.orelse) or any(
        isinstance(each, (ast.Return, ast.Break, ast.Continue)) for each in ast.walk(node)
    )


def returns(node: ast.AST) -> bool:
    """Whether there is a return somewhere in it."""
    return any(isinstance(each, ast.Return) for each in ast.walk(node))


def ends(body: Sequence[ast.stmt]) -> bool:
    """Whether no way leads past the end of these statements."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.If):
        return ends(last.body) and ends(last.orelse)
    return isinstance(last, (ast.Return, ast.Break, ast.Continue))


def asks_again(one: ast.If, other: ast.stmt, known: Known) -> bool:
    """Whether another statement asks what a test has just asked of names that stayed as they
    were."""
    if not isinstance(other, ast.If) or other.orelse or returns(one) or returns(other):
        return False
    if any(isinstance(each, (ast.Subscript, ast.Call)) for each in ast.walk(other.test)):
        return False
    tests = [Simplify(known).visit(clone(each.test)) for each in (one, other)]
    if ast.dump(tests[0]) != ast.dump(tests[1]):
        return False
    changed = {name for each in one.body for name in stored(each)}
    return not changed & (names_in(other.test) | names_in(tests[1]))


def without_unread(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements without those that only set what nobody reads."""
    while True:
        read: set[str] = set()
        note_read(body, read)
        kept = list(reading(body, read))
        after: set[str] = set()
        note_read(kept, after)
        if after == read:
            return kept
        body = kept


def note_read(node: ast.AST | Sequence[ast.AST], read: set[str]) -> None:
    """Gather the names that are read somewhere in it."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            read.add(node.id)
        return
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        read.add(node.target.id)
    parts = node.__dict__.values() if isinstance(node, ast.AST) else node
    for part in parts:
        if isinstance(part, (ast.AST, list)):
            note_read(part, read)


def reading(body: Sequence[ast.stmt], read: set[str]) -> Iterator[ast.stmt]:
    """Statements that set a name that is read, or do anything else."""
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id in read:
                yield node
            elif any(isinstance(each, ast.Call) for each in ast.walk(node.value)):
                yield ast.Expr(node.value)
        elif isinstance(node, ast.If):
            one, other = list(reading(node.body, read)), list(reading(node.orelse, read))
            if one:
                yield ast.If(node.test, one, other)
            elif other:
                yield ast.If(ast.UnaryOp(ast.Not(), node.test), other, [])
        else:
            yield node

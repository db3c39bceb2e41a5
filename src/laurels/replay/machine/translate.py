"""From the engine's Python to machine code, by way of LLVM.

The kernel, the generated step and the loop over members are written in a small part of Python:
integers of 64 bits, sequences of integers, functions. So the way to machine code can be short.
Every value is an ``i64``; a sequence is a pointer to integers of 8, 16, 32 or 64 bits; a *table*
is a tuple of sequences, of which only constant places are read. Functions are translated for the
types with which they are called. All of a program becomes one module: compiled as a whole, in
about the time that it takes to read it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

I64 = ir.IntType(64)
ZERO = ir.Constant(I64, 0)

Kind = tuple[str, tuple[int, ...]]
"""('int', ()), ('row', (bits,)), with its length too for a constant, or ('table', (bits, ...))."""

INT: Kind = ("int", ())


def row(bits: int) -> Kind:
    """A sequence of integers of so many bits."""
    return ("row", (bits,))


def table(*bits: int) -> Kind:
    """A tuple of sequences."""
    return ("table", bits)


def type_of(kind: Kind) -> Any:
    """The LLVM type of a kind."""
    if kind[0] == "int":
        return I64
    if kind[0] == "row":
        return ir.IntType(kind[1][0]).as_pointer()
    return I64.as_pointer()


class Untranslatable(Exception):
    """The source says something for which there is no machine code: a fault of ours."""


class Module:
    """All functions of a program, and the constants that they name."""

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        self.ir = ir.Module("laurels")
        self.sources: dict[str, ast.FunctionDef] = {}
        self.numbers: dict[str, int] = {}
        self.rows: dict[str, Any] = {}
        self.functions: dict[tuple[str, tuple[Kind, ...]], Any] = {}
        self.waiting: list[tuple[ast.FunctionDef, tuple[Kind, ...], Any]] = []
        for tree in trees:
            for node in tree.body:
                if isinstance(node, ast.FunctionDef):
                    self.sources[node.name] = node
                elif isinstance(node, ast.Assign):
                    self._constant(node)

    def _constant(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if not isinstance(target, ast.Name):
            return
        try:
            value = ast.literal_eval(node.value)
        except ValueError:
            return
        if isinstance(value, int):
            self.numbers[target.id] = value
        elif isinstance(value, tuple):
            kind = ir.ArrayType(I64, len(value))
            found = ir.GlobalVariable(self.ir, kind, target.id)
            found.global_constant = True
            found.linkage = "internal"
            found.initializer = ir.Constant(kind, list(value))
            self.rows[target.id] = found

    def function(self, name: str, kinds: tuple[Kind, ...], entry: str = "") -> Any:
        """A function for these kinds of arguments; ``entry``: the name by which it is called from
        outside."""
        known = self.functions.get((name, kinds))
        if known is not None and not entry:
            return known
        source = self.sources.get(name)
        if source is None:
            raise Untranslatable(f"no function `{name}`")
        signature = ir.FunctionType(I64, [type_of(kind) for kind in kinds])
        found = ir.Function(self.ir, signature, entry or f"{name}.{len(self.functions)}")
        if not entry:
            found.linkage = "internal"
        self.functions[name, kinds] = found
        self.waiting.append((source, kinds, found))
        return found

    def finish(self) -> str:
        """Translate everything that is called; the module as text."""
        while self.waiting:
            source, kinds, function = self.waiting.pop()
            Body(self, source, kinds, function).translate()
        return str(self.ir)


class Body:
    """The translation of one function."""

    def __init__(
        self, module: Module, source: ast.FunctionDef, kinds: tuple[Kind, ...], function: Any
    ) -> None:
        self.module = module
        self.source = source
        self.function = function
        self.kinds: dict[str, Kind] = {}
        self.places: dict[str, Any] = {}
        self.loops: list[tuple[Any, Any]] = []
        entry = function.append_basic_block("entry")
        self.head = ir.IRBuilder(entry)
        self.b = ir.IRBuilder(function.append_basic_block("body"))
        for argument, kind, value in zip(source.args.args, kinds, function.args, strict=True):
            self.head.store(value, self.place(argument.arg, kind))

    def translate(self) -> None:
        """Write the function."""
        first = self.b.block
        self.block(self.source.body)
        if not self.b.block.is_terminated:
            self.b.ret(ZERO)
        self.head.branch(first)

    def place(self, name: str, kind: Kind) -> Any:
        """Where a variable lives."""
        known = self.kinds.get(name)
        if known is None:
            self.kinds[name] = kind
            self.places[name] = self.head.alloca(type_of(kind), name=name)
        elif known != kind:
            raise Untranslatable(f"{self.source.name}: `{name}` is {known} and {kind}")
        return self.places[name]

    # -- statements ----------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Statements in order; what follows a jump is never reached."""
        for statement in statements:
            if self.b.block.is_terminated:
                return
            getattr(self, f"do_{type(statement).__name__.lower()}", self.unknown)(statement)

    def unknown(self, node: ast.AST) -> Any:
        """There is no machine code for this."""
        raise Untranslatable(f"{self.source.name}: {ast.unparse(node)}")

    def do_expr(self, node: ast.Expr) -> None:
        """A call; docstrings are passed over."""
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def do_pass(self, _: ast.Pass) -> None:
        """Nothing."""

    def do_return(self, node: ast.Return) -> None:
        """Functions without a value return 0."""
        self.b.ret(ZERO if node.value is None else self.value(node.value))

    def do_assign(self, node: ast.Assign) -> None:
        """A variable, an element, or several of them from a tuple or a table."""
        target, value = node.targets[0], node.value
        if not isinstance(target, ast.Tuple):
            self.assign(target, value)
        elif isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=True):
                self.assign(one, other)
        else:
            for number, one in enumerate(target.elts):
                self.assign(one, ast.Subscript(value, ast.Constant(number), ast.Load()))

    def do_annassign(self, node: ast.AnnAssign) -> None:
        """The same; annotations are for the reader."""
        if node.value is not None:
            self.assign(node.target, node.value)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        """Store a value."""
        found, kind = self.any(value)
        if isinstance(target, ast.Name):
            self.b.store(found, self.place(target.id, kind))
        elif isinstance(target, ast.Subscript):
            self.b.store(self.narrowed(found, target), self.element(target))
        else:
            self.unknown(target)

    def narrowed(self, value: Any, target: ast.Subscript) -> Any:
        """A value as wide as the elements of a sequence."""
        _, kind = self.any(target.value)
        return value if kind[1][0] == 64 else self.b.trunc(value, ir.IntType(kind[1][0]))

    def do_augassign(self, node: ast.AugAssign) -> None:
        """``+=`` and the like."""
        load = ast.parse(ast.unparse(node.target), mode="eval").body
        self.assign(node.target, ast.BinOp(load, node.op, node.value))

    def do_if(self, node: ast.If) -> None:
        """Both branches, and where they meet."""
        test = self.truth(node.test)
        yes = self.function.append_basic_block("yes")
        no = self.function.append_basic_block("no")
        after = self.function.append_basic_block("after")
        self.b.cbranch(test, yes, no)
        for block, statements in ((yes, node.body), (no, node.orelse)):
            self.b.position_at_end(block)
            self.block(statements)
            if not self.b.block.is_terminated:
                self.b.branch(after)
        self.b.position_at_end(after)
        if not after.is_terminated and all_leave(node.body) and all_leave(node.orelse):
            self.b.unreachable()

    def do_while(self, node: ast.While) -> None:
        """A loop with its test at the top."""
        test = self.function.append_basic_block("test")
        body = self.function.append_basic_block("loop")
        after = self.function.append_basic_block("done")
        self.b.branch(test)
        self.b.position_at_end(test)
        self.b.cbranch(self.truth(node.test), body, after)
        self.run(body, node.body, test, after)
        self.b.position_at_end(after)

    def run(self, body: Any, statements: Sequence[ast.stmt], again: Any, after: Any) -> None:
        """The body of a loop."""
        self.loops.append((again, after))
        self.b.position_at_end(body)
        self.block(statements)
        if not self.b.block.is_terminated:
            self.b.branch(again)
        self.loops.pop()

    def do_for(self, node: ast.For) -> None:
        """A loop over a range; its step, if there is one, is a constant."""
        if not (isinstance(node.iter, ast.Call) and isinstance(node.target, ast.Name)):
            self.unknown(node)
            return
        values = [self.value(each) for each in node.iter.args]
        start, stop = (ZERO, values[0]) if len(values) == 1 else values[:2]
        step = values[2] if len(values) == 3 else ir.Constant(I64, 1)
        counter = self.head.alloca(I64)
        self.b.store(start, counter)
        names = ("test", "loop", "next", "done")
        test, body, again, after = (self.function.append_basic_block(name) for name in names)
        self.b.branch(test)
        self.b.position_at_end(test)
        at = self.b.load(counter)
        sign = "<" if int(step.constant) > 0 else ">"
        self.b.cbranch(self.b.icmp_signed(sign, at, stop), body, after)
        self.b.position_at_end(body)
        self.b.store(at, self.place(node.target.id, INT))
        self.run(body, node.body, again, after)
        self.b.position_at_end(again)
        self.b.store(self.b.add(self.b.load(counter), step), counter)
        self.b.branch(test)
        self.b.position_at_end(after)

    def do_break(self, _: ast.Break) -> None:
        """Leave the loop."""
        self.b.branch(self.loops[-1][1])

    def do_continue(self, _: ast.Continue) -> None:
        """Go on with the loop."""
        self.b.branch(self.loops[-1][0])

    # -- expressions ---------------------------------------------------------------------------

    def any(self, node: ast.expr) -> tuple[Any, Kind]:
        """A value of any kind."""
        if isinstance(node, ast.Name):
            return self.name(node)
        if isinstance(node, ast.Subscript):
            return self.subscript(node)
        if isinstance(node, ast.IfExp):
            return self.choice(node)
        found = getattr(self, f"of_{type(node).__name__.lower()}", self.unknown)(node)
        return found, INT

    def value(self, node: ast.expr) -> Any:
        """A number."""
        found, kind = self.any(node)
        if kind != INT:
            self.unknown(node)
        return found

    def truth(self, node: ast.expr) -> Any:
        """Whether a number is not 0, as one bit."""
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In):
            return self.truth(one_of(node))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self.compared(
                self.value(node.left), node.ops[0], self.value(node.comparators[0])
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.b.not_(self.truth(node.operand))
        return self.b.icmp_signed("!=", self.value(node), ZERO)

    def name(self, node: ast.Name) -> tuple[Any, Kind]:
        """A variable, a constant, or a constant tuple."""
        if node.id in self.kinds:
            return self.b.load(self.places[node.id]), self.kinds[node.id]
        if node.id in self.module.numbers:
            return ir.Constant(I64, self.module.numbers[node.id]), INT
        found = self.module.rows.get(node.id)
        if found is None:
            raise Untranslatable(f"{self.source.name}: no value for `{node.id}`")
        length = len(found.initializer.constant)
        return self.b.bitcast(found, I64.as_pointer()), ("row", (64, length))

    def subscript(self, node: ast.Subscript) -> tuple[Any, Kind]:
        """An element, a sequence of a table, or the rest of a sequence from a place on."""
        found, kind = self.any(node.value)
        if kind[0] == "table":
            return self.member(found, kind, node)
        if isinstance(node.slice, ast.Slice):
            low = ZERO if node.slice.lower is None else self.value(node.slice.lower)
            return self.b.gep(found, [low]), kind
        element = self.b.load(self.b.gep(found, [self.value(node.slice)]))
        return (element if kind[1][0] == 64 else self.b.sext(element, I64)), INT

    def member(self, found: Any, kind: Kind, node: ast.Subscript) -> tuple[Any, Kind]:
        """A sequence of a table: its address stands there as a number."""
        number: Any = self.value(node.slice)
        place = int(number.constant)
        address = self.b.load(self.b.gep(found, [number]))
        one = row(kind[1][place])
        return self.b.inttoptr(address, type_of(one)), one

    def element(self, node: ast.Subscript) -> Any:
        """Where an element stands."""
        found, kind = self.any(node.value)
        if kind[0] != "row":
            self.unknown(node)
        return self.b.gep(found, [self.value(node.slice)])

    def choice(self, node: ast.IfExp) -> tuple[Any, Kind]:
        """One of two values; only that one is computed."""
        test = self.truth(node.test)
        blocks = [self.function.append_basic_block(word) for word in ("one", "other", "both")]
        self.b.cbranch(test, blocks[0], blocks[1])
        found = []
        for block, each in zip(blocks, (node.body, node.orelse), strict=False):
            self.b.position_at_end(block)
            value, kind = self.any(each)
            found.append((value, self.b.block))
            self.b.branch(blocks[2])
        self.b.position_at_end(blocks[2])
        phi = self.b.phi(type_of(kind))
        for value, block in found:
            phi.add_incoming(value, block)
        return phi, kind

    def of_constant(self, node: ast.Constant) -> Any:
        """A number, or True and False as 1 and 0."""
        if not isinstance(node.value, int):
            self.unknown(node)
        return ir.Constant(I64, int(node.value))  # type: ignore[arg-type]

    def of_unaryop(self, node: ast.UnaryOp) -> Any:
        """Minus and not."""
        if isinstance(node.op, ast.USub):
            operand = self.value(node.operand)
            if isinstance(operand, ir.Constant):
                return ir.Constant(I64, -operand.constant)
            return self.b.neg(operand)
        if isinstance(node.op, ast.Not):
            return self.b.zext(self.truth(node), I64)
        return self.unknown(node)

    def of_binop(self, node: ast.BinOp) -> Any:
        """Arithmetic, wrapping; division rounds down, as Python's does."""
        left, right = self.value(node.left), self.value(node.right)
        simple: dict[type, Callable[[Any, Any], Any]] = {
            ast.Add: self.b.add, ast.Sub: self.b.sub, ast.Mult: self.b.mul,
            ast.BitAnd: self.b.and_, ast.BitOr: self.b.or_, ast.BitXor: self.b.xor,
            ast.LShift: self.b.shl, ast.RShift: self.b.ashr,
        }  # fmt: skip
        write = simple.get(type(node.op))
        if write is not None:
            return write(left, right)
        if isinstance(node.op, ast.FloorDiv):
            return self.divided(left, right)
        if isinstance(node.op, ast.Mod):
            return self.b.sub(left, self.b.mul(self.divided(left, right), right))
        return self.unknown(node)

    def divided(self, left: Any, right: Any) -> Any:
        """The quotient, rounded down."""
        b = self.b
        quotient, rest = b.sdiv(left, right), b.srem(left, right)
        inexact = b.icmp_signed("!=", rest, ZERO)
        apart = b.icmp_signed("<", b.xor(rest, right), ZERO)
        return b.sub(quotient, b.zext(b.and_(inexact, apart), I64))

    def compared(self, left: Any, op: ast.cmpop, right: Any) -> Any:
        """A comparison, as one bit."""
        words: dict[type, str] = {
            ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
        }  # fmt: skip
        return self.b.icmp_signed(words[type(op)], left, right)

    def of_compare(self, node: ast.Compare) -> Any:
        """One comparison, or several in a row."""
        if len(node.ops) > 1:
            pairs = zip([node.left, *node.comparators], node.ops, node.comparators, strict=False)
            tests: list[ast.expr] = [ast.Compare(a, [op], [c]) for a, op, c in pairs]
            return self.of_boolop(ast.BoolOp(ast.And(), tests))
        return self.b.zext(self.truth(node), I64)

    def of_boolop(self, node: ast.BoolOp) -> Any:
        """``and`` and ``or``: the later operand is computed only where it is needed."""
        stop = isinstance(node.op, ast.Or)
        after = self.function.append_basic_block("decided")
        found = []
        for number, each in enumerate(node.values):
            value = self.value(each)
            found.append((value, self.b.block))
            if number == len(node.values) - 1:
                self.b.branch(after)
                continue
            going = self.function.append_basic_block("going")
            test = self.b.icmp_signed("!=", value, ZERO)
            self.b.cbranch(test, *((after, going) if stop else (going, after)))
            self.b.position_at_end(going)
        self.b.position_at_end(after)
        phi = self.b.phi(I64)
        for value, block in found:
            phi.add_incoming(value, block)
        return phi

    def of_call(self, node: ast.Call) -> Any:
        """One of our functions, or min, max, abs, int, bool."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("min", "max"):
            return self.extreme("<" if name == "min" else ">", node.args)
        if name == "int":
            return self.value(node.args[0])
        if name == "len":
            return self.length(node.args[0])
        if name == "soon":
            return self.prefetch(node.args[0])
        if name == "bool":
            return self.b.zext(self.truth(node.args[0]), I64)
        if name == "abs":
            value = self.value(node.args[0])
            return self.b.select(self.b.icmp_signed("<", value, ZERO), self.b.neg(value), value)
        pairs = [self.any(each) for each in node.args]
        function = self.module.function(name, tuple(kind for _, kind in pairs))
        return self.b.call(function, [value for value, _ in pairs])

    def length(self, node: ast.expr) -> Any:
        """How many elements a constant tuple has; other sequences do not know."""
        _, kind = self.any(node)
        return ir.Constant(I64, kind[1][1]) if len(kind[1]) > 1 else self.unknown(node)

    def prefetch(self, node: ast.expr) -> Any:
        """An element will be wanted: memory may bring it along."""
        if not isinstance(node, ast.Subscript):
            return self.unknown(node)
        i32, where = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [where, i32, i32, i32])
        found = self.module.ir.globals.get("llvm.prefetch.p0") or ir.Function(
            self.module.ir, kind, "llvm.prefetch.p0"
        )
        given = [ir.Constant(i32, number) for number in (0, 3, 1)]
        self.b.call(found, [self.b.bitcast(self.element(node), where), *given])
        return ZERO

    def extreme(self, sign: str, nodes: Sequence[ast.expr]) -> Any:
        """The least or the largest; of equal ones the first."""
        found = self.value(nodes[0])
        for each in nodes[1:]:
            other = self.value(each)
            found = self.b.select(self.b.icmp_signed(sign, other, found), other, found)
        return found


def one_of(node: ast.Compare) -> ast.expr:
    """``x in (a, b)`` as comparisons. ``x`` is a name or an element, so it may be read twice."""
    choices = node.comparators[0]
    assert isinstance(choices, ast.Tuple)
    return ast.BoolOp(
        ast.Or(), [ast.Compare(node.left, [ast.Eq()], [each]) for each in choices.elts]
    )


def all_leave(statements: Sequence[ast.stmt]) -> bool:
    """Whether the end of some statements is never reached."""
    if not statements:
        return False
    last = statements[-1]
    if isinstance(last, (ast.Return, ast.Break, ast.Continue)):
        return True
    return isinstance(last, ast.If) and all_leave(last.body) and all_leave(last.orelse)

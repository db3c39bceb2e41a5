"""Expressions: what is accepted, what is refused and how, and that all engines agree.

The oracle is the CEL library's own evaluator: for random expressions over random values it, the
interpreter and the emitted source must give the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cel_expr_python import cel
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from laurels.base.money import parse_decimal
from laurels.program.expr import (
    COUNT,
    MONEY,
    AllOf,
    Atom,
    Condition,
    Const,
    Expression,
    ExpressionError,
    Name,
    NameInfo,
    Predicate,
    Scope,
    Seen,
    Strings,
    atoms,
    bounds,
    compile_expression,
    div_trunc,
    emit,
    interpret,
    points_dim,
    rem_trunc,
    render,
    walk,
)
from laurels.program.expr.cel import FUNCTIONS

LEVELS = ("c1", "c2", "c3")
SCOPE = Scope(
    names={
        "event.amount": NameInfo("int", MONEY),
        "event.method": NameInfo("string", values=("qr", "smartphone", "cash")),
        "event.partner": NameInfo("string"),
        "event.package": NameInfo("string"),
        "event.ecosystem": NameInfo("string"),
        "event.occurred_at": NameInfo("instant"),
        "metrics.spend": NameInfo("int", MONEY),
        "metrics.visits": NameInfo("int", COUNT),
        "level.category": NameInfo("string", values=LEVELS, ordered=True),
        "held.deposit": NameInfo("bool"),
        "held.loan": NameInfo("bool"),
        "balance.bonus": NameInfo("int", points_dim("bonus")),
        "balance.fine": NameInfo("int", points_dim("fine")),
        "local.weekday": NameInfo("int", "weekday"),
        "local.day": NameInfo("int", "day"),
        "local.month": NameInfo("int", "month"),
        "local.hour": NameInfo("int", "hour"),
        "local.minute": NameInfo("int", "minute"),
    },
    currency="KZT",
    exponent=2,
    units={"bonus": 0, "fine": 2},
)
CORPUS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("expressions.yaml").read_text(encoding="utf-8")
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def condition(text: str) -> Expression:
    return compile_expression(text, SCOPE, "bool")


def number(text: str) -> Expression:
    return compile_expression(text, SCOPE, "int")


def refusal(text: str, want: Any = "bool") -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, SCOPE, want)
    return caught.value


# --- the corpus -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CORPUS["accepted"], ids=lambda case: case["text"])
def test_corpus_accepts(case):
    expression = compile_expression(case["text"], SCOPE, case["want"])
    assert expression.ir.type == case["want"]
    assert expression.names <= SCOPE.names.keys()


@pytest.mark.parametrize("case", CORPUS["refused"], ids=lambda case: case["text"])
def test_corpus_refuses(case):
    error = refusal(case["text"], case.get("want", "bool"))
    assert error.code == case["code"], error
    assert f"{error.line}:{error.column}" == case["at"], error
    assert case["says"] in error.message, error
    assert case.get("hint", "") in error.hint, error


@pytest.mark.parametrize("case", CORPUS["accepted"], ids=lambda case: case["text"])
def test_text_of_a_tree_compiles_to_the_same_tree(case):
    ir = compile_expression(case["text"], SCOPE, case["want"]).ir
    assert compile_expression(render(ir), SCOPE, case["want"]).ir == ir


def test_all_problems_are_collected_in_the_order_of_the_text():
    error = refusal("event.amount > 300 && event.method == 'pos' && event.method.matches('x')")
    assert [each.code for each in error.problems] == [
        "expression-dimension",
        "expression-unknown-value",
        "expression-not-allowed",
    ]
    error = refusal("a == 1 &&\n b == 2 && event.amount == 'x'")
    assert [(each.line, each.column) for each in error.problems] == [(1, 1), (2, 2), (2, 25)]


@pytest.mark.parametrize("text", ["\ud800", None, "x" * 20_000, "\x00", "bad('\x00')", "1" * 5000])
def test_what_is_no_expression_at_all_is_refused(text):
    assert refusal(text).problems


def test_a_scope_refuses_what_cannot_be_named():
    for names in (
        {"a-b": NameInfo("int")},
        {"event.in": NameInfo("int")},
        {"a": NameInfo("int", "bananas")},
        {"a": NameInfo("string", MONEY)},
        {"a": NameInfo("int", values=("x",))},
        {"a": NameInfo("string", ordered=True)},
    ):
        with pytest.raises(ValueError):
            Scope(names=names)


# --- lowering ---------------------------------------------------------------------------------


def test_constants_become_integers_of_the_smallest_unit():
    for text, value, dim in (
        ("money('300')", 30000, MONEY),
        ("-money('0.05')", -5, MONEY),
        ("points('fine', '1.5')", 150, "points:fine"),
        ("2 * money('1') + money('0.50')", 250, MONEY),
        ("money('10') / money('3')", 3, "plain"),
        ("-7 / 2", -3, "plain"),
        ("-7 % 2", -1, "plain"),
    ):
        ir = number(text).ir
        assert (ir.value, ir.dim) == (value, dim), text
    instant = condition("event.occurred_at < timestamp('2025-03-01T05:00:00.000001+05:00')").ir
    assert instant.args[1].value == 1_740_787_200_000_001


def test_comparing_with_true_leaves_the_condition():
    assert condition("held.deposit == true").ir == condition("held.deposit").ir
    assert condition("false == held.deposit").ir == condition("!held.deposit").ir
    assert condition("held.deposit != true").ir == condition("!held.deposit").ir


def test_names_are_those_that_are_read():
    assert condition("held.loan || at_least(level.category, 'c1')").names == {
        "held.loan",
        "level.category",
    }


# --- strings ----------------------------------------------------------------------------------


def test_codes_of_strings():
    strings = Strings()
    strings.add(condition("event.partner in ['b', 'a'] || event.partner == 'c'").ir)
    strings.add(condition("level.category == 'c3' || event.partner.startsWith('ERT-')").ir)
    assert strings.names == ("event.partner", "level.category")
    assert strings.codes("event.partner") == {"": 0, "a": 1, "b": 2, "c": 3}
    assert strings.encode("event.partner", "anything else") == 4
    assert strings.codes("level.category") == {"": 0, "c1": 1, "c2": 2, "c3": 3}
    assert strings.predicates == (Predicate("event.partner", "starts_with", "ERT-"),)
    with pytest.raises(ValueError):
        strings.encode("level.category", "c9")
    with pytest.raises(RuntimeError):
        strings.add(condition("held.deposit").ir)


class Slots:
    """Resolve over one list: what a compiler does with a row of a table."""

    def __init__(self, *expressions: Expression) -> None:
        self.strings = Strings()
        for each in expressions:
            self.strings.add(each.ir)
        self.names = sorted(SCOPE.names)
        self.all = [*self.names, *self.strings.predicates]

    def name(self, name: str) -> str:
        return f"ev[{self.names.index(name)}]"

    def code(self, name: str, value: str) -> str:
        return str(self.strings.codes(name)[value])

    def predicate(self, predicate: Predicate) -> str:
        return f"ev[{self.all.index(predicate)}]"

    def row(self, values: Mapping[str, int | bool | str]) -> list[int]:
        def cell(column: str | Predicate) -> int:
            if isinstance(column, Predicate):
                return int(column.holds(str(values[column.name])))
            value = values[column]
            if not isinstance(value, str):
                return int(value)
            return self.strings.encode(column, value) if column in self.strings.names else -1

        return [cell(column) for column in self.all]


def run_emitted(expression: Expression, values: Mapping[str, int | bool | str]) -> int | bool:
    slots = Slots(expression)
    kernel = {"div_trunc": div_trunc, "rem_trunc": rem_trunc, "min": min, "max": max}
    source = emit(expression.ir, slots)
    return eval(source, {"__builtins__": {}, **kernel, "ev": slots.row(values)})


VALUES: dict[str, int | bool | str] = {
    "event.amount": 25_000,
    "event.method": "qr",
    "event.partner": "ERT-1",
    "event.package": "",
    "event.ecosystem": "",
    "event.occurred_at": 1_740_787_200_000_000,
    "metrics.spend": 0,
    "metrics.visits": 9,
    "level.category": "c2",
    "held.deposit": True,
    "held.loan": False,
    "balance.bonus": 10,
    "balance.fine": 25,
    "local.weekday": 6,
    "local.day": 1,
    "local.month": 3,
    "local.hour": 5,
    "local.minute": 0,
}


def test_emitted_source_is_readable_and_has_only_integers():
    expression = condition(
        "event.method in ['qr', 'smartphone'] && event.amount >= money('300')"
        " && !event.partner.startsWith('ERT-') && at_least(level.category, 'c2')"
    )
    names = {"event.method": "METHOD", "event.amount": "AMOUNT", "level.category": "CATEGORY"}

    class Words(Slots):
        def name(self, name: str) -> str:
            return f"ev[{names[name]}]"

        def predicate(self, predicate: Predicate) -> str:
            return "ev[P_1]"

    assert emit(expression.ir, Words(expression)) == (
        "(((ev[METHOD] == 1) or (ev[METHOD] == 2)) and (ev[AMOUNT] >= 30000)"
        " and (not (ev[P_1] != 0)) and (ev[CATEGORY] >= 2))"
    )


def test_emitted_source_compiles_in_numba():
    numba = pytest.importorskip("numba")
    numpy = pytest.importorskip("numpy")
    expressions = [
        compile_expression(case["text"], SCOPE, case["want"]) for case in CORPUS["accepted"]
    ]
    slots = Slots(*expressions)
    lines = [f"    out[{i}] = {emit(each.ir, slots)}" for i, each in enumerate(expressions)]
    names = {"div_trunc": numba.njit(div_trunc), "rem_trunc": numba.njit(rem_trunc)}
    exec("def step(ev, out):\n" + "\n".join(lines), names)
    out = numpy.zeros(len(expressions), numpy.int64)
    numba.njit(names["step"])(numpy.array(slots.row(VALUES), numpy.int64), out)
    assert out.tolist() == [int(interpret(each.ir, VALUES)) for each in expressions]


# --- interpreting, tracing, splitting ---------------------------------------------------------


def test_trace_sees_every_atom():
    trace: list[Seen] = []
    text = "held.loan && (event.amount >= money('300') || metrics.visits >= 3)"
    assert interpret(condition(text).ir, VALUES, trace) is False
    assert [(each.text, each.values, each.held) for each in trace] == [
        ("held.loan", (("held.loan", False),), False),
        ("event.amount >= money('300.00')", (("event.amount", 25_000),), False),
        ("metrics.visits >= 3", (("metrics.visits", 9),), True),
    ]


def test_interpreting_refuses_values_of_another_type():
    for name, value in (("event.amount", True), ("held.deposit", 1), ("event.method", 3)):
        text = {"held.deposit": "held.deposit", "event.method": "event.method == 'qr'"}
        with pytest.raises(TypeError):
            interpret(condition(text.get(name, f"{name} > 0")).ir, VALUES | {name: value})
    with pytest.raises(OverflowError):
        interpret(number("event.amount * 2").ir, {"event.amount": 2**62})


def test_atoms_carry_negation_down():
    split = atoms(condition("!(held.loan || event.amount < money('3')) && metrics.visits > 1").ir)
    assert isinstance(split, AllOf)
    inner, visits = split.parts
    assert isinstance(inner, AllOf)
    loan, amount = inner.parts
    assert loan == Atom(Name("held.loan", "bool"), negated=True)
    assert isinstance(amount, Atom)
    assert render(amount.node) == "event.amount >= money('3.00')"
    assert isinstance(visits, Atom)


# --- bounds -----------------------------------------------------------------------------------


def test_bounds_prove_or_refuse():
    ir = number("event.amount * 3 / 100 - money('5')").ir
    assert bounds(ir, {"event.amount": (0, 10**12)}) == (-500, 3 * 10**10 - 500)
    with pytest.raises(ExpressionError) as caught:
        bounds(ir, {}, "event.amount * 3 / 100 - money('5')")
    assert (caught.value.code, caught.value.column) == ("expression-overflow", 14)
    assert bounds(number("local.hour * 60 + local.minute").ir, {}) == (0, 23 * 60 + 59)
    assert bounds(number("-7 % 3 + metrics.visits % 10").ir, {}) == (-10, 8)


# --- random expressions -----------------------------------------------------------------------

RANGES = {
    "event.amount": (0, 10**9),
    "event.occurred_at": (0, 2**50),
    "metrics.spend": (-(10**9), 10**9),
    "metrics.visits": (-100, 100),
    "balance.bonus": (0, 10**6),
    "balance.fine": (0, 10**6),
}
OPEN = ("event.partner", "event.ecosystem")
WORDS = ["a", "b", "ab", "ERT-1", "x'y", "\\", "\n", "ж", "😀"]


def values() -> st.SearchStrategy[dict[str, int | bool | str]]:
    calendar = {"weekday": (1, 7), "day": (1, 31), "month": (1, 12), "hour": (0, 23)}

    def of(name: str, info: NameInfo) -> st.SearchStrategy[Any]:
        if info.type == "bool":
            return st.booleans()
        if info.type == "string":
            return st.sampled_from(["", *(info.values or WORDS)])
        low, high = RANGES.get(name) or calendar.get(info.dim, (0, 59))
        near = [n for n in (low, 0, 1, 2, 3, 100, high) if low <= n <= high]
        return st.integers(low, high) | st.sampled_from(near)

    return st.fixed_dictionaries({name: of(name, info) for name, info in SCOPE.names.items()})


def quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


@st.composite
def ints(draw: Callable[..., Any], dim: str, depth: int) -> str:
    """Text of an int expression: dim is 'plain', 'money' or 'fine'."""
    leaves = {
        "plain": st.sampled_from(["metrics.visits", "local.day * 1"])
        | st.integers(-20, 20).map(str),
        "money": st.sampled_from(
            ["event.amount", "metrics.spend", "money('300.00')", "money('1')"]
        ),
        "fine": st.sampled_from(["balance.fine", "points('fine', '0.25')", "points('fine', '3')"]),
    }
    if depth == 0:
        return draw(leaves[dim])
    inner = ints(dim, depth - 1)
    match draw(st.integers(0, 8)):
        case 0 | 1:
            return draw(leaves[dim])
        case 2:
            return f"({draw(inner)} {draw(st.sampled_from('+-'))} {draw(inner)})"
        case 3:
            return f"{draw(st.sampled_from(['min', 'max']))}({draw(inner)}, {draw(inner)})"
        case 4:
            return f"({draw(conditions(depth - 1))} ? {draw(inner)} : {draw(inner)})"
        case 5:
            return f"-({draw(inner)})"
        case 6:
            divisor = draw(st.integers(-9, 9).filter(bool))
            return f"({draw(inner)} / ({divisor}))"
        case 7:
            divisor = {"plain": "7", "money": "money('0.30')", "fine": "points('fine', '0.07')"}
            sign = draw(st.sampled_from(["", "-"]))
            return f"({draw(inner)} % ({sign}{divisor[dim]}))"
    return f"({draw(ints('plain', depth - 1))} * {draw(inner)})"


@st.composite
def conditions(draw: Callable[..., Any], depth: int) -> str:
    """Text of a condition."""
    if depth == 0:
        return draw(st.sampled_from(["held.deposit", "held.loan", "true", "!held.loan"]))
    inner = conditions(depth - 1)
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2:
            dim = draw(st.sampled_from(["plain", "money", "fine"]))
            sign = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
            return f"({draw(ints(dim, depth - 1))} {sign} {draw(ints(dim, depth - 1))})"
        case 3 | 4:
            return (
                f"({draw(inner)} {draw(st.sampled_from(['&&', '||', '==', '!=']))} {draw(inner)})"
            )
        case 5:
            return f"!({draw(inner)})"
        case 6:
            return f"({draw(inner)} ? {draw(inner)} : {draw(inner)})"
        case 7:
            items = draw(st.lists(ints("plain", depth - 1), min_size=1, max_size=3))
            return f"({draw(ints('plain', depth - 1))} in [{', '.join(items)}])"
        case 8:
            moment = draw(st.sampled_from(["1970-01-01T00:00:00Z", "1999-12-31T23:59:59.5+05:00"]))
            return f"(event.occurred_at {draw(st.sampled_from(['<', '>=']))} timestamp('{moment}'))"
    return draw(string_tests())


@st.composite
def string_tests(draw: Callable[..., Any]) -> str:
    name = draw(st.sampled_from(["event.method", "level.category", *OPEN]))
    words = ["", *(SCOPE.names[name].values or WORDS)]
    word = quoted(draw(st.sampled_from(words)))
    match draw(st.integers(0, 4)):
        case 0:
            return f"({name} {draw(st.sampled_from(['==', '!=']))} {word})"
        case 1:
            return f"({word} == {name})"
        case 2:
            return f"({name} in [{word}, {quoted(draw(st.sampled_from(words)))}])"
        case 3:
            return f"at_least(level.category, '{draw(st.sampled_from(LEVELS))}')"
    member = draw(st.sampled_from(["startsWith", "endsWith", "contains"]))
    return f"{name}.{member}({word})"


def oracle_environment() -> cel.Env:
    """The library's evaluator with bodies for the functions that we declare."""
    ranks = {"": 0} | {level: i for i, level in enumerate(LEVELS, 1)}
    bodies: dict[str, Callable[..., Any]] = {
        "money": lambda text: parse_decimal(text, SCOPE.exponent),
        "points": lambda unit, text: parse_decimal(text, SCOPE.units[unit]),
        "at_least": lambda level, wanted: ranks[level] >= ranks[wanted],
        "min": min,
        "max": max,
    }
    types = {
        "int": cel.Type.INT,
        "bool": cel.Type.BOOL,
        "string": cel.Type.STRING,
        "instant": cel.Type.TIMESTAMP,
    }
    return cel.NewEnv(
        variables={name: types[info.type] for name, info in SCOPE.names.items()},
        functions=[
            cel.FunctionDecl(
                name,
                [cel.Overload(id, return_type=r, parameters=list(p), impl=bodies[name])],
            )
            for name, (id, r, p) in FUNCTIONS.items()
        ],
    )


ORACLE = oracle_environment()


def run_library(text: str, values: Mapping[str, int | bool | str]) -> int | bool:
    data = dict(values)
    data["event.occurred_at"] = EPOCH + timedelta(microseconds=int(values["event.occurred_at"]))
    result = ORACLE.compile(text).eval(data=data)
    assert result.type() != cel.Type.ERROR, (text, result.value())  # errors are values there
    return result.value()


def holds(split: Condition, values: Mapping[str, int | bool | str]) -> bool:
    if isinstance(split, Atom):
        return bool(interpret(split.node, values)) is not split.negated
    return (all if isinstance(split, AllOf) else any)(holds(part, values) for part in split.parts)


def compiled(text: str, want: Any) -> Expression:
    try:
        expression = compile_expression(text, SCOPE, want)
        bounds(expression.ir, RANGES)
    except ExpressionError as error:
        codes = {each.code for each in error.problems}
        assert codes == {"expression-overflow"}, error
        assume(False)
    return expression


SLOW = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(text=conditions(3), row=values())
def test_conditions_agree_with_the_library(text, row):
    expression = compiled(text, "bool")
    expected = run_library(text, row)
    assert interpret(expression.ir, row) is expected
    assert bool(run_emitted(expression, row)) is expected
    assert holds(atoms(expression.ir), row) is expected
    assert holds(atoms(expression.ir, negated=True), row) is not expected
    assert compile_expression(render(expression.ir), SCOPE, "bool").ir == expression.ir


@SLOW
@given(dim=st.sampled_from(["plain", "money", "fine"]), data=st.data(), row=values())
def test_numbers_agree_with_the_library_and_stay_in_their_bounds(dim, data, row):
    text = data.draw(ints(dim, 3))
    expression = compiled(text, "int")
    expected = run_library(text, row)
    assert interpret(expression.ir, row) == expected
    assert run_emitted(expression, row) == expected
    low, high = bounds(expression.ir, RANGES)
    assert low <= expected <= high
    assert compile_expression(render(expression.ir), SCOPE, "int").ir == expression.ir


# --- fuzzing ----------------------------------------------------------------------------------

TOKENS = [
    *SCOPE.names,
    *("event", "level", "foo", "int", "true", "null", "0", "1", "300", "1.5", "2u", "''", "'qr'"),
    *("money('3')", "points('bonus', '1')", "timestamp('2025-01-01T00:00:00Z')", "b'a'", "'\\x"),
    *("&&", "||", "!", "==", "!=", "<", ">=", "in", "+", "-", "*", "/", "%", "?", ":", ",", "."),
    *("(", ")", "[", "]", "{", "}", "has(", "min(", "at_least(", "dyn(", "size(", "\n", "//", "😀"),
    *(".startsWith('a')", ".matches('a')", ".exists(x, x)", ".map(x, x)", ".getHours()"),
]


def try_compile(text: str) -> None:
    for want in ("bool", "int"):
        try:
            expression = compile_expression(text, SCOPE, want)  # type: ignore[arg-type]
        except ExpressionError as error:
            for each in error.problems:
                assert 0 <= each.offset <= len(text)
                assert each.line >= 1
                assert each.column >= 1
                assert each.message
        else:
            strings = [n for n in walk(expression.ir) if isinstance(n, Const)]
            assert all(each.text for each in strings)
            emit(expression.ir, Slots(expression))


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_compiled_or_refused(text):
    try_compile(text)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=12), st.sampled_from(["", " "]))
def test_any_heap_of_tokens_is_compiled_or_refused(tokens, gap):
    try_compile(gap.join(tokens))

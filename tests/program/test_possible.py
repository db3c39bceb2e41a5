"""What is said to be impossible has no instance: every assignment over small sets is tried."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.program.expr import NameInfo, Scope, compile_expression, interpret
from laurels.program.possible import Known, implied, possible

NUMBERS = (0, 1, 2, 3)
TEXTS = ("", "ab", "ac", "b")
LEVELS = ("low", "mid", "top")
SCOPE = Scope(
    names={
        "metrics.n": NameInfo("int", "count"),
        "metrics.m": NameInfo("int", "count"),
        "event.t": NameInfo("string", values=TEXTS[1:]),
        "level.l": NameInfo("string", values=LEVELS, ordered=True),
        "held.h": NameInfo("bool"),
    }
)
KNOWN = Known(
    {"metrics.n": (0, 3), "metrics.m": (0, 3)}, {"event.t": frozenset(TEXTS)}
)  # fmt: skip
WORLDS = [
    {"metrics.n": n, "metrics.m": m, "event.t": t, "level.l": level, "held.h": h}
    for n, m, t, level, h in product(NUMBERS, NUMBERS, TEXTS, ("", *LEVELS), (False, True))
]
ATOMS = st.one_of(
    st.builds(
        "metrics.{} {} {}".format,
        st.sampled_from("nm"),
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.integers(-1, 4),
    ),
    st.builds(
        "metrics.n {} metrics.m {} {}".format,
        st.sampled_from("+-"),
        st.sampled_from(["==", "<", ">="]),
        st.integers(-4, 7),
    ),
    st.builds("metrics.n in {}".format, st.lists(st.integers(0, 4), min_size=1, max_size=3)),
    st.builds("event.t {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from(TEXTS)),
    st.sampled_from(["event.t in ['ab', 'b']", "event.t.startsWith('a')", "held.h",
                     "event.t.endsWith('b')", "at_least(level.l, 'mid')", "level.l == 'low'",
                     "level.l != ''", "event.t.contains('c')", "false", "(held.h ? true : false)",
                     "held.h == (metrics.n > 1)"]),
)  # fmt: skip
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=8,
)


def compiled(text: str):
    return compile_expression(text, SCOPE, "bool").ir


@settings(max_examples=200, deadline=None)
@given(CONDITIONS)
def test_the_impossible_has_no_instance(text: str) -> None:
    node = compiled(text)
    if not possible([node], KNOWN):
        assert not [world for world in WORLDS if interpret(node, world)]


@settings(max_examples=150, deadline=None)
@given(CONDITIONS, CONDITIONS)
def test_the_implied_always_follows(given_text: str, text: str) -> None:
    premise, conclusion = compiled(given_text), compiled(text)
    if implied(conclusion, [premise], KNOWN):
        assert not [w for w in WORLDS if interpret(premise, w) and not interpret(conclusion, w)]


@pytest.mark.parametrize(
    "text",
    [
        "metrics.n > 3",
        "metrics.n == 1 && metrics.n != 1",
        "metrics.n in [4, 5]",
        "metrics.n < 1 && metrics.n != 0",
        "event.t == 'ab' && !event.t.startsWith('a')",
        "event.t != 'ab' && event.t != 'ac' && event.t != 'b' && event.t != ''",
        "at_least(level.l, 'mid') && level.l == 'low'",
        "!at_least(level.l, 'low') && level.l != ''",
        "metrics.n + metrics.m > 6",
        "metrics.n > metrics.m && metrics.n <= metrics.m",
        "held.h && (metrics.n > 2 && !held.h || metrics.n > 4)",
    ],
)
def test_contradictions_are_seen(text: str) -> None:
    assert not possible([compiled(text)], KNOWN)


def test_a_long_condition_is_given_up_in_time() -> None:
    clause = " && ".join(f"(metrics.n == {i % 4} || metrics.m == {i % 3})" for i in range(150))
    assert possible([compiled(clause)], KNOWN) in (True, False)

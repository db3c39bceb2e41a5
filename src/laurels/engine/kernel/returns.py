"""Returns: what an event keeps of its grants once part of it has come back."""

from typing import Any

from laurels.engine.kernel.calendar import day_of, ends_after
from laurels.engine.kernel.layout import (
    AT_RETURNED,
    G_ACTIVE,
    G_EFFECT,
    G_END,
    G_FUNDER,
    G_GRANTED,
    G_KEPT,
    G_LINE,
    G_ROUNDING,
    G_UNIT,
    GRANT,
    LN_AMOUNT,
    LN_HEAP,
    LN_LEFT,
    LN_MARK,
    LN_REST,
    LN_SHARE,
    NEVER,
    RELEASED,
    RELEASES,
    TAKEN_BACK,
)
from laurels.engine.kernel.lots import credit_sum, draw, draw_own, lower_pending, owe
from laurels.engine.kernel.numbers import mul_div

type_ints = Any


def split(ln: type_ints, lines: int, width: int, column: int, points: int, total: int) -> None:
    """Split points over the marked lines in proportion to a column, by largest remainder.

    Shares go to LN_SHARE and add up to ``points``; what floors leave over goes, one step each, to
    the largest remainders, the earlier line first. ``total`` is the column's sum over the marked
    lines, above zero. A line is marked by LN_MARK = 1.
    """
    left = points
    size = 0
    for i in range(lines):
        k = i * width
        ln[k + LN_SHARE] = 0
        if ln[k + LN_MARK] == 1 and ln[k + column] > 0:
            share = mul_div(points, ln[k + column], total, 0)
            ln[k + LN_SHARE] = share
            # the remainder times total: both products may wrap, their difference does not
            ln[k + LN_REST] = points * ln[k + column] - share * total
            left -= share
            ln[size * width + LN_HEAP] = i
            size += 1
    if left == 0:
        return
    for start in range(size // 2 - 1, -1, -1):
        sink(ln, width, start, size)
    while left > 0:
        ln[ln[LN_HEAP] * width + LN_SHARE] += 1
        left -= 1
        size -= 1
        ln[LN_HEAP] = ln[size * width + LN_HEAP]
        sink(ln, width, 0, size)


def sink(ln: type_ints, width: int, at: int, size: int) -> None:
    """Let an entry of the heap sink to its place: larger remainders above, earlier lines first."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and outranks(
            ln, width, ln[(child + 1) * width + LN_HEAP], ln[child * width + LN_HEAP]
        ):
            child += 1
        line = ln[at * width + LN_HEAP]
        below = ln[child * width + LN_HEAP]
        if not outranks(ln, width, below, line):
            return
        ln[at * width + LN_HEAP] = below
        ln[child * width + LN_HEAP] = line
        at = child


def outranks(ln: type_ints, width: int, one: int, other: int) -> bool:
    """Whether a line gets a leftover step before another."""
    rest = ln[one * width + LN_REST]
    against = ln[other * width + LN_REST]
    found: bool = rest > against or (rest == against and one < other)
    return found


def take_off(ln: type_ints, lines: int, width: int, line: int, amount: int) -> int:
    """Lower what is left of a line, or of all lines in proportion; returns what was taken off.

    A return above what is left is cut to it (vocabulary 3).
    """
    for i in range(lines):
        ln[i * width + LN_SHARE] = 0
    if line >= 0:
        k = line * width
        cut: int = min(amount, ln[k + LN_LEFT])
        ln[k + LN_LEFT] -= cut
        ln[k + LN_SHARE] = cut
        return cut
    total = 0
    for i in range(lines):
        total += ln[i * width + LN_LEFT]
        ln[i * width + LN_MARK] = 1
    cut = min(amount, total)
    if cut <= 0:
        return 0
    split(ln, lines, width, LN_LEFT, cut, total)
    for i in range(lines):
        k = i * width
        ln[k + LN_LEFT] -= ln[k + LN_SHARE]
    return cut


def take_back(
    s: type_ints,
    la: type_ints,
    lp: type_ints,
    g: type_ints,
    ln: type_ints,
    out: type_ints,
    cal: Any,
    cap: int,
    grants: int,
    lines: int,
    width: int,
    everything: int,
    debt_allowed: type_ints,
    terms: type_ints,
    at: int,
) -> None:
    """Take back from an event what its grants no longer deserve.

    Each grant keeps ``granted x remaining / original`` in its rule's own rounding; under the
    policy ``full`` (``everything``) it keeps nothing. A pending grant is lowered; a lot that has
    expired gives nothing back; otherwise the lot that the event made gives first, then the other
    lots in leaving order, and the rest becomes debt.
    """
    original = 0
    remaining = 0
    for i in range(lines):
        original += ln[i * width + LN_AMOUNT]
        remaining += ln[i * width + LN_LEFT]
    for j in range(grants):
        k = j * GRANT
        line = g[k + G_LINE]
        amount = original
        left = remaining
        if line >= 0:
            amount = ln[line * width + LN_AMOUNT]
            left = ln[line * width + LN_LEFT]
        kept = 0
        if everything == 0 and amount > 0:
            kept = mul_div(g[k + G_GRANTED], left, amount, g[k + G_ROUNDING])
        elif everything == 1 and remaining == original:
            kept = g[k + G_KEPT]
        back = g[k + G_KEPT] - kept
        if back <= 0:
            continue
        g[k + G_KEPT] = kept
        take_grant(s, la, lp, g, out, cal, cap, k, back, debt_allowed, terms, at)


def take_grant(
    s: type_ints,
    la: type_ints,
    lp: type_ints,
    g: type_ints,
    out: type_ints,
    cal: Any,
    cap: int,
    k: int,
    back: int,
    debt_allowed: type_ints,
    terms: type_ints,
    at: int,
) -> None:
    """Take ``back`` points of one grant from where they are now."""
    u = g[k + G_UNIT]
    rule = g[k + G_EFFECT]
    line = g[k + G_LINE]
    end = g[k + G_END]
    active = g[k + G_ACTIVE]
    funder = g[k + G_FUNDER]
    epoch = s[RELEASES]
    if active == NEVER:
        epoch = (-1 - end) // (len(terms) // 2)
    if active > at and epoch == s[RELEASES]:
        lower_pending(
            s, lp, out, u, cap, back, active, end, funder, TAKEN_BACK, AT_RETURNED, rule, at, line
        )
        return
    if active == NEVER:
        # released since: the term began then. Of releases before the last, the instant is not
        # kept, and the points are taken in leaving order.
        term = (-1 - end) % (len(terms) // 2)
        since = s[RELEASED]
        end = NEVER
        funder = -1
        if epoch == s[RELEASES] - 1:
            funder = g[k + G_FUNDER]
            day = day_of(cal, since)
            end = ends_after(cal, since, day, terms[term * 2], terms[term * 2 + 1])
    if end <= at:
        return
    credit_sum(s, u, -back, at)
    rest = draw_own(s, la, out, u, cap, back, end, funder, TAKEN_BACK, AT_RETURNED, rule, at, line)
    rest = draw(s, la, out, u, cap, rest, TAKEN_BACK, AT_RETURNED, rule, at, line)
    owe(s, out, u, rest, debt_allowed[u], AT_RETURNED, rule, at)

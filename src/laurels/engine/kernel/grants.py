"""Grants: what a rule gave for an event, and the record by which a return finds it again."""

from typing import Any

from laurels.engine.kernel.calendar import day_of, ends_after
from laurels.engine.kernel.layout import (
    ACTIVATED,
    AT_ACTIVE,
    AT_PENDING,
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
    HEAD,
    LN_AMOUNT,
    LN_MARK,
    LN_SHARE,
    NEVER,
    O_GRANTS,
    P_ACTIVE,
    P_END,
    P_FUNDER,
    P_POINTS,
    PENDING_LOT,
    RELEASED,
    U_PENDING,
    U_PHEAD,
    U_PTAIL,
    UNIT,
)
from laurels.engine.kernel.lots import credit_sum, earn_active, earn_pending, open_active, post
from laurels.engine.kernel.returns import split

type_ints = Any


def mark_all(ln: type_ints, lines: int, width: int) -> int:
    """Mark every line; returns the sum of their amounts."""
    total = 0
    for i in range(lines):
        ln[i * width + LN_MARK] = 1
        total += ln[i * width + LN_AMOUNT]
    return total


def note(
    g: type_ints,
    out: type_ints,
    effect: int,
    unit: int,
    points: int,
    active: int,
    end: int,
    funder: int,
    line: int,
    rounding: int,
) -> None:
    """Write down a grant for a later return."""
    k = out[O_GRANTS] * GRANT
    out[O_GRANTS] += 1
    g[k + G_EFFECT] = effect
    g[k + G_UNIT] = unit
    g[k + G_GRANTED] = points
    g[k + G_KEPT] = points
    g[k + G_ACTIVE] = active
    g[k + G_END] = end
    g[k + G_FUNDER] = funder
    g[k + G_LINE] = line
    g[k + G_ROUNDING] = rounding


def grant(
    s: type_ints,
    la: type_ints,
    lp: type_ints,
    ln: type_ints,
    g: type_ints,
    out: type_ints,
    cap: int,
    effect: int,
    unit: int,
    points: int,
    active: int,
    end: int,
    funder: int,
    rounding: int,
    at: int,
    lines: int,
    width: int,
    covered: int,
) -> None:
    """Issue what an effect gave and note it, split over the marked lines where there are several.

    ``covered`` is the sum of the amounts of the marked lines.
    """
    if active <= at:
        earn_active(s, la, out, unit, cap, points, end, funder, effect, at)
    else:
        earn_pending(s, lp, out, unit, cap, points, active, end, funder, effect, at)
    if lines < 2 or covered <= 0:
        note(g, out, effect, unit, points, active, end, funder, -1, rounding)
    else:
        split(ln, lines, width, LN_AMOUNT, points, covered)
        note_lines(ln, g, out, effect, unit, active, end, funder, rounding, lines, width)


def note_lines(
    ln: type_ints,
    g: type_ints,
    out: type_ints,
    effect: int,
    unit: int,
    active: int,
    end: int,
    funder: int,
    rounding: int,
    lines: int,
    width: int,
) -> None:
    """Write down each line's share of a grant."""
    for i in range(lines):
        share = ln[i * width + LN_SHARE]
        if share > 0:
            note(g, out, effect, unit, share, active, end, funder, i, rounding)


def release(
    s: type_ints,
    la: type_ints,
    lp: type_ints,
    out: type_ints,
    cal: Any,
    terms: type_ints,
    u: int,
    cap: int,
    at: int,
) -> int:
    """Activate what was earned before membership and waited for it; terms begin now.

    Such lots have no activation yet (NEVER) and stand last; their end holds the term's number
    and how many releases were before. Returns 1 when there were any.
    """
    b = HEAD + u * UNIT
    base = u * cap * PENDING_LOT
    if s[b + U_PTAIL] == s[b + U_PHEAD]:
        return 0
    if lp[base + (s[b + U_PTAIL] - 1) * PENDING_LOT + P_ACTIVE] != NEVER:
        return 0
    s[RELEASED] = at
    day = day_of(cal, at)
    first = s[b + U_PTAIL]
    while first > s[b + U_PHEAD] and lp[base + (first - 1) * PENDING_LOT + P_ACTIVE] == NEVER:
        first -= 1
    for i in range(first, s[b + U_PTAIL]):
        k = base + i * PENDING_LOT
        points = lp[k + P_POINTS]
        if points > 0:
            term = (-1 - lp[k + P_END]) % (len(terms) // 2)
            end = ends_after(cal, at, day, terms[term * 2], terms[term * 2 + 1])
            funder = lp[k + P_FUNDER]
            s[b + U_PENDING] -= points
            lp[k + P_POINTS] = 0
            post(out, ACTIVATED, u, points, AT_PENDING, AT_ACTIVE, -1, end, at, funder, at, -1)
            credit_sum(s, u, points, at)
            open_active(s, la, out, u, cap, end, funder, points, at)
    s[b + U_PTAIL] = first
    return 1

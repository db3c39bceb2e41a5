"""Opening balances: what a member had elsewhere takes the place of what the fold has found.

A sealed event says all that a member has of points and levels, a line for each lot, debt, level
and count. Points that the fold has come to leave to ``program:adjusted``, those of the lines come
in from there; so the books of both systems meet in one account, and sum to zero.
"""

from typing import Any

from laurels.engine.kernel.layout import (
    ADJUSTED,
    AT_ACTIVE,
    AT_ADJUSTED,
    AT_DEBT,
    AT_PENDING,
    DEBT_PAID,
    HEAD,
    IN_DEBT,
    NEVER,
    P_ACTIVE,
    P_END,
    P_FUNDER,
    P_POINTS,
    PENDING_LOT,
    S_ACTIVE,
    S_COUNT,
    S_DEBT,
    S_END,
    S_FUNDER,
    S_LOT,
    S_OF,
    S_POINTS,
    S_WHAT,
    U_ACTIVE,
    U_DEBT,
    U_PENDING,
    U_PHEAD,
    U_PTAIL,
    U_SINCE,
    U_SUM,
    UNIT,
)
from laurels.engine.kernel.lots import draw, into_lot, into_pending, post

type_ints = Any  # list[int] or an int64 array


def empty_unit(
    s: type_ints, la: type_ints, lp: type_ints, out: type_ints, u: int, cap: int, at: int
) -> None:
    """Take away what the fold has come to of a unit; what is held stays with its holds."""
    b = HEAD + u * UNIT
    draw(s, la, out, u, cap, s[b + U_ACTIVE], ADJUSTED, AT_ADJUSTED, -1, at, -1)
    base = u * cap * PENDING_LOT
    while s[b + U_PHEAD] < s[b + U_PTAIL]:
        k = base + s[b + U_PHEAD] * PENDING_LOT
        points = lp[k + P_POINTS]
        if points > 0:
            lp[k + P_POINTS] = 0
            s[b + U_PENDING] -= points
            post(
                out, ADJUSTED, u, points, AT_PENDING, AT_ADJUSTED, -1, lp[k + P_END],
                lp[k + P_ACTIVE], lp[k + P_FUNDER], at, -1,
            )  # fmt: skip
        s[b + U_PHEAD] += 1
    debt = s[b + U_DEBT]
    if debt > 0:
        s[b + U_DEBT] = 0
        post(out, ADJUSTED, u, debt, AT_ADJUSTED, AT_ACTIVE, -1, NEVER, at, 0, at, -1)
        post(out, DEBT_PAID, u, debt, AT_ACTIVE, AT_DEBT, -1, NEVER, at, 0, at, -1)


def open_line(
    s: type_ints,
    la: type_ints,
    lp: type_ints,
    out: type_ints,
    ln: type_ints,
    k: int,
    cap: int,
    at: int,
) -> None:
    """Bring in a line that is no level: a lot, a debt, or what counts towards a level."""
    what = ln[k + S_WHAT]
    u = ln[k + S_OF]
    b = HEAD + u * UNIT
    points = ln[k + S_POINTS]
    active = ln[k + S_ACTIVE]
    end = ln[k + S_END]
    funder = ln[k + S_FUNDER]
    if what == S_LOT and active > at:
        post(out, ADJUSTED, u, points, AT_ADJUSTED, AT_PENDING, -1, end, active, funder, at, -1)
        into_pending(s, lp, u, cap, points, active, end, funder)
    elif what == S_LOT:
        post(out, ADJUSTED, u, points, AT_ADJUSTED, AT_ACTIVE, -1, end, at, funder, at, -1)
        into_lot(s, la, u, cap, end, funder, points)
    elif what == S_DEBT:
        s[b + U_DEBT] += points
        post(out, IN_DEBT, u, points, AT_DEBT, AT_ADJUSTED, -1, NEVER, 0, 0, at, -1)
    elif what == S_COUNT:
        s[b + U_SUM] = points
        s[b + U_SINCE] = active

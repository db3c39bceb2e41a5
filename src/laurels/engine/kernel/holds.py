"""Holds: active points set aside for a basket. They keep their lot and do not expire while
held; given back after the lot's end, they expire at once."""

from typing import Any

from laurels.engine.kernel.layout import (
    A_END,
    A_FUNDER,
    A_POINTS,
    ACTIVE_LOT,
    AT_ACTIVE,
    AT_EXPIRED,
    AT_HELD,
    AT_REDEEMED,
    EXPIRED,
    H_END,
    H_FUNDER,
    H_HOLD,
    H_POINTS,
    H_UNIT,
    H_UNTIL,
    HEAD,
    HELD_LOT,
    HOLDS,
    NEVER,
    NEXT_DUE,
    RELEASE,
    SET_ASIDE,
    SPENT,
    U_ACTIVE,
    U_AHEAD,
    U_ATAIL,
    U_HELD,
    UNIT,
)
from laurels.engine.kernel.lots import open_active, post

type_ints = Any


def set_aside(
    s: type_ints,
    la: type_ints,
    lh: type_ints,
    out: type_ints,
    u: int,
    cap: int,
    points: int,
    hold: int,
    until: int,
    at: int,
) -> None:
    """Move covered points from their lots, in leaving order, to a hold."""
    b = HEAD + u * UNIT
    base = u * cap * ACTIVE_LOT
    while points > 0 and s[b + U_AHEAD] < s[b + U_ATAIL]:
        k = base + s[b + U_AHEAD] * ACTIVE_LOT
        taken = min(la[k + A_POINTS], points)
        if taken > 0:
            la[k + A_POINTS] -= taken
            s[b + U_ACTIVE] -= taken
            s[b + U_HELD] += taken
            points -= taken
            h = s[HOLDS] * HELD_LOT
            s[HOLDS] += 1
            lh[h + H_HOLD] = hold
            lh[h + H_UNTIL] = until
            lh[h + H_UNIT] = u
            lh[h + H_END] = la[k + A_END]
            lh[h + H_FUNDER] = la[k + A_FUNDER]
            lh[h + H_POINTS] = taken
            end = la[k + A_END]
            post(out, SET_ASIDE, u, taken, AT_ACTIVE, AT_HELD, -1, end, 0, la[k + A_FUNDER], at, -1)
        if la[k + A_POINTS] > 0:
            break
        s[b + U_AHEAD] += 1
    if until < s[NEXT_DUE]:
        s[NEXT_DUE] = until


def hold_owed(s: type_ints, lh: type_ints, u: int, points: int, hold: int, until: int) -> None:
    """The part of an accepted hold that no lot covers any more: owed, and without an end."""
    h = s[HOLDS] * HELD_LOT
    s[HOLDS] += 1
    s[HEAD + u * UNIT + U_HELD] += points
    lh[h + H_HOLD] = hold
    lh[h + H_UNTIL] = until
    lh[h + H_UNIT] = u
    lh[h + H_END] = NEVER
    lh[h + H_FUNDER] = 0
    lh[h + H_POINTS] = points
    if until < s[NEXT_DUE]:
        s[NEXT_DUE] = until


def held_by(s: type_ints, lh: type_ints, hold: int) -> int:
    """Points that a hold still holds."""
    total = 0
    for i in range(s[HOLDS]):
        if lh[i * HELD_LOT + H_HOLD] == hold:
            total += lh[i * HELD_LOT + H_POINTS]
    return total


def unit_of_hold(s: type_ints, lh: type_ints, hold: int) -> int:
    """The unit that a hold holds, -1 when it holds nothing."""
    for i in range(s[HOLDS]):
        if lh[i * HELD_LOT + H_HOLD] == hold:
            return int(lh[i * HELD_LOT + H_UNIT])
    return -1


def sweep_holds(s: type_ints, lh: type_ints) -> None:
    """Drop the parts that hold nothing any more, keeping the order of the rest."""
    to = 0
    for i in range(s[HOLDS]):
        if lh[i * HELD_LOT + H_POINTS] > 0:
            for column in range(HELD_LOT):
                lh[to * HELD_LOT + column] = lh[i * HELD_LOT + column]
            to += 1
    s[HOLDS] = to


def capture(s: type_ints, lh: type_ints, out: type_ints, hold: int, points: int, at: int) -> None:
    """Spend points of a hold, in the order in which they were set aside."""
    for i in range(s[HOLDS]):
        k = i * HELD_LOT
        if points > 0 and lh[k + H_HOLD] == hold:
            taken = min(points, lh[k + H_POINTS])
            u = lh[k + H_UNIT]
            lh[k + H_POINTS] -= taken
            s[HEAD + u * UNIT + U_HELD] -= taken
            points -= taken
            end = lh[k + H_END]
            post(out, SPENT, u, taken, AT_HELD, AT_REDEEMED, -1, end, 0, lh[k + H_FUNDER], at, -1)
    sweep_holds(s, lh)


def give_back(
    s: type_ints,
    la: type_ints,
    lh: type_ints,
    out: type_ints,
    cap: int,
    hold: int,
    points: int,
    at: int,
) -> None:
    """Void points of a hold, soonest end first: they return to their lots; where a lot has ended
    meanwhile they expire at once."""
    for i in range(s[HOLDS]):
        k = i * HELD_LOT
        if points > 0 and lh[k + H_HOLD] == hold:
            taken = min(points, lh[k + H_POINTS])
            points -= taken
            lh[k + H_POINTS] -= taken
            u = lh[k + H_UNIT]
            end = lh[k + H_END]
            funder = lh[k + H_FUNDER]
            s[HEAD + u * UNIT + U_HELD] -= taken
            post(out, RELEASE, u, taken, AT_HELD, AT_ACTIVE, -1, end, 0, funder, at, -1)
            if end <= at:
                post(out, EXPIRED, u, taken, AT_ACTIVE, AT_EXPIRED, -1, end, 0, funder, at, -1)
            else:
                open_active(s, la, out, u, cap, end, funder, taken, at)
    sweep_holds(s, lh)


def lapse(s: type_ints, la: type_ints, lh: type_ints, out: type_ints, cap: int, at: int) -> None:
    """Give back what holds still hold whose time has passed."""
    i = 0
    while i < s[HOLDS]:
        k = i * HELD_LOT
        if lh[k + H_UNTIL] <= at:
            give_back(s, la, lh, out, cap, lh[k + H_HOLD], held_by(s, lh, lh[k + H_HOLD]), at)
            i = 0
        else:
            i += 1


def holds_due(s: type_ints, lh: type_ints) -> int:
    """The next instant at which a hold lapses."""
    due = NEVER
    for i in range(s[HOLDS]):
        due = min(due, lh[i * HELD_LOT + H_UNTIL])
    return due

"""States that members begin with, and states that are saved: flat rows of integers.

In the part of Python that is translated. A row, all numbers of which depend on the program:

    0  1: whatever comes of the member, it must be folded from its first event (see ``again``)
    1  1: the member has been seen
       of each ladder: the level a month before, the month of the last change, the level now
       of each rule: 1 it gave something, 2 also without an event
       the fixed part of the state
       of each unit: active lots, as many integers as the number before them; pending ones likewise
       points that are held

``st[15]`` says where the row of each member begins in ``st[16]``, -1 none; ``st[17]`` receives the
size of each saved row, ``st[18]`` the rows.
"""

from __future__ import annotations

from typing import Any

from laurels.engine.kernel.layout import (
    A_POINTS,
    ACTIVE_LOT,
    AT_ACTIVE,
    AT_DEBT,
    AT_HELD,
    AT_PENDING,
    HEAD,
    HELD_LOT,
    HOLDS,
    P_POINTS,
    PENDING_LOT,
    U_ACTIVE,
    U_AHEAD,
    U_ATAIL,
    U_DEBT,
    U_HELD,
    U_PENDING,
    U_PHEAD,
    U_PTAIL,
    UNIT,
)
from laurels.replay.machine.given import LADDERS, LEVELS, RULES, STATE_SIZE, UNITS
from laurels.replay.machine.member import DONE, NEED_HOLDS, NEED_LOTS, NEED_STATES
from laurels.replay.machine.totals import (
    ACCOUNTS,
    C_BEGIN,
    C_HELD,
    C_MEMBER,
    C_MONTH,
    C_MONTHS,
    C_SAVE,
    C_SAVED,
)

type_any = Any

AGAIN = 0
BEGUN = 1
LADDER_ROW = 2  # where the levels begin


def state_at() -> int:
    """Where the fixed part begins in a row."""
    return LADDER_ROW + 3 * LADDERS + RULES


def begins_with(st: type_any, c: type_any) -> int:
    """Where the row of the current member begins, -1 where it has none."""
    if c[C_BEGIN] == 0:
        return -1
    return int(st[15][c[C_MEMBER]])


def restore(at: int, st: type_any, c: type_any, cap: int) -> int:
    """Begin with the state of a row."""
    s, la, lp, lh, flat = st[0], st[1], st[2], st[3], st[16]
    k = at + state_at()
    for i in range(STATE_SIZE):
        s[i] = flat[k + i]
    k += STATE_SIZE
    for u in range(UNITS):
        size = flat[k]
        if size > cap * ACTIVE_LOT:
            return NEED_LOTS
        for i in range(size):
            la[u * cap * ACTIVE_LOT + i] = flat[k + 1 + i]
        s[HEAD + u * UNIT + U_ATAIL] = size // ACTIVE_LOT
        k += 1 + size
    for u in range(UNITS):
        size = flat[k]
        if size > cap * PENDING_LOT:
            return NEED_LOTS
        for i in range(size):
            lp[u * cap * PENDING_LOT + i] = flat[k + 1 + i]
        s[HEAD + u * UNIT + U_PTAIL] = size // PENDING_LOT
        k += 1 + size
    if (s[HOLDS] + 1) * HELD_LOT > c[C_HELD]:
        return NEED_HOLDS
    for i in range(s[HOLDS] * HELD_LOT):
        lh[i] = flat[k + i]
    return DONE


def begin_totals(tot: type_any, st: type_any, c: type_any) -> bool:
    """What the totals must know of a member before its records are added; whether it was seen
    before."""
    last, sums = tot[3], tot[8]
    at = begins_with(st, c)
    flat = st[16]
    for r in range(RULES):
        seen = flat[at + LADDER_ROW + 3 * LADDERS + r] if at >= 0 else 0
        last[r] = -1 if seen > 0 else -2
        last[RULES + r] = 1 if seen > 1 else 0
    for k in range(UNITS * ACCOUNTS):
        sums[k] = 0
    if at < 0:
        return False
    k = at + state_at()
    for u in range(UNITS):
        b = k + HEAD + u * UNIT
        sums[u * ACCOUNTS + AT_ACTIVE] = flat[b + U_ACTIVE]
        sums[u * ACCOUNTS + AT_PENDING] = flat[b + U_PENDING]
        sums[u * ACCOUNTS + AT_HELD] = flat[b + U_HELD]
        sums[u * ACCOUNTS + AT_DEBT] = -flat[b + U_DEBT]
    if flat[at + BEGUN] == 0:
        return False
    for ladder in range(LADDERS):
        begin_level(ladder, at + LADDER_ROW + 3 * ladder, flat, tot, c)
    return True


def begin_level(ladder: int, at: int, flat: type_any, tot: type_any, c: type_any) -> None:
    """The level of a saved row. What the month of its last change added to the totals when it was
    saved is taken back: the month may not be over."""
    levels, steps, moved = tot[4], tot[5], tot[6]
    months = c[C_MONTHS]
    k = ladder * 3
    before, month, after = flat[at], flat[at + 1] - c[C_MONTH], flat[at + 2]
    levels[k + 2] = after
    if month < 0:
        levels[k] = after
        levels[k + 1] = -1
        return
    levels[k] = before
    levels[k + 1] = month
    if before < 0:
        steps[(ladder * LEVELS + after) * months + month] -= 1
    elif before != after:
        steps[(ladder * LEVELS + before) * months + month] += 1
        steps[(ladder * LEVELS + after) * months + month] -= 1
        moved[((ladder * LEVELS + before) * LEVELS + after) * months + month] -= 1


def room_to_save(st: type_any, c: type_any) -> int:
    """Whether there is room for the row of a member, where rows are wanted."""
    if c[C_SAVE] == 0:
        return DONE
    s = st[0]
    size = state_at() + STATE_SIZE + 2 * UNITS + s[HOLDS] * HELD_LOT
    for u in range(UNITS):
        b = HEAD + u * UNIT
        size += (s[b + U_ATAIL] - s[b + U_AHEAD]) * ACTIVE_LOT
        size += (s[b + U_PTAIL] - s[b + U_PHEAD]) * PENDING_LOT
    return NEED_STATES if c[C_SAVED] + size > c[C_SAVE] else DONE


def save(
    m: int, again: bool, begun: bool, st: type_any, tot: type_any, c: type_any, cap: int
) -> None:
    """Write the row of a member whose levels are not ended yet; ``again``: something waits that
    a later event may wake."""
    if c[C_SAVE] == 0:
        return
    s, lh, out = st[0], st[3], st[18]
    levels, last = tot[4], tot[3]
    first = c[C_SAVED]
    out[first + AGAIN] = 1 if again or s[HOLDS] > 0 else 0
    out[first + BEGUN] = 1 if begun else 0
    to = first + LADDER_ROW
    for k in range(3 * LADDERS):
        out[to + k] = 0
        if begun:
            out[to + k] = levels[k] + c[C_MONTH] if k % 3 == 1 else levels[k]
    to += 3 * LADDERS
    for r in range(RULES):
        dues = 2 if last[RULES + r] == 1 else 0
        out[to + r] = (1 if last[r] > -2 else 0) + dues
    to += RULES
    for i in range(STATE_SIZE):
        out[to + i] = s[i]
    for u in range(UNITS):
        b = HEAD + u * UNIT
        out[to + b + U_AHEAD] = 0
        out[to + b + U_ATAIL] = 0
        out[to + b + U_PHEAD] = 0
        out[to + b + U_PTAIL] = 0
    to += STATE_SIZE
    to = save_lots(st[1], U_AHEAD, ACTIVE_LOT, A_POINTS, to, st, cap)
    to = save_lots(st[2], U_PHEAD, PENDING_LOT, P_POINTS, to, st, cap)
    for i in range(s[HOLDS] * HELD_LOT):
        out[to + i] = lh[i]
    to += s[HOLDS] * HELD_LOT
    st[17][m] = to - first
    c[C_SAVED] = to


def save_lots(
    lots: type_any, head: int, width: int, points: int, to: int, st: type_any, cap: int
) -> int:
    """Write the lots of every unit that hold points; where the row goes on."""
    s, out = st[0], st[18]
    for u in range(UNITS):
        b = HEAD + u * UNIT
        count = to
        to += 1
        for i in range(s[b + head], s[b + head + 1]):
            k = (u * cap + i) * width
            if lots[k + points] != 0:
                for j in range(width):
                    out[to + j] = lots[k + j]
                to += width
        out[count] = to - count - 1
    return to

"""One event of one member, from columns to a step; in the part of Python that is translated.

``es`` columns that every event has, ``own`` the program's own, ``xs`` what only few events have
(points, references, lines), ``ys`` what the fold makes of those few, ``ls`` the lines, ``st`` the
member's state and scratch, ``buf`` the buffer of records, ``c`` counters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from laurels.engine.kernel.layout import (
    E_AMOUNT,
    E_AT,
    E_DAY,
    E_HOLD,
    E_LINE,
    E_LINES,
    E_MONTH,
    E_OUTCOME,
    E_PAID,
    E_PAYS,
    E_POINTS,
    E_TYPE,
    E_UNIT,
    E_UNTIL,
    GRANT,
    HEAD,
    HELD_LOT,
    HOLDS,
    LN_AMOUNT,
    LN_LEFT,
    NEXT_DUE,
    O_COUNT,
    O_GRANTS,
    O_POINTS,
    O_REFUSAL,
    O_RETURNED,
    OUT,
    RECORD,
    REFUSED_BEFORE,
    U_AHEAD,
    U_ATAIL,
    U_PHEAD,
    U_PTAIL,
    UNIT,
)
from laurels.engine.kernel.returns import take_off
from laurels.replay.machine.given import (
    EFFECTS,
    TYPE_CAPTURE,
    TYPE_HOLD,
    TYPE_REDEMPTION,
    TYPE_RETURN,
    TYPE_SEALED,
    TYPE_TRANSFER,
    TYPE_VOID,
    UNITS,
    WIDTH,
    advance,
    fill,
    step,
)
from laurels.replay.machine.totals import (
    C_GRANTS,
    C_HELD,
    C_KEPT,
    C_MEMBER,
    C_ROOM,
    C_ROWS,
    C_SLACK,
)

type_any = Any

# --- what a fold can run out of: the caller makes it larger and folds the member again
DONE = 0
NEED_LOTS = 1
NEED_RECORDS = 2
NEED_GRANTS = 3
NEED_HOLDS = 4
NEED_STATES = 5

# --- xs: columns of events that have more than the rest
X_ROW = 0
X_POINTS = 1
X_UNTIL = 2
X_UNIT = 3
X_OUTCOME = 4
X_LINE = 5
X_REF = 6  # what it names: its place in xs, -1 not there
X_PAYS = 7  # 1: it names an event that it pays
X_FIRST = 8  # its first line in ls
X_LINES = 9  # its lines in ls, 0: none of its own
X_SLOT = 10  # of a returned event: its first line in the scratch, -1: nothing names it
X_HEAD = 11  # the first return of it, in the order in which they act
X_NEXT = 12  # the next return of the same event
X_SAME = 13  # 1: from the same source as what it names

# --- ys: what the fold makes of them
Y_POINTS = 0
Y_DECIDED = 1
Y_REFUSAL = 2
Y_IN = 3  # stands in history
Y_GONE = 4  # as if it had never been bought
Y_BARRED = 5  # withdrawn
Y_WAITING = 6
Y_CUT = 7  # a return that lowers what it names
Y_RETURNED = 8
Y_PAID = 9
Y_GRANT = 10
Y_GRANTS = 11

MADE = (
    np.int64, np.int8, np.int8, np.int8, np.int8, np.int8, np.int8, np.int8, np.int64, np.int64,
    np.int64, np.int32,
)  # fmt: skip
"""Types of the columns of ys, in the order of their numbers."""


def room(s: type_any, cap: int, c: type_any) -> int:
    """Whether every unit has room for the lots of the next steps, and for how many."""
    each = EFFECTS + 2
    slack = cap
    for u in range(UNITS):
        b = HEAD + u * UNIT
        live = s[HOLDS] + s[b + U_ATAIL] - s[b + U_AHEAD] + s[b + U_PTAIL] - s[b + U_PHEAD]
        if live + 2 * each > cap:
            return NEED_LOTS
        slack = min(slack, cap - live)
    c[C_SLACK] = slack // each - 1
    return DONE


def most_lots(s: type_any) -> int:
    """Places that the lots of a unit take up, where they are most."""
    most = 0
    for u in range(UNITS):
        b = HEAD + u * UNIT
        most = max(most, s[b + U_ATAIL], s[b + U_PTAIL])
    return most


def record(out: type_any, buf: type_any, c: type_any, row: int) -> int:
    """Keep what a step posted."""
    rec, cause = buf
    count = out[O_COUNT]
    at = c[C_ROWS]
    if at + count > c[C_ROOM]:
        return NEED_RECORDS
    for i in range(count):
        cause[at + i] = row
    to = at * RECORD
    for i in range(count * RECORD):
        rec[to + i] = out[OUT + i]
    c[C_ROWS] = at + count
    return DONE


def bring(st: type_any, buf: type_any, c: type_any, cal: type_any, cap: int, until: int) -> int:
    """Everything that is due before an instant, instant by instant."""
    s, la, lp, lh, dv, g, out, empty = st[0], st[1], st[2], st[3], st[6], st[8], st[9], st[10]
    more = 1
    while more == 1:
        code = room(s, cap, c)
        if code > 0:
            return code
        out[O_COUNT] = 0
        out[O_GRANTS] = 0
        more = advance(s, la, lp, lh, dv, empty, g, out, cal, cap, 0, until)
        code = record(out, buf, c, -1 - c[C_MEMBER])
        if code > 0:
            return code
    return DONE


def fill_more(ev: type_any, x: int, xs: type_any, ys: type_any, st: type_any) -> None:
    """What only few events have."""
    ev[E_POINTS] = ys[Y_POINTS][x]
    ev[E_UNIT] = xs[X_UNIT][x]
    ev[E_UNTIL] = xs[X_UNTIL][x]
    ev[E_LINE] = xs[X_LINE][x]
    ev[E_OUTCOME] = ys[Y_DECIDED][x] if ys[Y_DECIDED][x] > 0 else xs[X_OUTCOME][x]
    if xs[X_LINES][x] > 0:
        ev[E_LINES] = xs[X_LINES][x]
    if xs[X_SLOT][x] >= 0 and ev[E_LINES] > 0:
        kept = st[11]
        total = 0
        for i in range(xs[X_SLOT][x], xs[X_SLOT][x] + ev[E_LINES]):
            total += kept[i * WIDTH + LN_AMOUNT]
        ev[E_AMOUNT] = total


def put_lines(ln: type_any, ev: type_any, x: int, xs: type_any, ls: type_any) -> None:
    """The lines of an event as it was sent: its own, or one that is all of it."""
    if x >= 0 and xs[X_LINES][x] > 0:
        first = xs[X_FIRST][x] * WIDTH
        for i in range(xs[X_LINES][x] * WIDTH):
            ln[i] = ls[first + i]
        return
    if ev[E_LINES] == 1:
        for i in range(WIDTH):
            ln[i] = 0
        ln[LN_AMOUNT] = ev[E_AMOUNT]
        ln[LN_LEFT] = ev[E_AMOUNT]


def apply(
    k: int, x: int, es: type_any, own: type_any, xs: type_any, ys: type_any, ls: type_any,
    mask: type_any, st: type_any, buf: type_any, c: type_any, cal: type_any, cap: int,
) -> int:  # fmt: skip
    """Apply the event of row ``k`` (``x`` in xs, -1 for most) at the end of the fold."""
    s, ev, ln, out = st[0], st[4], st[7], st[9]
    fill(ev, k, es, own, mask, cal)
    if x >= 0:
        fill_more(ev, x, xs, ys, st)
        if ev[E_TYPE] == TYPE_RETURN:
            return apply_return(x, es, own, xs, ys, mask, st, buf, c, cal, cap)
    code = make_room(st, buf, c, cal, cap, ev[E_AT])
    if code > 0:
        return code
    for i in range(OUT):
        out[i] = 0
    if x >= 0:
        return apply_more(k, x, es, own, xs, ys, ls, mask, st, buf, c, cal, cap)
    put_lines(ln, ev, x, xs, ls)
    step(s, st[1], st[2], st[3], ev, ev, ln, st[8], out, cal, cap)
    if out[O_COUNT] == 0:
        return DONE
    return record(out, buf, c, k)


def make_room(st: type_any, buf: type_any, c: type_any, cal: type_any, cap: int, at: int) -> int:
    """Advance to an instant, and see to it that the step has room."""
    s = st[0]
    if s[NEXT_DUE] <= at:
        code = bring(st, buf, c, cal, cap, at + 1)
        if code > 0:
            return code
    c[C_SLACK] -= 1
    if c[C_SLACK] <= 0:
        return room(s, cap, c)
    return DONE


def apply_more(
    k: int, x: int, es: type_any, own: type_any, xs: type_any, ys: type_any, ls: type_any,
    mask: type_any, st: type_any, buf: type_any, c: type_any, cal: type_any, cap: int,
) -> int:  # fmt: skip
    """The same for an event that names another, is named, or asks for something."""
    s, ev, rf, ln, g, out = st[0], st[4], st[5], st[7], st[8], st[9]
    kind = ev[E_TYPE]
    paid = -1
    if kind in (TYPE_REDEMPTION, TYPE_HOLD):
        if kind == TYPE_HOLD:
            ev[E_HOLD] = x + 1
            if (s[HOLDS] + UNITS * cap + 2) * HELD_LOT > c[C_HELD]:
                return NEED_HOLDS
        if xs[X_PAYS][x] == 1:
            paid = see_paid(k, x, es, own, xs, ys, mask, st, cal)
    elif kind == TYPE_SEALED and xs[X_LINES][x] + 2 * (EFFECTS + 2) > cap - most_lots(s):
        return NEED_LOTS
    elif kind in (TYPE_CAPTURE, TYPE_VOID):
        see_hold(k, x, ev, xs, ys)
    slot = xs[X_SLOT][x]
    if slot >= 0 and ev[E_LINES] > 0:
        first = slot * WIDTH
        lines = st[11][first : first + ev[E_LINES] * WIDTH]
        for i in range(ev[E_LINES]):
            lines[i * WIDTH + LN_LEFT] = lines[i * WIDTH + LN_AMOUNT]
    else:
        put_lines(ln, ev, x, xs, ls)
        lines = ln
    step(s, st[1], st[2], st[3], ev, rf if paid >= 0 else ev, lines, g, out, cal, cap)
    if slot >= 0 and not keep_grants(x, ys, g, st[12], out, c):
        return NEED_GRANTS
    if is_request(kind):
        settle(x, paid, 1 if ev[E_OUTCOME] == 0 else 0, ys, out)
    return record(out, buf, c, k)


def is_request(kind: int) -> bool:
    """Whether something is decided that stays decided."""
    return kind in (TYPE_REDEMPTION, TYPE_HOLD, TYPE_CAPTURE, TYPE_VOID, TYPE_TRANSFER)


def settle(x: int, paid: int, asked: int, ys: type_any, out: type_any) -> None:
    """A decision is a fact from now on; what came in as a fact stays one."""
    if out[O_REFUSAL] != REFUSED_BEFORE or ys[Y_REFUSAL][x] == 0:
        ys[Y_REFUSAL][x] = out[O_REFUSAL]
    if asked == 1:
        ys[Y_DECIDED][x] = 2 if out[O_REFUSAL] > 0 else 1
    if out[O_REFUSAL] > 0:
        return
    ys[Y_POINTS][x] = out[O_POINTS]
    if paid >= 0:
        ys[Y_PAID][paid] += out[O_POINTS]


def see_paid(
    k: int, x: int, es: type_any, own: type_any, xs: type_any, ys: type_any, mask: type_any,
    st: type_any, cal: type_any,
) -> int:  # fmt: skip
    """The event that a redemption pays goes into ``rf``; -1 where there is none."""
    ev, rf = st[4], st[5]
    paid = xs[X_REF][x]
    if paid < 0 or xs[X_ROW][paid] >= k or ys[Y_BARRED][paid] == 1:
        ev[E_PAYS] = 2
        return -1
    ev[E_PAYS] = 1
    ev[E_PAID] = ys[Y_PAID][paid]
    fill(rf, xs[X_ROW][paid], es, own, mask, cal)
    fill_more(rf, paid, xs, ys, st)
    return int(paid)


def see_hold(k: int, x: int, ev: type_any, xs: type_any, ys: type_any) -> None:
    """The hold that a capture or void names."""
    hold = xs[X_REF][x]
    if hold < 0 or xs[X_ROW][hold] >= k or ys[Y_REFUSAL][hold] > 0 or ys[Y_BARRED][hold] == 1:
        ev[E_HOLD] = -1
        return
    ev[E_HOLD] = hold + 1
    ev[E_UNIT] = xs[X_UNIT][hold]
    ev[E_PAID] = xs[X_POINTS][hold]


def keep_grants(
    x: int, ys: type_any, g: type_any, kept: type_any, out: type_any, c: type_any
) -> bool:
    """Keep what an event was granted, for its returns."""
    first = c[C_GRANTS]
    count = out[O_GRANTS] * GRANT
    if first + count > c[C_KEPT]:
        return False
    for i in range(count):
        kept[first + i] = g[i]
    ys[Y_GRANT][x] = first
    ys[Y_GRANTS][x] = out[O_GRANTS]
    c[C_GRANTS] = first + count
    return True


def apply_return(
    x: int, es: type_any, own: type_any, xs: type_any, ys: type_any, mask: type_any, st: type_any,
    buf: type_any, c: type_any, cal: type_any, cap: int,
) -> int:  # fmt: skip
    """Part of an event comes back, at its own instant or, when it came early, with its event."""
    ev, rf, g, out, kept = st[4], st[5], st[8], st[9], st[12]
    original = xs[X_REF][x]
    k = xs[X_ROW][x]
    fill(rf, xs[X_ROW][original], es, own, mask, cal)
    fill_more(rf, original, xs, ys, st)
    if k < xs[X_ROW][original]:
        ev[E_AT] = rf[E_AT]
        ev[E_DAY] = rf[E_DAY]
        ev[E_MONTH] = rf[E_MONTH]
    code = make_room(st, buf, c, cal, cap, ev[E_AT])
    if code > 0:
        return code
    for i in range(OUT):
        out[i] = 0
    ev[E_LINES] = rf[E_LINES]
    if ev[E_LINE] == -2:
        ev[E_LINE] = -1
        ev[E_AMOUNT] = 0
    count = ys[Y_GRANTS][original]
    out[O_GRANTS] = count
    first = ys[Y_GRANT][original]
    for i in range(count * GRANT):
        g[i] = kept[first + i]
    start = xs[X_SLOT][original] * WIDTH
    lines = st[11][start : start + ev[E_LINES] * WIDTH]
    step(st[0], st[1], st[2], st[3], ev, rf, lines, g, out, cal, cap)
    for i in range(count * GRANT):
        kept[first + i] = g[i]
    ys[Y_RETURNED][x] = out[O_RETURNED]
    return record(out, buf, c, k)


def lower(x: int, es: type_any, xs: type_any, ys: type_any, ls: type_any, st: type_any) -> None:
    """An event as it would have been without what came back of it, in the order of returns."""
    slot = xs[X_SLOT][x]
    count = xs[X_LINES][x] if xs[X_LINES][x] > 0 else 1
    lines = st[11][slot * WIDTH : (slot + count) * WIDTH]
    total = put_original(x, lines, es, xs, ls)
    back = xs[X_HEAD][x]
    while back >= 0:
        if ys[Y_CUT][back] == 1:
            line = xs[X_LINE][back]
            amount = es[2][xs[X_ROW][back]]
            if line == -2:
                line = -1
                amount = 0
            ys[Y_RETURNED][back] = take_off(lines, count, WIDTH, line, amount)
        back = xs[X_NEXT][back]
    left = 0
    for i in range(count):
        lines[i * WIDTH + LN_AMOUNT] = lines[i * WIDTH + LN_LEFT]
        left += lines[i * WIDTH + LN_LEFT]
    ys[Y_GONE][x] = 1 if left == 0 and total > 0 else 0


def put_original(x: int, lines: type_any, es: type_any, xs: type_any, ls: type_any) -> int:
    """The lines of an event as they were sent; returns their sum."""
    total: int = 0
    if xs[X_LINES][x] > 0:
        first = xs[X_FIRST][x] * WIDTH
        for i in range(xs[X_LINES][x] * WIDTH):
            lines[i] = ls[first + i]
        for i in range(xs[X_LINES][x]):
            total += lines[i * WIDTH + LN_AMOUNT]
        return total
    for i in range(WIDTH):
        lines[i] = 0
    total += es[2][xs[X_ROW][x]]
    lines[LN_AMOUNT] = total
    lines[LN_LEFT] = total
    return total

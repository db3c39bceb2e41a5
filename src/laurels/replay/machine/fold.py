"""The loop over members: each folded from its first event to the last, then added up.

own member's history is its rows in event order. What changes history (a return as if never bought,
a withdrawn event) makes the fold *stale*: it is done again before the next request is decided, or
at the end, and what was decided stays decided.
"""

from __future__ import annotations

from typing import Any

from laurels.engine.kernel.calendar import day_of
from laurels.engine.kernel.layout import NEXT_DUE
from laurels.replay.machine.begin import begin_totals, begins_with, restore, room_to_save, save
from laurels.replay.machine.given import (
    AS_IF,
    ONE_LINE,
    PURCHASES,
    STATE_SIZE,
    TYPE_CAPTURE,
    TYPE_RETURN,
    TYPE_VOID,
    TYPE_WITHDRAWN,
    WIDTH,
)
from laurels.replay.machine.member import (
    DONE,
    X_HEAD,
    X_LINES,
    X_NEXT,
    X_POINTS,
    X_REF,
    X_ROW,
    X_SAME,
    X_SLOT,
    Y_BARRED,
    Y_CUT,
    Y_DECIDED,
    Y_GONE,
    Y_GRANTS,
    Y_IN,
    Y_PAID,
    Y_POINTS,
    Y_REFUSAL,
    Y_RETURNED,
    Y_WAITING,
    apply,
    bring,
    is_request,
    lower,
    put_original,
)
from laurels.replay.machine.totals import (
    C_FIRST,
    C_GRANTS,
    C_MEMBER,
    C_MONTH,
    C_ROWS,
    C_SLACK,
    add_records,
    begin_levels,
    end_levels,
    write_member,
)

type_any = Any

FRESH = 0
STALE = 1


def fold_members(
    first: int, last: int, start: type_any, more: type_any, es: type_any, own: type_any,
    xs: type_any, ys: type_any, ls: type_any, mask: type_any, st: type_any, buf: type_any,
    tot: type_any, res: type_any, c: type_any, cal: type_any, cap: int, until: int, keep: int,
) -> int:  # fmt: skip
    """Fold members ``first`` to ``last``; stops at one that needs more room, and says of what.

    start, more  where a member's rows begin, and its events in xs
    keep         1: the buffer keeps the records of all members; 0: only of the current one
    """
    for m in range(first, last):
        c[C_MEMBER] = m
        if keep == 0:
            c[C_ROWS] = 0
        c[C_FIRST] = c[C_ROWS]
        c[C_GRANTS] = 0
        code = reset(st, c, cap)
        if code > 0:
            return code
        low, high = start[m], start[m + 1]
        if more[m] == more[m + 1]:
            for k in range(low, high):
                code = apply(k, -1, es, own, xs, ys, ls, mask, st, buf, c, cal, cap)
                if code > 0:
                    return code
        else:
            prepare(more[m], more[m + 1], es, xs, ys, ls, st)
            code = live(
                low, high, more[m], more[m + 1], es, own, xs, ys, ls, mask, st, buf, c, cal, cap
            )
            if code > 0:
                return code
        if st[0][NEXT_DUE] < until:
            code = bring(st, buf, c, cal, cap, until)
            if code > 0:
                return code
        code = room_to_save(st, c)
        if code > 0:
            return code
        close(m, low, high, more[m], more[m + 1], es, xs, ys, st, buf, tot, res, c, cal, cap)
    return DONE


def reset(st: type_any, c: type_any, cap: int) -> int:
    """A member of whom nothing is known but the state that it begins with."""
    c[C_SLACK] = 0
    c[C_ROWS] = c[C_FIRST]
    c[C_GRANTS] = 0
    at = begins_with(st, c)
    if at >= 0:
        return restore(at, st, c, cap)
    s, blank = st[0], st[13]
    for i in range(STATE_SIZE):
        s[i] = blank[i]
    return DONE


def prepare(
    low: int, high: int, es: type_any, xs: type_any, ys: type_any, ls: type_any, st: type_any
) -> None:
    """Nothing has been made of a member's events yet."""
    for x in range(low, high):
        ys[Y_POINTS][x] = xs[X_POINTS][x]
        ys[Y_DECIDED][x] = 0
        ys[Y_REFUSAL][x] = 0
        ys[Y_IN][x] = 0
        ys[Y_GONE][x] = 0
        ys[Y_BARRED][x] = 0
        ys[Y_WAITING][x] = 0
        ys[Y_CUT][x] = 0
        ys[Y_RETURNED][x] = 0
        ys[Y_PAID][x] = 0
        ys[Y_GRANTS][x] = 0
        if xs[X_SLOT][x] >= 0 and has_lines(x, es, xs):
            count = xs[X_LINES][x] if xs[X_LINES][x] > 0 else 1
            first = xs[X_SLOT][x]
            put_original(x, st[11][first * WIDTH : (first + count) * WIDTH], es, xs, ls)


def has_lines(x: int, es: type_any, xs: type_any) -> bool:
    """Whether there is anything of an event that could come back."""
    kind = int(es[0][xs[X_ROW][x]])
    return xs[X_LINES][x] > 0 or (kind > 0 and ONE_LINE[kind] == 1)


def live(
    low: int, high: int, more: int, most: int, es: type_any, own: type_any, xs: type_any,
    ys: type_any, ls: type_any, mask: type_any, st: type_any, buf: type_any, c: type_any,
    cal: type_any, cap: int,
) -> int:  # fmt: skip
    """A member's events as they come, some of which name or change others."""
    state = FRESH
    eager = has_captures(more, most, es, xs)
    x = more
    for k in range(low, high):
        here = -1
        if x < most and xs[X_ROW][x] == k:
            here = x
            x += 1
        changed = arrive(here, k, es, xs, ys, ls, mask, st)
        if changed == 2:
            state = STALE
        if state == STALE and (eager or (here >= 0 and is_request(int(es[0][k])))):
            code = again(low, k, more, most, es, own, xs, ys, ls, mask, st, buf, c, cal, cap)
            if code > 0:
                return code
            state = FRESH
        if changed == 1 and state == FRESH:
            code = apply(k, here, es, own, xs, ys, ls, mask, st, buf, c, cal, cap)
            if code > 0:
                return code
        if changed == 1 and here >= 0 and take_early(here, k, es, xs, ys, ls, mask, st):
            state = STALE
            if eager:
                code = again(
                    low, k + 1, more, most, es, own, xs, ys, ls, mask, st, buf, c, cal, cap
                )
                if code > 0:
                    return code
                state = FRESH
    if state == STALE:
        return again(low, high, more, most, es, own, xs, ys, ls, mask, st, buf, c, cal, cap)
    return DONE


def arrive(
    x: int, k: int, es: type_any, xs: type_any, ys: type_any, ls: type_any, mask: type_any,
    st: type_any,
) -> int:  # fmt: skip
    """What an event does to history: 0 nothing, 1 it stands at its end, 2 it changes it."""
    if x < 0:
        return 1
    kind = int(es[0][k])
    if kind == TYPE_RETURN:
        return take_return(x, k, es, xs, ys, ls, mask, st)
    if kind == TYPE_WITHDRAWN:
        return withdraw(x, k, es, xs, ys, ls, st)
    if ys[Y_BARRED][x] == 1 and kind != 0:
        return 0
    ys[Y_IN][x] = 1
    return 1


def has_captures(more: int, most: int, es: type_any, xs: type_any) -> bool:
    """Whether a member has events that could be decided differently between two changes."""
    for x in range(more, most):
        kind = int(es[0][xs[X_ROW][x]])
        if kind in (TYPE_CAPTURE, TYPE_VOID):
            return True
    return False


def take_return(
    x: int,
    k: int,
    es: type_any,
    xs: type_any,
    ys: type_any,
    ls: type_any,
    mask: type_any,
    st: type_any,
) -> int:
    """A return: 0 it waits, 1 it acts at its own instant, 2 it has changed history."""
    if ys[Y_BARRED][x] == 1:
        return 0
    original = xs[X_REF][x]
    if original < 0 or xs[X_ROW][original] > k or ys[Y_BARRED][original] == 1:
        ys[Y_WAITING][x] = 1
        return 0
    if int(es[0][xs[X_ROW][original]]) == TYPE_RETURN or not has_lines(original, es, xs):
        ys[Y_WAITING][x] = 1
        return 0
    ys[Y_WAITING][x] = 0
    if AS_IF[es[3][xs[X_ROW][x] & mask[0]]] == 1:
        ys[Y_CUT][x] = 1
        lower(original, es, xs, ys, ls, st)
        return 2
    ys[Y_IN][x] = 1
    return 1


def take_early(
    x: int,
    k: int,
    es: type_any,
    xs: type_any,
    ys: type_any,
    ls: type_any,
    mask: type_any,
    st: type_any,
) -> bool:
    """Returns that came before their event; whether they changed history."""
    changed = False
    if int(es[0][k]) == TYPE_RETURN:
        return False
    back = xs[X_HEAD][x]
    while back >= 0 and xs[X_ROW][back] < k:
        if ys[Y_WAITING][back] == 1 and take_return(back, k, es, xs, ys, ls, mask, st) > 0:
            changed = True
        back = xs[X_NEXT][back]
    return changed


def withdraw(
    x: int, k: int, es: type_any, xs: type_any, ys: type_any, ls: type_any, st: type_any
) -> int:
    """An event never was: 2 where that changes history."""
    target = xs[X_REF][x]
    if target < 0:
        return 0
    kind = int(es[0][xs[X_ROW][target]])
    if xs[X_ROW][target] > k:
        if xs[X_SAME][x] == 1:
            ys[Y_BARRED][target] = 1
        return 0
    if kind == TYPE_WITHDRAWN:
        return 0
    ys[Y_BARRED][target] = 1
    ys[Y_WAITING][target] = 0
    if kind == TYPE_RETURN and ys[Y_CUT][target] == 1:
        ys[Y_CUT][target] = 0
        lower(xs[X_REF][target], es, xs, ys, ls, st)
        return 2
    if ys[Y_IN][target] == 0:
        return 0
    ys[Y_IN][target] = 0
    if ys[Y_GONE][target] == 1:  # nothing of it was left; what names it stands as it does
        return 0
    back = xs[X_HEAD][target]
    while back >= 0:
        if ys[Y_IN][back] == 1:
            ys[Y_IN][back] = 0
            ys[Y_WAITING][back] = 1
        back = xs[X_NEXT][back]
    return 2


def again(
    low: int, stop: int, more: int, most: int, es: type_any, own: type_any, xs: type_any,
    ys: type_any, ls: type_any, mask: type_any, st: type_any, buf: type_any, c: type_any,
    cal: type_any, cap: int,
) -> int:  # fmt: skip
    """Fold a member's rows before ``stop`` again, with history as it is now."""
    code = reset(st, c, cap)
    if code > 0:
        return code
    for x in range(more, most):
        ys[Y_PAID][x] = 0
        ys[Y_GRANTS][x] = 0
    x = more
    for k in range(low, stop):
        here = -1
        if x < most and xs[X_ROW][x] == k:
            here = x
            x += 1
        early = here >= 0 and int(es[0][k]) == TYPE_RETURN and xs[X_ROW][xs[X_REF][here]] > k
        if here < 0 or (ys[Y_IN][here] == 1 and ys[Y_GONE][here] == 0 and not early):
            code = apply(k, here, es, own, xs, ys, ls, mask, st, buf, c, cal, cap)
            if code > 0:
                return code
        if here >= 0:
            back = xs[X_HEAD][here]
            while back >= 0 and xs[X_ROW][back] < k:
                if ys[Y_IN][back] == 1:
                    row = xs[X_ROW][back]
                    code = apply(row, back, es, own, xs, ys, ls, mask, st, buf, c, cal, cap)
                    if code > 0:
                        return code
                back = xs[X_NEXT][back]
    return DONE


def close(
    m: int, low: int, high: int, more: int, most: int, es: type_any, xs: type_any, ys: type_any,
    st: type_any, buf: type_any, tot: type_any, res: type_any, c: type_any, cal: type_any,
    cap: int,
) -> None:  # fmt: skip
    """Add a member to the totals and write its row."""
    types, gross, returned = tot[9], tot[10], tot[11]
    begun = begin_totals(tot, st, c)
    again = False
    start = 0
    stop = 0
    month = 0
    x = more
    for k in range(low, high):
        here = -1
        if x < most and xs[X_ROW][x] == k:
            here = x
            x += 1
        kind = abs(int(es[0][k]))
        if not begun and (stands(here, k, es, xs, ys) or has_early(here, k, xs, ys)):
            begun = True
            begin_levels(tot, c, month_of(cal, es[1][k]) - c[C_MONTH])
        if here >= 0 and (ys[Y_REFUSAL][here] > 0 or ys[Y_WAITING][here] == 1):
            again = again or ys[Y_WAITING][here] == 1
            continue
        if here >= 0 and kind == TYPE_WITHDRAWN and xs[X_REF][here] < 0:
            again = True
            continue
        types[kind] += 1
        if here >= 0 and ys[Y_BARRED][here] == 1:
            continue
        at = es[4][k]
        if at < start or at >= stop:
            month = month_of(cal, at)
            start = cal[0][cal[2][month]]
            stop = cal[0][cal[2][month + 1]]
        if kind == TYPE_RETURN:
            if here >= 0 and counts(here, es, xs, ys):
                returned[month - c[C_MONTH]] += ys[Y_RETURNED][here]
        elif PURCHASES[kind] == 1:
            gross[month - c[C_MONTH]] += es[2][k]
    add_records(buf, tot, c, cal)
    save(m, again, begun, st, tot, c, cap)
    if begun:
        end_levels(tot, c)
    write_member(m, st, res, tot, c, cap)


def stands(x: int, k: int, es: type_any, xs: type_any, ys: type_any) -> bool:
    """Whether an event stands in history at its own place; an early return does not."""
    if x < 0:
        return True
    if ys[Y_IN][x] == 0 or ys[Y_GONE][x] == 1:
        return False
    return int(es[0][k]) != TYPE_RETURN or xs[X_ROW][xs[X_REF][x]] < k


def has_early(x: int, k: int, xs: type_any, ys: type_any) -> bool:
    """Whether returns that came before an event act with it; it may be gone itself."""
    if x < 0:
        return False
    back = xs[X_HEAD][x]
    while back >= 0 and xs[X_ROW][back] < k:
        if ys[Y_IN][back] == 1:
            return True
        back = xs[X_NEXT][back]
    return False


def month_of(cal: type_any, at: int) -> int:
    """The month index of an instant."""
    return int(cal[1][day_of(cal, at)])


def counts(x: int, es: type_any, xs: type_any, ys: type_any) -> bool:
    """Whether a return takes from revenue: what it names is a purchase that was never withdrawn."""
    original = xs[X_REF][x]
    if original < 0 or ys[Y_RETURNED][x] <= 0 or ys[Y_BARRED][original] == 1:
        return False
    kind = abs(int(es[0][xs[X_ROW][original]]))
    return PURCHASES[kind] == 1

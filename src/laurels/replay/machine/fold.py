"""The loop over members: each folded from its first event to the last, then added up.

A member's history is its rows in event order. What changes history (a return as if never bought,
a withdrawn event) makes the fold *stale*: it is done again before the next request is decided, or
at the end, and what was decided stays decided.
"""

from __future__ import annotations

from typing import Any

from laurels.engine.kernel.calendar import day_of
from laurels.engine.kernel.layout import NEXT_DUE
from laurels.replay.machine.member import (
    DONE,
    X_HEAD,
    X_LINES,
    X_NEXT,
    X_REF,
    X_ROW,
    X_SAME,
    X_SLOT,
    Y_BARRED,
    Y_CUT,
    Y_GONE,
    Y_GRANTS,
    Y_IN,
    Y_PAID,
    Y_POINTS,
    Y_REFUSAL,
    Y_RETURNED,
    Y_WAITING,
    X_POINTS,
    Y_DECIDED,
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
RULES: int
WIDTH: int
STATE_SIZE: int
ONE_LINE: tuple[int, ...]
PURCHASES: tuple[int, ...]
AS_IF: tuple[int, ...]
TYPE_RETURN: int
TYPE_WITHDRAWN: int
TYPE_CAPTURE: int
TYPE_VOID: int

FRESH = 0
STALE = 1


def fold_members(
    first: int, last: int, start: type_any, more: type_any, E: type_any, A: type_any, X: type_any,
    Y: type_any, L: type_any, mask: type_any, S: type_any, B: type_any, T: type_any,
    O: type_any, c: type_any, cal: type_any, cap: int, until: int, keep: int,  # noqa: E741
) -> int:  # fmt: skip
    """Fold members ``first`` to ``last``; stops at one that needs more room, and says of what.

    start, more  where a member's rows begin, and its events in X
    keep         1: the buffer keeps the records of all members; 0: only of the current one
    """
    for m in range(first, last):
        c[C_MEMBER] = m
        if keep == 0:
            c[C_ROWS] = 0
        c[C_FIRST] = c[C_ROWS]
        c[C_GRANTS] = 0
        reset(S, c)
        low, high = start[m], start[m + 1]
        code = DONE
        if more[m] == more[m + 1]:
            for k in range(low, high):
                code = apply(k, -1, E, A, X, Y, L, mask, S, B, c, cal, cap)
                if code > 0:
                    return code
        else:
            prepare(more[m], more[m + 1], E, X, Y, L, S)
            code = live(low, high, more[m], more[m + 1], E, A, X, Y, L, mask, S, B, c, cal, cap)
            if code > 0:
                return code
        if S[0][NEXT_DUE] < until:
            code = bring(S, B, c, cal, cap, until)
            if code > 0:
                return code
        close(m, low, high, more[m], more[m + 1], E, X, Y, S, B, T, O, c, cal, cap, mask)
    return DONE


def reset(S: type_any, c: type_any) -> None:
    """A member of whom nothing is known."""
    s, blank = S[0], S[13]
    for i in range(STATE_SIZE):
        s[i] = blank[i]
    c[C_SLACK] = 0
    c[C_ROWS] = c[C_FIRST]
    c[C_GRANTS] = 0


def prepare(
    low: int, high: int, E: type_any, X: type_any, Y: type_any, L: type_any, S: type_any
) -> None:
    """Nothing has been made of a member's events yet."""
    for x in range(low, high):
        Y[Y_POINTS][x] = X[X_POINTS][x]
        Y[Y_DECIDED][x] = 0
        Y[Y_REFUSAL][x] = 0
        Y[Y_IN][x] = 0
        Y[Y_GONE][x] = 0
        Y[Y_BARRED][x] = 0
        Y[Y_WAITING][x] = 0
        Y[Y_CUT][x] = 0
        Y[Y_RETURNED][x] = 0
        Y[Y_PAID][x] = 0
        Y[Y_GRANTS][x] = 0
        if X[X_SLOT][x] >= 0 and has_lines(x, E, X):
            count = X[X_LINES][x] if X[X_LINES][x] > 0 else 1
            first = X[X_SLOT][x]
            put_original(x, S[11][first * WIDTH : (first + count) * WIDTH], E, X, L)


def has_lines(x: int, E: type_any, X: type_any) -> bool:
    """Whether there is anything of an event that could come back."""
    kind = int(E[0][X[X_ROW][x]])
    return X[X_LINES][x] > 0 or (kind > 0 and ONE_LINE[kind] == 1)


def live(
    low: int, high: int, more: int, most: int, E: type_any, A: type_any, X: type_any, Y: type_any,
    L: type_any, mask: type_any, S: type_any, B: type_any, c: type_any, cal: type_any, cap: int,
) -> int:  # fmt: skip
    """A member's events as they come, some of which name or change others."""
    state = FRESH
    eager = has_captures(more, most, E, X)
    x = more
    for k in range(low, high):
        if x < most and X[X_ROW][x] == k:
            here = x
            x += 1
        else:
            here = -1
        kind = int(E[0][k])
        if here >= 0 and kind == TYPE_RETURN:
            changed = take_return(here, k, E, X, Y, L, mask, S)
        elif here >= 0 and kind == TYPE_WITHDRAWN:
            changed = withdraw(here, k, E, X, Y, L, S)
        elif here >= 0 and Y[Y_BARRED][here] == 1 and kind != 0:
            continue
        else:
            changed = 1
            if here >= 0:
                Y[Y_IN][here] = 1
        if changed == 2:
            state = STALE
        if state == STALE and (eager or (here >= 0 and is_request(kind))):
            code = again(low, k, more, most, E, A, X, Y, L, mask, S, B, c, cal, cap)
            if code > 0:
                return code
            state = FRESH
        if changed == 1 and state == FRESH:
            code = apply(k, here, E, A, X, Y, L, mask, S, B, c, cal, cap)
            if code > 0:
                return code
        if here >= 0 and kind != TYPE_RETURN and X[X_HEAD][here] >= 0:
            if take_early(here, k, E, X, Y, L, mask, S):
                state = STALE
            if state == STALE and eager:
                code = again(low, k + 1, more, most, E, A, X, Y, L, mask, S, B, c, cal, cap)
                if code > 0:
                    return code
                state = FRESH
    if state == STALE:
        return again(low, high, more, most, E, A, X, Y, L, mask, S, B, c, cal, cap)
    return DONE


def has_captures(more: int, most: int, E: type_any, X: type_any) -> bool:
    """Whether a member has events that could be decided differently between two changes."""
    for x in range(more, most):
        kind = int(E[0][X[X_ROW][x]])
        if kind == TYPE_CAPTURE or kind == TYPE_VOID:
            return True
    return False


def take_return(
    x: int, k: int, E: type_any, X: type_any, Y: type_any, L: type_any, mask: type_any, S: type_any
) -> int:
    """A return: 0 it waits, 1 it acts at its own instant, 2 it has changed history."""
    if Y[Y_BARRED][x] == 1:
        return 0
    original = X[X_REF][x]
    if original < 0 or X[X_ROW][original] > k or Y[Y_BARRED][original] == 1:
        Y[Y_WAITING][x] = 1
        return 0
    if int(E[0][X[X_ROW][original]]) == TYPE_RETURN or not has_lines(original, E, X):
        Y[Y_WAITING][x] = 1
        return 0
    Y[Y_WAITING][x] = 0
    if AS_IF[E[3][X[X_ROW][x] & mask[0]]] == 1:
        Y[Y_CUT][x] = 1
        lower(original, E, X, Y, L, S)
        return 2
    Y[Y_IN][x] = 1
    return 1


def take_early(
    x: int, k: int, E: type_any, X: type_any, Y: type_any, L: type_any, mask: type_any, S: type_any
) -> bool:
    """Returns that came before their event; whether they changed history."""
    changed = False
    back = X[X_HEAD][x]
    while back >= 0 and X[X_ROW][back] < k:
        if Y[Y_WAITING][back] == 1 and take_return(back, k, E, X, Y, L, mask, S) > 0:
            changed = True
        back = X[X_NEXT][back]
    return changed


def withdraw(
    x: int, k: int, E: type_any, X: type_any, Y: type_any, L: type_any, S: type_any
) -> int:
    """An event never was: 2 where that changes history."""
    target = X[X_REF][x]
    if target < 0:
        return 0
    kind = int(E[0][X[X_ROW][target]])
    if X[X_ROW][target] > k:
        if X[X_SAME][x] == 1:
            Y[Y_BARRED][target] = 1
        return 0
    if kind == TYPE_WITHDRAWN:
        return 0
    Y[Y_BARRED][target] = 1
    Y[Y_WAITING][target] = 0
    if kind == TYPE_RETURN and Y[Y_CUT][target] == 1:
        Y[Y_CUT][target] = 0
        lower(X[X_REF][target], E, X, Y, L, S)
        return 2
    if Y[Y_IN][target] == 0:
        return 0
    Y[Y_IN][target] = 0
    back = X[X_HEAD][target]
    while back >= 0:
        if Y[Y_IN][back] == 1:
            Y[Y_IN][back] = 0
            Y[Y_WAITING][back] = 1
        back = X[X_NEXT][back]
    return 0 if Y[Y_GONE][target] == 1 else 2


def again(
    low: int, stop: int, more: int, most: int, E: type_any, A: type_any, X: type_any, Y: type_any,
    L: type_any, mask: type_any, S: type_any, B: type_any, c: type_any, cal: type_any, cap: int,
) -> int:  # fmt: skip
    """Fold a member's rows before ``stop`` again, with history as it is now."""
    reset(S, c)
    for x in range(more, most):
        Y[Y_PAID][x] = 0
        Y[Y_GRANTS][x] = 0
    x = more
    for k in range(low, stop):
        here = -1
        if x < most and X[X_ROW][x] == k:
            here = x
            x += 1
        early = here >= 0 and int(E[0][k]) == TYPE_RETURN and X[X_ROW][X[X_REF][here]] > k
        if here < 0 or (Y[Y_IN][here] == 1 and Y[Y_GONE][here] == 0 and not early):
            code = apply(k, here, E, A, X, Y, L, mask, S, B, c, cal, cap)
            if code > 0:
                return code
        if here >= 0:
            back = X[X_HEAD][here]
            while back >= 0 and X[X_ROW][back] < k:
                if Y[Y_IN][back] == 1:
                    row = X[X_ROW][back]
                    code = apply(row, back, E, A, X, Y, L, mask, S, B, c, cal, cap)
                    if code > 0:
                        return code
                back = X[X_NEXT][back]
    return DONE


def close(
    m: int, low: int, high: int, more: int, most: int, E: type_any, X: type_any, Y: type_any,
    S: type_any, B: type_any, T: type_any, O: type_any, c: type_any, cal: type_any,  # noqa: E741
    cap: int, mask: type_any,
) -> None:  # fmt: skip
    """Add a member to the totals and write its row."""
    types, gross, returned, last = T[9], T[10], T[11], T[3]
    begun = False
    start = 0
    stop = 0
    month = 0
    for r in range(RULES):
        last[RULES + r] = 0
    x = more
    for k in range(low, high):
        here = -1
        if x < most and X[X_ROW][x] == k:
            here = x
            x += 1
        kind = abs(int(E[0][k]))
        if not begun and (here < 0 or (Y[Y_IN][here] == 1 and Y[Y_GONE][here] == 0)):
            begun = True
            begin_levels(T, c, month_of(cal, E[1][first_act(k, here, E, X)]) - c[C_MONTH])
        if here >= 0 and (Y[Y_REFUSAL][here] > 0 or Y[Y_WAITING][here] == 1):
            continue
        if here >= 0 and kind == TYPE_WITHDRAWN and X[X_REF][here] < 0:
            continue
        types[kind] += 1
        if here >= 0 and Y[Y_BARRED][here] == 1:
            continue
        at = E[4][k]
        if at < start or at >= stop:
            month = month_of(cal, at)
            start = cal[0][cal[2][month]]
            stop = cal[0][cal[2][month + 1]]
        if kind == TYPE_RETURN:
            if here >= 0 and counts(here, E, X, Y):
                returned[month - c[C_MONTH]] += Y[Y_RETURNED][here]
        elif PURCHASES[kind] == 1:
            gross[month - c[C_MONTH]] += E[2][k]
    add_records(B, T, c, cal)
    if begun:
        end_levels(T, c)
    write_member(m, S, O, T, B, c, cap)


def first_act(k: int, x: int, E: type_any, X: type_any) -> int:
    """The row at whose instant an event acts."""
    if x >= 0 and int(E[0][k]) == TYPE_RETURN and X[X_ROW][X[X_REF][x]] > k:
        return int(X[X_ROW][X[X_REF][x]])
    return k


def month_of(cal: type_any, at: int) -> int:
    """The month index of an instant."""
    return int(cal[1][day_of(cal, at)])


def counts(x: int, E: type_any, X: type_any, Y: type_any) -> bool:
    """Whether a return takes from revenue: what it names is a purchase that was never withdrawn."""
    original = X[X_REF][x]
    if original < 0 or Y[Y_RETURNED][x] <= 0 or Y[Y_BARRED][original] == 1:
        return False
    kind = abs(int(E[0][X[X_ROW][original]]))
    return PURCHASES[kind] == 1

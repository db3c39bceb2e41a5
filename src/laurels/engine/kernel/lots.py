"""Lots: where points came from and when they end, in the one order in which they leave.

Leaving order: soonest end first, no end last, then funder. Active points of a unit that share
end and funder are one lot; pending ones must share their activation too. Debt and active points
of a unit never stand side by side: what becomes active pays debt first.
"""

from typing import Any

from laurels.engine.kernel.layout import (
    A_END,
    A_FUNDER,
    A_POINTS,
    ACTIVATED,
    ACTIVE_LOT,
    AT_ACTIVE,
    AT_DEBT,
    AT_EXPIRED,
    AT_ISSUED,
    AT_PENDING,
    AT_WAIVED,
    DEBT_PAID,
    EARNED,
    EXPIRED,
    HEAD,
    IN_DEBT,
    NEVER,
    NEXT_DUE,
    O_COUNT,
    OUT,
    P_ACTIVE,
    P_END,
    P_FUNDER,
    P_POINTS,
    PENDING_LOT,
    R_ACTIVE,
    R_AT,
    R_END,
    R_FROM,
    R_FUNDER,
    R_KIND,
    R_LINE,
    R_OLD_END,
    R_POINTS,
    R_RULE,
    R_TO,
    R_UNIT,
    RECORD,
    U_ACTIVE,
    U_AHEAD,
    U_ATAIL,
    U_DEBT,
    U_FROM,
    U_PENDING,
    U_PHEAD,
    U_PTAIL,
    U_SINCE,
    U_SUM,
    UNIT,
    WAIVED,
)

type_ints = Any  # list[int] or an int64 array


def post(
    out: type_ints,
    kind: int,
    unit: int,
    points: int,
    source: int,
    target: int,
    rule: int,
    end: int,
    active: int,
    funder: int,
    at: int,
    line: int,
) -> None:
    """Write one posting: points above zero from one account to another."""
    k = OUT + out[O_COUNT] * RECORD
    out[O_COUNT] += 1
    out[k + R_KIND] = kind
    out[k + R_UNIT] = unit
    out[k + R_POINTS] = points
    out[k + R_FROM] = source
    out[k + R_TO] = target
    out[k + R_RULE] = rule
    out[k + R_END] = end
    out[k + R_ACTIVE] = active
    out[k + R_FUNDER] = funder
    out[k + R_AT] = at
    out[k + R_LINE] = line
    out[k + R_OLD_END] = 0


def compact_active(s: type_ints, la: type_ints, u: int, cap: int) -> None:
    """Move the active lots of a unit to the start of its segment, dropping empty ones."""
    b = HEAD + u * UNIT
    base = u * cap * ACTIVE_LOT
    to = base
    k = base + s[b + U_AHEAD] * ACTIVE_LOT
    stop = base + s[b + U_ATAIL] * ACTIVE_LOT
    while k < stop:
        if la[k + A_POINTS] > 0:
            la[to + A_END] = la[k + A_END]
            la[to + A_FUNDER] = la[k + A_FUNDER]
            la[to + A_POINTS] = la[k + A_POINTS]
            to += ACTIVE_LOT
        k += ACTIVE_LOT
    s[b + U_AHEAD] = 0
    s[b + U_ATAIL] = (to - base) // ACTIVE_LOT


def compact_pending(s: type_ints, lp: type_ints, u: int, cap: int) -> None:
    """Move the pending lots of a unit to the start of its segment, dropping empty ones."""
    b = HEAD + u * UNIT
    base = u * cap * PENDING_LOT
    to = base
    k = base + s[b + U_PHEAD] * PENDING_LOT
    stop = base + s[b + U_PTAIL] * PENDING_LOT
    while k < stop:
        if lp[k + P_POINTS] > 0:
            for column in range(PENDING_LOT):
                lp[to + column] = lp[k + column]
            to += PENDING_LOT
        k += PENDING_LOT
    s[b + U_PHEAD] = 0
    s[b + U_PTAIL] = (to - base) // PENDING_LOT


def into_lot(
    s: type_ints, la: type_ints, u: int, cap: int, end: int, funder: int, points: int
) -> None:
    """Put points into the lot with this end and funder, opening it in its place if need be.

    Mostly it is the last one.
    """
    b = HEAD + u * UNIT
    last = (u * cap + s[b + U_ATAIL] - 1) * ACTIVE_LOT
    if (
        s[b + U_ATAIL] > s[b + U_AHEAD]
        and la[last + A_END] == end
        and la[last + A_FUNDER] == funder
    ):
        la[last + A_POINTS] += points
        s[b + U_ACTIVE] += points
    else:
        find_lot(s, la, u, cap, end, funder, points)


def find_lot(
    s: type_ints, la: type_ints, u: int, cap: int, end: int, funder: int, points: int
) -> None:
    """The same where it may not be the last one. New ends mostly come last, so the place is sought
    from the tail."""
    b = HEAD + u * UNIT
    if s[b + U_ATAIL] == cap:
        compact_active(s, la, u, cap)
    base = u * cap * ACTIVE_LOT
    head = base + s[b + U_AHEAD] * ACTIVE_LOT
    stop = base + s[b + U_ATAIL] * ACTIVE_LOT
    k = stop
    while k > head:
        before = la[k - ACTIVE_LOT + A_END]
        if before < end:
            break
        if before == end:
            owner = la[k - ACTIVE_LOT + A_FUNDER]
            if owner == funder:
                la[k - ACTIVE_LOT + A_POINTS] += points
                s[b + U_ACTIVE] += points
                return
            if owner < funder:
                break
        k -= ACTIVE_LOT
    move = stop
    while move > k:
        la[move + A_END] = la[move - ACTIVE_LOT + A_END]
        la[move + A_FUNDER] = la[move - ACTIVE_LOT + A_FUNDER]
        la[move + A_POINTS] = la[move - ACTIVE_LOT + A_POINTS]
        move -= ACTIVE_LOT
    la[k + A_END] = end
    la[k + A_FUNDER] = funder
    la[k + A_POINTS] = points
    s[b + U_ATAIL] += 1
    s[b + U_ACTIVE] += points
    if end < s[NEXT_DUE]:
        s[NEXT_DUE] = end


def open_active(
    s: type_ints,
    la: type_ints,
    out: type_ints,
    u: int,
    cap: int,
    end: int,
    funder: int,
    points: int,
    at: int,
) -> None:
    """Make points active: they pay debt first, the rest goes into their lot."""
    b = HEAD + u * UNIT
    debt = s[b + U_DEBT]
    if debt > 0:
        paid = min(debt, points)
        s[b + U_DEBT] = debt - paid
        post(out, DEBT_PAID, u, paid, AT_ACTIVE, AT_DEBT, -1, end, at, funder, at, -1)
        points -= paid
    if points > 0:
        into_lot(s, la, u, cap, end, funder, points)


def credit_sum(s: type_ints, u: int, points: int, at: int) -> None:
    """Count credited points (above zero) or taken-back ones (below) towards a ladder's sum.

    What is taken back cuts a sum at zero, like any sum that is net of returns.
    """
    b = HEAD + u * UNIT
    total = s[b + U_SUM] + points
    s[b + U_SUM] = total if total > 0 else 0
    if at >= s[b + U_FROM]:
        since = s[b + U_SINCE] + points
        s[b + U_SINCE] = since if since > 0 else 0


def earn_active(
    s: type_ints,
    la: type_ints,
    out: type_ints,
    u: int,
    cap: int,
    points: int,
    end: int,
    funder: int,
    rule: int,
    at: int,
) -> None:
    """Issue points that are active at once."""
    post(out, EARNED, u, points, AT_ISSUED, AT_ACTIVE, rule, end, at, funder, at, -1)
    credit_sum(s, u, points, at)
    open_active(s, la, out, u, cap, end, funder, points, at)


def earn_pending(
    s: type_ints,
    lp: type_ints,
    out: type_ints,
    u: int,
    cap: int,
    points: int,
    active: int,
    end: int,
    funder: int,
    rule: int,
    at: int,
) -> None:
    """Issue points that wait until ``active``. NEVER: until they are released."""
    post(out, EARNED, u, points, AT_ISSUED, AT_PENDING, rule, end, active, funder, at, -1)
    into_pending(s, lp, u, cap, points, active, end, funder)


def into_pending(
    s: type_ints,
    lp: type_ints,
    u: int,
    cap: int,
    points: int,
    active: int,
    end: int,
    funder: int,
) -> None:
    """Put points into the pending lot with this activation, end and funder, opening it in its
    place if need be. Mostly it is the last one."""
    b = HEAD + u * UNIT
    s[b + U_PENDING] += points
    last = (u * cap + s[b + U_PTAIL] - 1) * PENDING_LOT
    if s[b + U_PTAIL] > s[b + U_PHEAD] and pending_is(lp, last, active, end, funder):
        lp[last + P_POINTS] += points
    else:
        find_pending(s, lp, u, cap, points, active, end, funder)


def find_pending(
    s: type_ints,
    lp: type_ints,
    u: int,
    cap: int,
    points: int,
    active: int,
    end: int,
    funder: int,
) -> None:
    """The same where it may not be the last one. Activations mostly come in order, so the place
    is sought from the tail."""
    b = HEAD + u * UNIT
    if s[b + U_PTAIL] == cap:
        compact_pending(s, lp, u, cap)
    base = u * cap * PENDING_LOT
    head = base + s[b + U_PHEAD] * PENDING_LOT
    stop = base + s[b + U_PTAIL] * PENDING_LOT
    k = stop
    while k > head and not pending_before(lp, k - PENDING_LOT, active, end, funder):
        k -= PENDING_LOT
    if k < stop and pending_is(lp, k, active, end, funder):
        lp[k + P_POINTS] += points
        return
    move = stop
    while move > k:
        for column in range(PENDING_LOT):
            lp[move + column] = lp[move - PENDING_LOT + column]
        move -= PENDING_LOT
    lp[k + P_ACTIVE] = active
    lp[k + P_END] = end
    lp[k + P_FUNDER] = funder
    lp[k + P_POINTS] = points
    s[b + U_PTAIL] += 1
    if active < s[NEXT_DUE]:
        s[NEXT_DUE] = active


def pending_before(lp: type_ints, k: int, active: int, end: int, funder: int) -> bool:
    """Whether the pending lot at ``k`` stands before this one: by activation, end, funder."""
    if lp[k + P_ACTIVE] != active:
        return bool(lp[k + P_ACTIVE] < active)
    if lp[k + P_END] != end:
        return bool(lp[k + P_END] < end)
    return bool(lp[k + P_FUNDER] < funder)


def pending_is(lp: type_ints, k: int, active: int, end: int, funder: int) -> bool:
    """Whether the pending lot at ``k`` is this one."""
    return bool(lp[k + P_ACTIVE] == active and lp[k + P_END] == end and lp[k + P_FUNDER] == funder)


def activate(
    s: type_ints, la: type_ints, lp: type_ints, out: type_ints, u: int, cap: int, at: int
) -> None:
    """Activate the pending lots of a unit whose time has come."""
    b = HEAD + u * UNIT
    base = u * cap * PENDING_LOT
    while s[b + U_PHEAD] < s[b + U_PTAIL]:
        k = base + s[b + U_PHEAD] * PENDING_LOT
        points = lp[k + P_POINTS]
        active = lp[k + P_ACTIVE]
        if points > 0 and active > at:
            break
        s[b + U_PHEAD] += 1
        if points > 0:
            end = lp[k + P_END]
            funder = lp[k + P_FUNDER]
            s[b + U_PENDING] -= points
            post(out, ACTIVATED, u, points, AT_PENDING, AT_ACTIVE, -1, end, active, funder, at, -1)
            credit_sum(s, u, points, at)
            open_active(s, la, out, u, cap, end, funder, points, at)


def expire(s: type_ints, la: type_ints, out: type_ints, u: int, cap: int, at: int) -> None:
    """Expire the lots of a unit whose end has come."""
    b = HEAD + u * UNIT
    base = u * cap * ACTIVE_LOT
    while s[b + U_AHEAD] < s[b + U_ATAIL]:
        k = base + s[b + U_AHEAD] * ACTIVE_LOT
        points = la[k + A_POINTS]
        if points > 0:
            end = la[k + A_END]
            if end > at:
                break
            s[b + U_ACTIVE] -= points
            la[k + A_POINTS] = 0
            post(
                out, EXPIRED, u, points, AT_ACTIVE, AT_EXPIRED, -1, end, 0, la[k + A_FUNDER], at, -1
            )
        s[b + U_AHEAD] += 1


def draw(
    s: type_ints,
    la: type_ints,
    out: type_ints,
    u: int,
    cap: int,
    points: int,
    kind: int,
    target: int,
    rule: int,
    at: int,
    line: int,
) -> int:
    """Take points from the active lots in leaving order; returns what none held."""
    b = HEAD + u * UNIT
    base = u * cap * ACTIVE_LOT
    while points > 0 and s[b + U_AHEAD] < s[b + U_ATAIL]:
        k = base + s[b + U_AHEAD] * ACTIVE_LOT
        held: int = la[k + A_POINTS]
        if held > 0:
            taken = min(held, points)
            la[k + A_POINTS] = held - taken
            s[b + U_ACTIVE] -= taken
            points -= taken
            end = la[k + A_END]
            post(out, kind, u, taken, AT_ACTIVE, target, rule, end, 0, la[k + A_FUNDER], at, line)
            if held > taken:
                break
        s[b + U_AHEAD] += 1
    return points


def draw_own(
    s: type_ints,
    la: type_ints,
    out: type_ints,
    u: int,
    cap: int,
    points: int,
    end: int,
    funder: int,
    kind: int,
    target: int,
    rule: int,
    at: int,
    line: int,
) -> int:
    """Take points from one lot, found by halving; returns what it did not hold."""
    b = HEAD + u * UNIT
    base = u * cap * ACTIVE_LOT
    low = s[b + U_AHEAD]
    high = s[b + U_ATAIL]
    while low < high:
        middle = (low + high) // 2
        k = base + middle * ACTIVE_LOT
        if la[k + A_END] < end or (la[k + A_END] == end and la[k + A_FUNDER] < funder):
            low = middle + 1
        else:
            high = middle
    k = base + low * ACTIVE_LOT
    if low == s[b + U_ATAIL] or la[k + A_END] != end or la[k + A_FUNDER] != funder:
        return points
    taken: int = min(la[k + A_POINTS], points)
    if taken > 0:
        la[k + A_POINTS] -= taken
        s[b + U_ACTIVE] -= taken
        post(out, kind, u, taken, AT_ACTIVE, target, rule, end, 0, funder, at, line)
    return points - taken


def owe(
    s: type_ints, out: type_ints, u: int, points: int, allowed: int, target: int, rule: int, at: int
) -> None:
    """What no lot held becomes debt, or the program's own loss where debt is not allowed."""
    if points <= 0:
        return
    if allowed:
        s[HEAD + u * UNIT + U_DEBT] += points
        post(out, IN_DEBT, u, points, AT_DEBT, target, rule, NEVER, 0, 0, at, -1)
    else:
        post(out, WAIVED, u, points, AT_WAIVED, target, rule, NEVER, 0, 0, at, -1)


def lower_pending(
    s: type_ints,
    lp: type_ints,
    out: type_ints,
    u: int,
    cap: int,
    points: int,
    active: int,
    end: int,
    funder: int,
    kind: int,
    target: int,
    rule: int,
    at: int,
    line: int,
) -> int:
    """Lower a pending lot before it activates; returns what it did not hold."""
    b = HEAD + u * UNIT
    base = u * cap * PENDING_LOT
    low = s[b + U_PHEAD]
    high = s[b + U_PTAIL]
    while low < high:
        middle = (low + high) // 2
        if pending_before(lp, base + middle * PENDING_LOT, active, end, funder):
            low = middle + 1
        else:
            high = middle
    k = base + low * PENDING_LOT
    if low == s[b + U_PTAIL] or not pending_is(lp, k, active, end, funder):
        return points
    taken: int = min(lp[k + P_POINTS], points)
    if taken > 0:
        lp[k + P_POINTS] -= taken
        s[b + U_PENDING] -= taken
        post(out, kind, u, taken, AT_PENDING, target, rule, end, active, funder, at, line)
    return points - taken


def lots_due(s: type_ints, la: type_ints, lp: type_ints, u: int, cap: int) -> int:
    """The next instant at which a lot of a unit expires or activates."""
    b = HEAD + u * UNIT
    due = NEVER
    base = u * cap * ACTIVE_LOT
    while s[b + U_AHEAD] < s[b + U_ATAIL]:
        k = base + s[b + U_AHEAD] * ACTIVE_LOT
        if la[k + A_POINTS] > 0:
            due = la[k + A_END]
            break
        s[b + U_AHEAD] += 1
    base = u * cap * PENDING_LOT
    while s[b + U_PHEAD] < s[b + U_PTAIL]:
        k = base + s[b + U_PHEAD] * PENDING_LOT
        if lp[k + P_POINTS] > 0:
            due = min(due, lp[k + P_ACTIVE])
            break
        s[b + U_PHEAD] += 1
    return due

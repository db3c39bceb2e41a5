"""What a member leaves behind in the totals: points by month, levels, rules, money.

In the part of Python that is translated to machine code. ``tot`` is the tuple of totals, ``buf``
the buffer of records, ``c`` what changes while members are folded. The totals, months first:

    0 flows    month, unit, funder, account: what came in less what went out
    1 leveled  month, ladder, level, unit, account: the same by the level that the member had
    2 rules    rule: events, members
    3 last     scratch of counting them
    4 levels   scratch: for each ladder the level a month ago, the month, the level now
    5 steps    ladder, level, month: members come to the level less those gone
    6 moved    ladder, level before, level after, month: members
    7 came     ladder, month: members seen for the first time
    8 sums     unit, account: of the member alone
    9 types    type: events;  10 gross, 11 returned  month: money
    12 ruled   month, rule: points earned, taken back
    13 cuts    month, cap: points that it took off (of a measured program)
"""

from __future__ import annotations

from typing import Any

from laurels.engine.kernel.calendar import day_of
from laurels.engine.kernel.layout import (
    A_END,
    A_POINTS,
    ACTIVATED,
    ACTIVE_LOT,
    AT_ACTIVE,
    AT_DEBT,
    AT_EXPIRED,
    AT_HELD,
    AT_ISSUED,
    AT_PENDING,
    AT_REDEEMED,
    AT_RETURNED,
    CUT,
    EARNED,
    HEAD,
    L_LEVEL,
    L_UNTIL,
    LADDER,
    LEVEL_CHANGE,
    NEVER,
    R_AT,
    R_END,
    R_FROM,
    R_FUNDER,
    R_KIND,
    R_POINTS,
    R_RULE,
    R_TO,
    R_UNIT,
    RECORD,
    U_ACTIVE,
    U_AHEAD,
    U_ATAIL,
    U_DEBT,
    U_HELD,
    U_PENDING,
    UNIT,
)
from laurels.replay.machine.given import (
    CAPS,
    EFFECT_RULE,
    FUNDERS,
    LADDER_FIRST,
    LADDERS,
    LEVELS,
    RULES,
    UNITS,
)

type_any = Any

# --- c: what changes while members are folded
C_SLACK = 0  # steps for which there is room for lots
C_ROWS = 1  # records in the buffer
C_FIRST = 2  # the member's first record
C_GRANTS = 3  # kept grants
C_MONTH = 4  # the month index that is row 0 of the totals
C_POSTINGS = 5
C_MEMBER = 6  # where the loop stopped
C_WRONG = 7  # members whose postings and state do not agree
C_MONTHS = 8  # months in the totals
C_ROOM = 9  # records for which the buffer has room
C_KEPT = 10  # integers for which there is room in the kept grants
C_HELD = 11  # and in the holds
C_FLOWS = 12  # 1: what went through the accounts of each member is wanted
C_BEGIN = 13  # 1: some members begin with a saved state
C_SAVE = 14  # integers for which there is room in the saved states; 0: they are not wanted
C_SAVED = 15  # integers of saved states
C_SIZE = 16

ACCOUNTS = 12
"""Accounts count from 1; 0 of a flow is what became active of what was pending."""
CARRIED = 12
LEVELED = 13
"""By level there is one more: points that members brought along from another level."""


def add_records(buf: type_any, tot: type_any, c: type_any, cal: type_any) -> None:
    """Add a member's records to the totals."""
    rec, cause = buf
    rules, last, ruled = tot[2], tot[3], tot[12]
    low = 0
    high = 0
    month = 0
    for i in range(c[C_FIRST], c[C_ROWS]):
        k = i * RECORD
        at = rec[k + R_AT]
        if at < low or at >= high:
            index = cal[1][day_of(cal, at)]
            low = cal[0][cal[2][index]]
            high = cal[0][cal[2][index + 1]]
            month = index - c[C_MONTH]
        points = rec[k + R_POINTS]
        kind = rec[k + R_KIND]
        u = rec[k + R_UNIT]
        if kind == LEVEL_CHANGE:
            carry(tot, u, points, month)
            turn_level(tot, c, u, points, month)
            continue
        if kind == CUT:
            tot[13][month * CAPS + rec[k + R_END]] += points
            continue
        if not merges(buf, c[C_FIRST], i):
            c[C_POSTINGS] += 1
        add_points(tot, month, u, rec[k + R_FUNDER], kind, rec[k + R_FROM], rec[k + R_TO], points)
        if rec[k + R_RULE] >= 0:
            rule = EFFECT_RULE[rec[k + R_RULE]]
            if kind == EARNED:
                ruled[(month * RULES + rule) * 2] += points
                add_rule(rules, last, rule, cause[i])
            if rec[k + R_TO] == AT_RETURNED:
                ruled[(month * RULES + rule) * 2 + 1] += points


def add_points(
    tot: type_any, month: int, u: int, funder: int, kind: int, source: int, target: int,
    points: int,
) -> None:  # fmt: skip
    """Add a posting to the flows."""
    flows, leveled, levels, sums = tot[0], tot[1], tot[4], tot[8]
    k = ((month * UNITS + u) * FUNDERS + funder) * ACCOUNTS
    flows[k + source] -= points
    flows[k + target] += points
    sums[u * ACCOUNTS + source] -= points
    sums[u * ACCOUNTS + target] += points
    if kind == ACTIVATED:
        flows[k] += points
    for ladder in range(LADDERS):
        k = (((month * LADDERS + ladder) * LEVELS + levels[ladder * 3 + 2]) * UNITS + u) * LEVELED
        leveled[k + source] -= points
        leveled[k + target] += points
        if kind == ACTIVATED:
            leveled[k] += points


def carry(tot: type_any, ladder: int, level: int, month: int) -> None:
    """A member goes to another level and takes along what it has."""
    leveled, sums = tot[1], tot[8]
    old = tot[4][ladder * 3 + 2]
    if old == level:
        return
    for u in range(UNITS):
        k = u * ACCOUNTS
        points = sums[k + AT_PENDING] + sums[k + AT_ACTIVE] + sums[k + AT_HELD] + sums[k + AT_DEBT]
        block = (month * LADDERS + ladder) * LEVELS
        leveled[((block + old) * UNITS + u) * LEVELED + CARRIED] -= points
        leveled[((block + level) * UNITS + u) * LEVELED + CARRIED] += points


def merges(buf: type_any, first: int, i: int) -> bool:
    """Whether a record is alike, but for its points, to an earlier one of the same cause: both
    are one posting."""
    rec, cause = buf
    k = i * RECORD
    j = i - 1
    while j >= first and cause[j] == cause[i] and rec[j * RECORD + R_AT] == rec[k + R_AT]:
        alike = True
        for column in range(RECORD):
            if column != R_POINTS and rec[j * RECORD + column] != rec[k + column]:
                alike = False
        if alike:
            return True
        j -= 1
    return False


def add_rule(rules: type_any, last: type_any, rule: int, cause: int) -> None:
    """Count a rule once for each event, and once for each member; all dues are as one."""
    if last[rule] == -2:
        rules[rule * 2 + 1] += 1
    if cause < 0:
        if last[RULES + rule] == 0:
            rules[rule * 2] += 1
            last[RULES + rule] = 1
        if last[rule] == -2:
            last[rule] = -1
    elif last[rule] != cause:
        rules[rule * 2] += 1
        last[rule] = cause


def turn_level(tot: type_any, c: type_any, ladder: int, level: int, month: int) -> None:
    """A level changed; only where it stands at the end of a month counts."""
    levels = tot[4]
    k = ladder * 3
    if levels[k + 1] != month:
        end_level(tot, c, ladder)
        levels[k + 1] = month
    levels[k + 2] = level


def end_level(tot: type_any, c: type_any, ladder: int) -> None:
    """The month in which a level changed is over."""
    levels, steps, moved = tot[4], tot[5], tot[6]
    months = c[C_MONTHS]
    k = ladder * 3
    month = levels[k + 1]
    before = levels[k]
    after = levels[k + 2]
    if before < 0:  # the member's first month
        steps[(ladder * LEVELS + after) * months + month] += 1
    elif before != after:
        steps[(ladder * LEVELS + before) * months + month] -= 1
        steps[(ladder * LEVELS + after) * months + month] += 1
        moved[((ladder * LEVELS + before) * LEVELS + after) * months + month] += 1
    levels[k] = after


def begin_levels(tot: type_any, c: type_any, month: int) -> None:
    """A member is seen for the first time."""
    levels, came = tot[4], tot[7]
    if LADDERS == 0:
        came[month] += 1
    for ladder in range(LADDERS):
        levels[ladder * 3] = -1
        levels[ladder * 3 + 1] = month
        levels[ladder * 3 + 2] = 0
        came[ladder * c[C_MONTHS] + month] += 1


def end_levels(tot: type_any, c: type_any) -> None:
    """A member's fold is over."""
    for ladder in range(LADDERS):
        end_level(tot, c, ladder)


def write_member(
    m: int,
    st: type_any,
    res: type_any,
    tot: type_any,
    c: type_any,
    cap: int,
) -> None:
    """A member's row: balances, levels, the next expiry; and whether its postings agree."""
    s = st[0]
    la = st[1]
    balances, codes, untils, expiries, passed = res
    soonest = NEVER
    for u in range(UNITS):
        b = HEAD + u * UNIT
        balances[(m * UNITS + u) * 4] = s[b + U_ACTIVE]
        balances[(m * UNITS + u) * 4 + 1] = s[b + U_PENDING]
        balances[(m * UNITS + u) * 4 + 2] = s[b + U_HELD]
        balances[(m * UNITS + u) * 4 + 3] = s[b + U_DEBT]
        if c[C_FLOWS] == 1:
            passed[(m * UNITS + u) * 4] = -tot[8][u * ACCOUNTS + AT_ISSUED]
            passed[(m * UNITS + u) * 4 + 1] = tot[8][u * ACCOUNTS + AT_RETURNED]
            passed[(m * UNITS + u) * 4 + 2] = tot[8][u * ACCOUNTS + AT_REDEEMED]
            passed[(m * UNITS + u) * 4 + 3] = tot[8][u * ACCOUNTS + AT_EXPIRED]
        for i in range(s[b + U_AHEAD], s[b + U_ATAIL]):
            k = (u * cap + i) * ACTIVE_LOT
            if la[k + A_POINTS] > 0:
                soonest = min(soonest, la[k + A_END])
                break
    expiries[m] = soonest
    for ladder in range(LADDERS):
        k = LADDER_FIRST + ladder * LADDER
        codes[m * LADDERS + ladder] = s[k + L_LEVEL]
        untils[m * LADDERS + ladder] = s[k + L_UNTIL] if s[k + L_LEVEL] > 0 else NEVER
    if not agree(s, tot[8]):
        c[C_WRONG] += 1


def agree(s: type_any, sums: type_any) -> bool:
    """Whether a member's postings add up to what its state says."""
    for u in range(UNITS):
        b = HEAD + u * UNIT
        k = u * ACCOUNTS
        if sums[k + AT_ACTIVE] != s[b + U_ACTIVE] or sums[k + AT_PENDING] != s[b + U_PENDING]:
            return False
        if sums[k + AT_HELD] != s[b + U_HELD] or sums[k + AT_DEBT] != -s[b + U_DEBT]:
            return False
    return True

"""The kernel's records to the last field, and the places where one more or one less would show.

What random acts seldom meet: full segments, emptied lots, one point, the very instant, the memory
beside. Most of these tests were asked for by a mutant that lived (docs/mutation.md).
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

import pytest

from laurels.base.instants import calendar
from laurels.engine.kernel import calendar as kernel_calendar
from laurels.engine.kernel import grants, holds, lots, opening, returns, windows
from laurels.engine.kernel import layout as K

CAP, UNITS, U = 4, 3, 1
DIRT = 987
B = K.HEAD + U * K.UNIT


class Member:
    """A member's sequences, dirty wherever nothing is promised; the unit in the middle is used."""

    def __init__(self) -> None:
        self.s = [0] * (K.HEAD + UNITS * K.UNIT)
        self.s[K.NEXT_DUE] = K.NEVER
        self.la = [DIRT] * (UNITS * CAP * K.ACTIVE_LOT)
        self.lp = [DIRT] * (UNITS * CAP * K.PENDING_LOT)
        self.lh = [DIRT] * (12 * K.HELD_LOT)
        self.out = [DIRT] * (K.OUT + 40 * K.RECORD)
        self.clear()

    def clear(self) -> None:
        self.out[K.O_COUNT] = self.out[K.O_GRANTS] = 0

    def said(self) -> list[list[int]]:
        """The records since the last look."""
        rows = range(K.OUT, K.OUT + self.out[K.O_COUNT] * K.RECORD, K.RECORD)
        found = [self.out[k : k + K.RECORD] for k in rows]
        self.clear()
        return found

    def active(self) -> list[list[int]]:
        """Active lots between head and tail: end, funder, points."""
        at = range(CAP + self.s[B + K.U_AHEAD], CAP + self.s[B + K.U_ATAIL])
        return [self.la[i * K.ACTIVE_LOT : (i + 1) * K.ACTIVE_LOT] for i in at]

    def pending(self) -> list[list[int]]:
        """Pending lots between head and tail: activation, end, funder, points."""
        at = range(CAP + self.s[B + K.U_PHEAD], CAP + self.s[B + K.U_PTAIL])
        return [self.lp[i * K.PENDING_LOT : (i + 1) * K.PENDING_LOT] for i in at]

    def earn(self, points: int, end: int, funder: int = 0, at: int = 10) -> None:
        lots.earn_active(self.s, self.la, self.out, U, CAP, points, end, funder, 5, at)

    def wait(self, points: int, active: int, end: int, funder: int = 0) -> None:
        lots.earn_pending(self.s, self.lp, self.out, U, CAP, points, active, end, funder, 5, 10)

    def draw(self, points: int, at: int = 20) -> int:
        return lots.draw(
            self.s, self.la, self.out, U, CAP, points, K.SPENT, K.AT_REDEEMED, 6, at, 2
        )

    def draw_own(self, points: int, end: int, funder: int = 0) -> int:
        kind, target = K.TAKEN_BACK, K.AT_RETURNED
        return lots.draw_own(
            self.s, self.la, self.out, U, CAP, points, end, funder, kind, target, 6, 20, 2
        )

    def lower(self, points: int, active: int, end: int, funder: int = 0) -> int:
        kind, target = K.TAKEN_BACK, K.AT_RETURNED
        return lots.lower_pending(
            self.s, self.lp, self.out, U, CAP, points, active, end, funder, kind, target, 6, 20, 2
        )

    def hold(self, points: int, hold: int, until: int) -> None:
        holds.set_aside(self.s, self.la, self.lh, self.out, U, CAP, points, hold, until, 20)

    def void(self, hold: int, points: int, at: int) -> None:
        holds.give_back(self.s, self.la, self.lh, self.out, CAP, hold, points, at)

    def held(self) -> list[list[int]]:
        return [self.lh[i * K.HELD_LOT : (i + 1) * K.HELD_LOT] for i in range(self.s[K.HOLDS])]


# ---------------------------------------------------------------- records to the last field


def test_what_is_earned_is_posted_whole() -> None:
    m = Member()
    m.earn(7, 90, 3)
    m.wait(8, 40, 95, 2)
    assert m.said() == [
        [K.EARNED, U, 7, K.AT_ISSUED, K.AT_ACTIVE, 5, 90, 10, 3, 10, -1, 0],
        [K.EARNED, U, 8, K.AT_ISSUED, K.AT_PENDING, 5, 95, 40, 2, 10, -1, 0],
    ]


def test_what_is_drawn_is_posted_whole() -> None:
    m = Member()
    m.earn(7, 90, 3)
    m.wait(8, 40, 95, 2)
    m.clear()
    assert (m.draw(1), m.draw_own(1, 90, 3), m.lower(1, 40, 95, 2)) == (0, 0, 0)
    assert m.said() == [
        [K.SPENT, U, 1, K.AT_ACTIVE, K.AT_REDEEMED, 6, 90, 0, 3, 20, 2, 0],
        [K.TAKEN_BACK, U, 1, K.AT_ACTIVE, K.AT_RETURNED, 6, 90, 0, 3, 20, 2, 0],
        [K.TAKEN_BACK, U, 1, K.AT_PENDING, K.AT_RETURNED, 6, 95, 40, 2, 20, 2, 0],
    ]


def test_debt_that_is_paid_is_posted_whole_and_opens_no_empty_lot() -> None:
    m = Member()
    lots.owe(m.s, m.out, U, 1, 1, K.AT_RETURNED, 6, 15)
    assert m.said() == [
        [K.IN_DEBT, U, 1, K.AT_DEBT, K.AT_RETURNED, 6, K.NEVER, 0, 0, 15, -1, 0]
    ]  # fmt: skip
    m.earn(1, 90, 3)
    assert m.said()[1:] == [[K.DEBT_PAID, U, 1, K.AT_ACTIVE, K.AT_DEBT, -1, 90, 10, 3, 10, -1, 0]]
    assert m.active() == []


def test_holds_are_posted_whole() -> None:
    m = Member()
    m.earn(7, 90, 3)
    m.earn(5, 200, 2)
    m.clear()
    m.hold(9, 1, 60)
    assert m.held() == [[1, 60, U, 90, 3, 7], [1, 60, U, 200, 2, 2]]
    holds.capture(m.s, m.lh, m.out, 1, 1, 30)
    m.void(1, 7, 100)
    assert m.said() == [
        [K.SET_ASIDE, U, 7, K.AT_ACTIVE, K.AT_HELD, -1, 90, 0, 3, 20, -1, 0],
        [K.SET_ASIDE, U, 2, K.AT_ACTIVE, K.AT_HELD, -1, 200, 0, 2, 20, -1, 0],
        [K.SPENT, U, 1, K.AT_HELD, K.AT_REDEEMED, -1, 90, 0, 3, 30, -1, 0],
        [K.RELEASE, U, 6, K.AT_HELD, K.AT_ACTIVE, -1, 90, 0, 3, 100, -1, 0],
        [K.EXPIRED, U, 6, K.AT_ACTIVE, K.AT_EXPIRED, -1, 90, 0, 3, 100, -1, 0],
        [K.RELEASE, U, 1, K.AT_HELD, K.AT_ACTIVE, -1, 200, 0, 2, 100, -1, 0],
    ]


@pytest.mark.parametrize(("at", "expired"), [(89, False), (90, True), (91, True)])
def test_points_given_back_at_their_very_end_expire(at: int, expired: bool) -> None:
    m = Member()
    m.earn(7, 90)
    m.hold(7, 1, 95)
    m.clear()
    m.void(1, 7, at)
    assert [each[K.R_KIND] for each in m.said()] == [K.RELEASE] + [K.EXPIRED] * expired


def test_what_a_second_hold_owes_stands_behind_the_first() -> None:
    m = Member()
    m.earn(7, 90, 3)
    m.hold(7, 1, 60)
    holds.hold_owed(m.s, m.lh, U, 4, 2, 50)
    assert m.held() == [[1, 60, U, 90, 3, 7], [2, 50, U, K.NEVER, 0, 4]]
    assert m.s[K.NEXT_DUE] == 50


# ---------------------------------------------------------------- lots: full, emptied, beside


def test_what_is_due_next_only_comes_nearer() -> None:
    m = Member()
    for end, due in ((300, 300), (200, 200), (400, 200)):
        m.earn(1, end)
        assert m.s[K.NEXT_DUE] == due
    for active, due in ((150, 150), (120, 120), (180, 120)):
        m.wait(1, active, 500)
        assert m.s[K.NEXT_DUE] == due


def test_a_full_segment_makes_room_where_lots_were_emptied() -> None:
    m = Member()
    for number in range(CAP):
        m.earn(1 + number, 100 + number)
        m.wait(1 + number, 50 + number, 100)
    assert (m.draw_own(3, 102), m.lower(3, 52, 100)) == (0, 0)
    m.earn(9, 99)
    m.wait(9, 49, 100)
    assert m.active() == [[99, 0, 9], [100, 0, 1], [101, 0, 2], [103, 0, 4]]
    assert m.pending() == [[49, 100, 0, 9], [50, 100, 0, 1], [51, 100, 0, 2], [53, 100, 0, 4]]
    assert set(m.la[2 * CAP * K.ACTIVE_LOT :]) == {DIRT}
    assert set(m.lp[2 * CAP * K.PENDING_LOT :]) == {DIRT}
    assert set(m.la[: CAP * K.ACTIVE_LOT]) == set(m.lp[: CAP * K.PENDING_LOT]) == {DIRT}


@pytest.mark.parametrize("points", [1, 2])
def test_making_room_keeps_small_lots(points: int) -> None:
    m = Member()
    m.earn(points, 100)
    m.wait(points, 50, 100)
    lots.compact_active(m.s, m.la, U, CAP)
    lots.compact_pending(m.s, m.lp, U, CAP)
    assert (m.active(), m.pending()) == ([[100, 0, points]], [[50, 100, 0, points]])


def test_pending_lots_of_one_instant_stand_by_end_then_funder() -> None:
    m = Member()
    for end, funder in ((90, 1), (80, 2), (90, 0), (80, 1)):
        m.wait(1, 50, end, funder)
    assert [each[1:3] for each in m.pending()] == [[80, 1], [80, 2], [90, 0], [90, 1]]


def test_a_pending_lot_before_or_behind_the_others_is_another_one() -> None:
    m = Member()
    first = CAP * K.PENDING_LOT
    alike = [50, 90, 0, 5]
    m.lp[first - K.PENDING_LOT : first] = alike
    m.lp[first : first + K.PENDING_LOT] = alike
    m.wait(3, 50, 90)
    assert m.pending() == [[50, 90, 0, 3]]
    assert m.lp[first - K.PENDING_LOT : first] == alike


def test_emptied_lots_leave_without_a_record() -> None:
    m = Member()
    m.earn(4, 30)
    m.earn(4, 40)
    m.wait(4, 35, 90)
    m.wait(4, 60, 90)
    assert (m.draw_own(4, 30), m.lower(4, 35, 90), m.lower(4, 60, 90)) == (0, 0, 0)
    m.clear()
    assert m.draw_own(2, 30) == 2
    lots.expire(m.s, m.la, m.out, U, CAP, 30)
    lots.activate(m.s, m.la, m.lp, m.out, U, CAP, 35)
    assert m.said() == []
    assert (m.active(), m.pending()) == ([[40, 0, 4]], [])
    lots.expire(m.s, m.la, m.out, U, CAP, 40)
    assert m.la[CAP * K.ACTIVE_LOT : (CAP + 2) * K.ACTIVE_LOT] == [30, 0, 0, 40, 0, 0]


def test_sums_belong_to_their_unit() -> None:
    m = Member()
    m.s[B + K.U_FROM] = 10
    for at, points in ((9, 5), (10, 7)):
        lots.credit_sum(m.s, U, points, at)
    expected = [0] * len(m.s)
    expected[K.NEXT_DUE] = K.NEVER
    expected[B + K.U_SUM], expected[B + K.U_SINCE], expected[B + K.U_FROM] = 12, 7, 10
    assert m.s == expected


# ---------------------------------------------------------------- windows and the calendar


def test_counters_touch_nothing_beside_them() -> None:
    for write in (windows.set_max, windows.set_last, windows.count_up):
        s = [DIRT, 0, 0, DIRT]
        write(s, 1, 7, 5)
        assert s == [DIRT, 7, 5, DIRT]
    s = [9, 7, 5, 9]
    windows.set_max(s, 1, 7, 6)
    assert s == [9, 7, 6, 9]
    windows.set_max(s, 1, 7, 5)
    assert s == [9, 7, 6, 9]


@pytest.mark.parametrize(("by", "left"), [(3, 2), (4, 1), (5, 0), (6, 0)])
def test_a_counter_is_lowered_to_the_last_one(by: int, left: int) -> None:
    s = [7, 5]
    windows.count_down(s, 0, 7, by)
    assert s == [7, left]


def test_a_rolling_sum_is_lowered_by_one_in_an_older_period() -> None:
    s = [0] * 5
    windows.roll_up(s, 0, 3, 10, 4)
    windows.roll_up(s, 0, 3, 11, 2)
    windows.roll_down(s, 0, 3, 11, 3)
    assert s[1] == 3
    assert windows.rolled(s, 0, 3, 13) == 0
    assert [windows.rolled(s, 0, 3, period) for period in (11, 12)] == [3, 3]


def test_a_rolling_sum_forgets_one_period_after_the_other() -> None:
    s = [0] * 6
    for period, points in ((20, 1), (21, 10), (22, 100), (23, 1000)):
        windows.roll_up(s, 0, 4, period, points)
    seen = [windows.rolled(s, 0, 4, period) for period in range(22, 29)]
    assert seen == [1111, 1111, 1110, 1100, 1000, 0, 0]
    for period, left in zip(range(24, 29), seen[2:], strict=True):
        windows.roll(s, 0, 4, period)
        assert s[1] == left


def test_a_day_begins_at_its_midnight() -> None:
    found = calendar("Europe/Moscow")
    cal = (found.midnight, found.month_of, found.month_first)
    for day in range(40_000, 47_000, 13):
        first = found.midnight[day]
        around = [kernel_calendar.day_of(cal, first + micro) for micro in (-1, 0, 1)]
        assert around == [day - 1, day, day]


def test_a_birthday_on_the_last_of_february() -> None:
    found = calendar("UTC")
    cal = (found.midnight, found.month_of, found.month_first)

    def micros(day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000

    after = micros(date(2021, 6, 1))
    seen = []
    for _ in range(4):
        after = kernel_calendar.next_birthday(cal, after, 229)
        seen.append(after)
    days = [date(2022, 2, 28), date(2023, 2, 28), date(2024, 2, 29), date(2025, 2, 28)]
    assert seen == [micros(day) for day in days]


# ---------------------------------------------------------------- grants and returns

WIDTH = K.LINE + 1
TERMS = (K.TERM_MONTHS, 1, K.TERM_NEVER, 0, K.TERM_DAYS, 5)


class Event:
    """Lines and grants of one event of a member, and the calendar of UTC."""

    def __init__(self, *amounts: int) -> None:
        self.m = Member()
        self.ln = [DIRT] * (WIDTH * len(amounts))
        self.lines = len(amounts)
        for i, amount in enumerate(amounts):
            k = i * WIDTH
            self.ln[k + K.LN_AMOUNT] = self.ln[k + K.LN_LEFT] = amount
        self.g = [DIRT] * (8 * K.GRANT)
        self.cal = (found := calendar("UTC")).midnight, found.month_of, found.month_first

    def give(
        self, points: int, active: int, end: int, at: int, rounding: int = K.FLOOR, funder: int = 3
    ) -> None:
        covered = grants.mark_all(self.ln, self.lines, WIDTH)
        m = self.m
        grants.grant(
            m.s, m.la, m.lp, self.ln, self.g, m.out, CAP, 4, U, points, active, end, funder,
            rounding, at, self.lines, WIDTH, covered,
        )  # fmt: skip

    def noted(self) -> list[list[int]]:
        count = self.m.out[K.O_GRANTS]
        return [self.g[i * K.GRANT : (i + 1) * K.GRANT] for i in range(count)]

    def release(self, at: int) -> int:
        m, terms = self.m, TERMS
        return grants.release(m.s, m.la, m.lp, m.out, self.cal, terms, U, CAP, at)

    def take_back(self, at: int, everything: int = 0, allowed: int = 1) -> list[list[int]]:
        m, count = self.m, self.m.out[K.O_GRANTS]
        m.out[K.O_COUNT] = 0
        returns.take_back(
            m.s, m.la, m.lp, self.g, self.ln, m.out, self.cal, CAP, count, self.lines, WIDTH,
            everything, (0, allowed, 0), TERMS, at,
        )  # fmt: skip
        found = m.said()
        m.out[K.O_GRANTS] = count
        return found

    def left(self, *amounts: int) -> None:
        for i, amount in enumerate(amounts):
            self.ln[i * WIDTH + K.LN_LEFT] = amount


def test_a_grant_is_noted_whole_and_line_by_line() -> None:
    event = Event(30, 0, 70)
    event.give(11, 10, 90, 10, K.CEIL)
    assert event.noted() == [
        [4, U, 3, 3, 10, 90, 3, 0, K.CEIL],
        [4, U, 8, 8, 10, 90, 3, 2, K.CEIL],
    ]
    one = Event(30)
    one.give(11, 40, 90, 10)
    one.give(1, 10, 90, 10)
    assert one.noted() == [
        [4, U, 11, 11, 40, 90, 3, -1, K.FLOOR], [4, U, 1, 1, 10, 90, 3, -1, K.FLOOR],
    ]  # fmt: skip
    assert (one.m.active(), one.m.pending()) == ([[90, 3, 1]], [[40, 90, 3, 11]])
    none = Event(0, 0)
    none.give(11, 10, 90, 10)
    assert none.noted() == [[4, U, 11, 11, 10, 90, 3, -1, K.FLOOR]]


def test_two_lines_of_which_one_gets_a_single_point() -> None:
    event = Event(1, 1)
    event.give(1, 10, 90, 10)
    assert event.noted() == [[4, U, 1, 1, 10, 90, 3, 0, K.FLOOR]]


DAY = 86_400_000_000
MONTH_LATER = 1_706_745_600_000_000 + DAY  # 1 February 2024 is a month after 1 January; its end
RELEASED = 1_704_067_200_000_000  # 1 January 2024
FIVE_DAYS_LATER = RELEASED + 6 * DAY


def waiting(term: int, releases: int = 0) -> int:
    """The end of a lot that waits for membership: its term's number and the releases before."""
    return -1 - (term + releases * 3)


def test_a_release_activates_all_that_waits_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "CAP", 6)
    event = Event(10)
    m = event.m
    assert event.release(RELEASED) == 0
    event.give(1, RELEASED + 9, 2 * RELEASED, 10, funder=1)
    assert event.release(RELEASED) == 0
    event.give(2, K.NEVER, waiting(0), 10, funder=2)
    event.give(3, K.NEVER, waiting(1), 10, funder=2)
    event.give(1, K.NEVER, waiting(0), 10, funder=1)
    assert m.lower(3, K.NEVER, waiting(1), 2) == 0
    event.give(4, K.NEVER, waiting(1), 10, funder=4)
    event.give(5, K.NEVER, waiting(2), 10, funder=2)
    m.out[K.O_COUNT] = 0
    assert event.release(RELEASED) == 1
    moved = [
        [K.ACTIVATED, U, points, K.AT_PENDING, K.AT_ACTIVE, -1, end, RELEASED, funder, RELEASED]
        for points, end, funder in (
            (5, FIVE_DAYS_LATER, 2), (4, K.NEVER, 4), (1, MONTH_LATER, 1), (2, MONTH_LATER, 2),
        )
    ]  # fmt: skip
    assert m.said() == [[*each, -1, 0] for each in moved]
    assert m.s[K.RELEASED] == RELEASED
    assert m.active() == [
        [FIVE_DAYS_LATER, 2, 5], [MONTH_LATER, 1, 1], [MONTH_LATER, 2, 2], [K.NEVER, 4, 4],
    ]  # fmt: skip
    assert m.pending() == [[RELEASED + 9, 2 * RELEASED, 1, 1]]
    assert (m.s[B + K.U_PENDING], m.s[B + K.U_ACTIVE], m.s[B + K.U_SUM]) == (1, 12, 12)
    points = m.lp[CAP * K.PENDING_LOT : 2 * CAP * K.PENDING_LOT][K.P_POINTS :: 4]
    assert points == [1, 0, 0, 0, 0, 0]
    assert event.release(RELEASED + 1) == 0


def test_what_waited_and_is_gone_is_not_released() -> None:
    event = Event(10)
    m, first = event.m, CAP * K.PENDING_LOT
    m.lp[first - K.PENDING_LOT : first] = [K.NEVER, waiting(0), 3, 5]
    event.give(2, K.NEVER, waiting(0), 10)
    assert event.release(RELEASED) == 1
    assert (m.s[B + K.U_PHEAD], m.s[B + K.U_PTAIL]) == (0, 0)
    m.s[K.RELEASED] = 0
    event.give(2, K.NEVER, waiting(0, 1), 10)
    assert m.lower(2, K.NEVER, waiting(0, 1), 3) == 0
    lots.activate(m.s, m.la, m.lp, m.out, U, CAP, 20)
    assert event.release(RELEASED) == 0
    assert m.s[K.RELEASED] == 0
    event.give(3, K.NEVER, waiting(0, 1), 10)
    assert event.release(RELEASED) == 1
    assert m.s[B + K.U_PTAIL] == m.s[B + K.U_PHEAD]
    assert m.active() == [[MONTH_LATER, 3, 5]]


def test_one_minor_unit_is_a_line() -> None:
    event = Event(1, 0)
    event.give(4, 10, 90, 10)
    assert [each[K.G_LINE] for each in event.noted()] == [0]


def test_what_is_taken_off_follows_what_is_left_of_each_line() -> None:
    event = Event(6, 3, 1)
    for i in range(3):
        event.ln[i * WIDTH + K.LINE] = 0
    event.left(6, 3, 0)
    assert returns.take_off(event.ln, 3, WIDTH, -1, 3) == 3
    assert event.ln[K.LN_LEFT :: WIDTH] == [4, 2, 0]
    assert returns.take_off(event.ln, 3, WIDTH, -1, 0) == 0
    assert returns.take_off(event.ln, 3, WIDTH, -1, 1) == 1
    assert event.ln[K.LN_LEFT :: WIDTH] == [3, 2, 0]
    assert event.ln[K.LINE :: WIDTH] == [0, 0, 0]


def taken(
    points: int, end: int, funder: int, at: int, line: int = -1, active: int = 0
) -> list[int]:
    """The record of points taken back by rule 4."""
    source = K.AT_PENDING if active else K.AT_ACTIVE
    return [
        K.TAKEN_BACK, U, points, source, K.AT_RETURNED, 4, end, active, funder, at, line, 0,
    ]  # fmt: skip


def test_each_line_keeps_the_share_that_remains_of_it() -> None:
    event = Event(30, 70)
    event.give(10, 10, 90, 10)
    event.left(30, 20)
    assert event.take_back(20) == [taken(5, 90, 3, 20, 1)]
    assert [each[K.G_KEPT] for each in event.noted()] == [3, 2]
    assert event.take_back(20) == []
    event.left(30, 10)
    assert event.take_back(20) == [taken(1, 90, 3, 20, 1)]
    event.left(0, 0)
    assert event.take_back(21) == [taken(3, 90, 3, 21, 0), taken(1, 90, 3, 21, 1)]
    assert [each[K.G_GRANTED] for each in event.noted()] == [3, 7]
    assert event.m.s[B + K.U_SUM] == 0


@pytest.mark.parametrize(("rounding", "kept"), [(K.FLOOR, 3), (K.CEIL, 4)])
def test_the_whole_event_keeps_its_share_in_the_rounding_of_the_rule(
    rounding: int, kept: int
) -> None:
    event = Event(10, 20)
    event.give(10, 10, 90, 10, rounding)
    event.g[K.G_LINE] = -1
    event.g[K.G_GRANTED] = event.g[K.G_KEPT] = 10
    event.m.out[K.O_GRANTS] = 1
    event.left(4, 6)
    assert event.take_back(20) == [taken(10 - kept, 90, 3, 20)]
    assert event.g[K.G_KEPT] == kept


def test_under_full_a_return_of_anything_takes_all() -> None:
    event = Event(10, 20)
    event.give(10, 10, 90, 10)
    assert event.take_back(20, everything=1) == []
    event.left(10, 19)
    assert event.take_back(20, everything=1) == [taken(3, 90, 3, 20, 0), taken(7, 90, 3, 20, 1)]
    assert event.take_back(20, everything=1) == []


def test_what_was_given_for_nothing_comes_back_whole() -> None:
    event = Event(0)
    event.give(10, 10, 90, 10)
    assert event.take_back(20) == [taken(10, 90, 3, 20)]
    one = Event(1)
    one.give(10, 10, 90, 10)
    assert one.take_back(20) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (39, taken(10, 90, 3, 39, -1, 40)),
        (40, taken(10, 90, 3, 40)),
        (89, taken(10, 90, 3, 89)),
        (90, None),
    ],
)
def test_a_grant_is_taken_from_where_it_is_now(at: int, expected: list[int] | None) -> None:
    event = Event(10)
    event.give(10, 40, 90, 10)
    if at >= 40:
        lots.activate(event.m.s, event.m.la, event.m.lp, event.m.out, U, CAP, 40)
    event.left(0)
    assert event.take_back(at) == [each for each in [expected] if each]
    assert event.g[K.G_KEPT] == 0


@pytest.mark.parametrize(
    ("allowed", "kind", "account"), [(1, K.IN_DEBT, K.AT_DEBT), (0, K.WAIVED, K.AT_WAIVED)]
)
def test_the_own_lot_gives_first_then_the_others_then_debt(
    allowed: int, kind: int, account: int
) -> None:
    event = Event(10)
    event.give(10, 10, 90, 10)
    event.m.earn(2, 80, 1)
    assert event.m.draw_own(4, 90, 3) == 0
    event.left(0)
    owed = [kind, U, 2, account, K.AT_RETURNED, 4, K.NEVER, 0, 0, 20, -1, 0]
    found = event.take_back(20, allowed=allowed)
    assert found == [taken(6, 90, 3, 20), taken(2, 80, 1, 20), owed]


def released(*terms: int, releases: int = 1, before: int = 0) -> Event:
    """An event of one line whose grants of 10 waited for membership and were released."""
    event = Event(10)
    for number, term in enumerate(terms):
        event.give(10, K.NEVER, waiting(term, before), 10, funder=number)
    event.m.earn(5, RELEASED + DAY, 9)
    event.release(RELEASED)
    event.m.s[K.RELEASES] = releases
    event.left(0)
    return event


def test_what_waits_for_membership_is_lowered() -> None:
    event = Event(10)
    event.m.s[K.RELEASES] = 1
    event.give(10, K.NEVER, waiting(1, releases=1), 10)
    event.left(0)
    assert event.take_back(20) == [taken(10, waiting(1, releases=1), 3, 20, -1, K.NEVER)]


@pytest.mark.parametrize("before", [0, 1, 2])
def test_what_was_released_last_is_taken_from_its_own_lot(before: int) -> None:
    event = released(0, 1, 2, releases=before + 1, before=before)
    assert event.take_back(RELEASED) == [
        taken(10, MONTH_LATER, 0, RELEASED),
        taken(10, K.NEVER, 1, RELEASED),
        taken(10, FIVE_DAYS_LATER, 2, RELEASED),
    ]
    expired = released(0)
    assert expired.take_back(MONTH_LATER) == []


def test_what_was_released_before_is_taken_in_leaving_order() -> None:
    event = released(0, releases=2)
    assert event.take_back(RELEASED) == [
        taken(5, RELEASED + DAY, 9, RELEASED),
        taken(5, MONTH_LATER, 0, RELEASED),
    ]


# ---------------------------------------------------------------- opening balances


def emptied(m: Member) -> list[list[int]]:
    m.clear()
    opening.empty_unit(m.s, m.la, m.lp, m.out, U, CAP, 30)
    return m.said()


@pytest.mark.parametrize("points", [1, 7])
def test_an_opening_takes_away_what_the_fold_came_to(points: int) -> None:
    m = Member()
    m.earn(points, 90, 3)
    m.earn(5, 95)
    m.wait(points, 40, 95, 2)
    m.wait(2, 50, 99)
    assert emptied(m) == [
        [K.ADJUSTED, U, points, K.AT_ACTIVE, K.AT_ADJUSTED, -1, 90, 0, 3, 30, -1, 0],
        [K.ADJUSTED, U, 5, K.AT_ACTIVE, K.AT_ADJUSTED, -1, 95, 0, 0, 30, -1, 0],
        [K.ADJUSTED, U, points, K.AT_PENDING, K.AT_ADJUSTED, -1, 95, 40, 2, 30, -1, 0],
        [K.ADJUSTED, U, 2, K.AT_PENDING, K.AT_ADJUSTED, -1, 99, 50, 0, 30, -1, 0],
    ]
    assert (m.s[B + K.U_ACTIVE], m.s[B + K.U_PENDING], m.pending()) == (0, 0, [])
    assert all(m.lp[(CAP + k) * K.PENDING_LOT + K.P_POINTS] == 0 for k in range(2))
    assert emptied(m) == []


def test_an_opening_passes_over_pending_lots_that_are_empty() -> None:
    m = Member()
    m.wait(8, 40, 95)
    m.wait(3, 50, 95)
    m.lower(8, 40, 95)
    assert [row[K.R_POINTS] for row in emptied(m)] == [3]
    assert m.s[B + K.U_PENDING] == 0


@pytest.mark.parametrize("debt", [1, 4])
def test_an_opening_pays_what_was_owed(debt: int) -> None:
    m = Member()
    m.s[B + K.U_DEBT] = debt
    assert emptied(m) == [
        [K.ADJUSTED, U, debt, K.AT_ADJUSTED, K.AT_ACTIVE, -1, K.NEVER, 30, 0, 30, -1, 0],
        [K.DEBT_PAID, U, debt, K.AT_ACTIVE, K.AT_DEBT, -1, K.NEVER, 30, 0, 30, -1, 0],
    ]
    assert m.s[B + K.U_DEBT] == 0


def opened(m: Member, what: int, points: int, active: int = 0, end: int = 0, funder: int = 0):
    line = [DIRT] * 2 + [what, U, points, active, end, funder] + [DIRT] * 5
    m.clear()
    opening.open_line(m.s, m.la, m.lp, m.out, line, 2, CAP, 30)
    return m.said()


def test_a_line_opens_an_active_lot_a_pending_one_or_a_debt() -> None:
    m = Member()
    assert opened(m, K.S_LOT, 7, 30, 90, 3) == [
        [K.ADJUSTED, U, 7, K.AT_ADJUSTED, K.AT_ACTIVE, -1, 90, 30, 3, 30, -1, 0]
    ]
    assert opened(m, K.S_LOT, 8, 31, 95, 2) == [
        [K.ADJUSTED, U, 8, K.AT_ADJUSTED, K.AT_PENDING, -1, 95, 31, 2, 30, -1, 0]
    ]
    assert (m.active(), m.pending()) == ([[90, 3, 7]], [[31, 95, 2, 8]])
    assert (m.s[B + K.U_ACTIVE], m.s[B + K.U_PENDING]) == (7, 8)
    assert opened(m, K.S_DEBT, 4) == [
        [K.IN_DEBT, U, 4, K.AT_DEBT, K.AT_ADJUSTED, -1, K.NEVER, 0, 0, 30, -1, 0]
    ]
    assert opened(m, K.S_DEBT, 2) == [
        [K.IN_DEBT, U, 2, K.AT_DEBT, K.AT_ADJUSTED, -1, K.NEVER, 0, 0, 30, -1, 0]
    ]
    assert m.s[B + K.U_DEBT] == 6


def test_a_line_sets_what_counts_and_nothing_else() -> None:
    m = Member()
    before = [*m.s]
    assert opened(m, K.S_COUNT, 900, 300) == []
    before[B + K.U_SUM], before[B + K.U_SINCE] = 900, 300
    assert m.s == before
    assert opened(m, K.S_LEVEL, 1) == []
    assert m.s == before

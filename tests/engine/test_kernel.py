"""Each primitive of the kernel against a plain version of itself."""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from laurels.base.instants import calendar
from laurels.engine.kernel import calendar as kernel_calendar
from laurels.engine.kernel import holds, lots, numbers, returns, windows
from laurels.engine.kernel import layout as K

BIG = 2**63 - 1
ROUNDINGS = (K.FLOOR, K.HALF_UP, K.HALF_EVEN, K.CEIL)
QUICK = bool(os.environ.get("LAURELS_QUICK"))
FAST = settings(
    deadline=None,
    max_examples=60 if QUICK else 300,
    derandomize=QUICK,
    phases=[Phase.explicit, Phase.generate] if QUICK else list(Phase),  # mutants are not shrunk
)

# ---------------------------------------------------------------- numbers


def rounded(value: Fraction, rounding: int) -> int:
    """The rounding by its name, with exact fractions."""
    if rounding == K.FLOOR:
        return floor(value)
    if rounding == K.CEIL:
        return ceil(value)
    if rounding == K.HALF_UP:
        return floor(value + Fraction(1, 2))
    return round(value)


@FAST
@given(st.integers(0, BIG), st.integers(0, BIG), st.integers(1, 2**61), st.sampled_from(ROUNDINGS))
def test_mul_div_is_exact_for_huge_values(amount: int, top: int, bottom: int, how: int) -> None:
    exact = Fraction(amount * top, bottom)
    assume(exact < BIG)
    assert numbers.mul_div(amount, top, bottom, how) == rounded(exact, how)


@FAST
@given(st.integers(0, 400), st.integers(0, 40), st.integers(1, 40), st.sampled_from(ROUNDINGS))
def test_mul_div_is_exact_for_small_values(amount: int, top: int, bottom: int, how: int) -> None:
    assert numbers.mul_div(amount, top, bottom, how) == rounded(Fraction(amount * top, bottom), how)


@pytest.mark.parametrize(
    ("how", "expected"), [(K.FLOOR, [0, 1, 2]), (K.HALF_UP, [1, 2, 3]), (K.HALF_EVEN, [0, 2, 2]),
                          (K.CEIL, [1, 2, 3])],
)  # fmt: skip
def test_halves(how: int, expected: list[int]) -> None:
    assert [numbers.mul_div(amount, 1, 2, how) for amount in (1, 3, 5)] == expected


@pytest.mark.parametrize("how", ROUNDINGS)
@pytest.mark.parametrize("bottom", [1, 2, 3, 7, 10**9 + 7, 2**40])
def test_mul_div_on_both_sides_of_a_machine_word(how: int, bottom: int) -> None:
    """The product just fits 63 bits, just does not; the result is near its own limit."""
    for top in (1, 2, 3, 1_000_003, 2**31, 2**33 + 1):
        for amount in (BIG // top, BIG // top + 1, BIG // top - 1, BIG):
            exact = Fraction(amount * top, bottom)
            if amount <= BIG and exact < BIG:
                assert numbers.mul_div(amount, top, bottom, how) == rounded(exact, how)


def test_mul_div_never_exceeds_a_machine_word_on_the_way() -> None:
    """Every intermediate value fits int64, which Numba would wrap silently."""

    class Word(int):
        pass

    def word(value: int) -> int:
        assert -(2**63) <= value < 2**63
        return Word(value)

    for name in ("add", "sub", "mul", "floordiv", "rshift", "and"):
        plain = getattr(int, f"__{name}__")
        setattr(Word, f"__{name}__", lambda a, b, plain=plain: word(plain(a, b)))
        right = getattr(int, f"__r{name}__")
        setattr(Word, f"__r{name}__", lambda a, b, right=right: word(right(a, b)))
    rng = random.Random(1)
    for _ in range(300):
        amount, top = rng.randrange(2**62), rng.randrange(2**40)
        bottom = max(1, amount * top // rng.randrange(1, 2**62))
        if bottom < 2**61 and amount * top // bottom < 2**62:
            got = numbers.mul_div(Word(amount), Word(top), Word(bottom), K.FLOOR)
            assert got == amount * top // bottom


@FAST
@given(st.integers(-(2**40), 2**40), st.integers(-(2**20), 2**20).filter(bool))
def test_division_truncates_and_the_rest_follows_the_dividend(a: int, b: int) -> None:
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    assert numbers.div_trunc(a, b) == quotient
    assert numbers.rem_trunc(a, b) == a - b * quotient


# ---------------------------------------------------------------- split, take_off

WIDTH = K.LINE + 1


def sheet(amounts: list[int], marks: list[bool] | None = None) -> list[int]:
    """Lines of an event; the last column is an attribute that nothing may touch."""
    rows = []
    for at, amount in enumerate(amounts):
        row = [0] * K.LINE + [4711 + at]
        row[K.LN_AMOUNT] = row[K.LN_LEFT] = amount
        row[K.LN_SHARE] = -7
        row[K.LN_MARK] = int(marks[at]) if marks else 0
        rows += row
    return rows


def plain_split(points: int, weights: list[int]) -> list[int]:
    """Largest remainder with fractions, ties to the earlier line."""
    total = sum(weights)
    exact = [Fraction(points * weight, total) for weight in weights]
    shares = [floor(value) for value in exact]
    order = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
    for i in order[: points - sum(shares)]:
        shares[i] += 1
    return shares


@FAST
@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=1, max_size=9),
       st.integers(0, 10**9))  # fmt: skip
def test_split_is_by_largest_remainder(lines: list[tuple[int, bool]], points: int) -> None:
    amounts, marks = [a for a, _ in lines], [m for _, m in lines]
    weights = [a if m else 0 for a, m in lines]
    assume(sum(weights) > 0)
    ln = sheet(amounts, marks)
    returns.split(ln, len(lines), WIDTH, K.LN_AMOUNT, points, sum(weights))
    assert ln[K.LN_SHARE :: WIDTH] == plain_split(points, weights)
    assert ln[K.LN_MARK :: WIDTH] == [int(m) for m in marks]
    assert ln[K.LN_AMOUNT :: WIDTH] == amounts
    assert ln[K.LINE :: WIDTH] == [4711 + i for i in range(len(lines))]


@FAST
@given(st.lists(st.integers(0, 10**5), min_size=1, max_size=7),
       st.lists(st.tuples(st.integers(-1, 6), st.integers(0, 10**5)), max_size=6))  # fmt: skip
def test_take_off_lowers_what_is_left(amounts: list[int], cuts: list[tuple[int, int]]) -> None:
    ln, left = sheet(amounts), list(amounts)
    for line, amount in cuts:
        line = min(line, len(amounts) - 1)
        open_ = [v if line in (-1, i) else 0 for i, v in enumerate(left)]
        cut = min(amount, sum(open_))
        parts = plain_split(cut, open_) if cut else [0] * len(left)
        assert returns.take_off(ln, len(left), WIDTH, line, amount) == cut
        left = [v - part for v, part in zip(left, parts, strict=True)]
        assert ln[K.LN_LEFT :: WIDTH] == left
        if cut or line >= 0:
            assert ln[K.LN_SHARE :: WIDTH] == parts
        assert ln[K.LN_AMOUNT :: WIDTH] == amounts


# ---------------------------------------------------------------- windows

STEPS = st.lists(
    st.tuples(st.sampled_from(["up", "down", "roll"]), st.integers(0, 5), st.integers(0, 50)),
    max_size=25,
)


@FAST
@given(st.integers(1, 13), STEPS, st.integers(0, 20))
def test_rolling_sum_is_a_list_of_periods(
    size: int, steps: list[tuple[str, int, int]], after: int
) -> None:
    s, parts, now = [99] + [0] * (size + 2) + [99], dict[int, int](), 1_500
    for kind, on, value in steps:
        now += on
        if kind == "up":
            windows.roll_up(s, 1, size, now, value)
            parts[now] = parts.get(now, 0) + value
        elif kind == "down":
            windows.roll_down(s, 1, size, now, value)
            for period in range(now, now - size, -1):
                cut = min(value, parts.get(period, 0))
                parts[period] = parts.get(period, 0) - cut
                value -= cut
        else:
            windows.roll(s, 1, size, now)
        expected = sum(v for p, v in parts.items() if now - size < p <= now)
        assert windows.rolled(s, 1, size, now) == expected
    later = now + after
    expected = sum(v for p, v in parts.items() if later - size < p <= later)
    assert windows.rolled(s, 1, size, later) == expected
    assert (s[0], s[-1]) == (99, 99)


@FAST
@given(STEPS)
def test_a_counter_begins_anew_with_its_period(steps: list[tuple[str, int, int]]) -> None:
    s, period, value = [99, 0, 0, 99], 700, 0
    for kind, on, by in steps:
        period, value = period + on, 0 if on else value
        if kind == "up":
            windows.count_up(s, 1, period, by)
            value += by
        elif kind == "down":
            windows.count_down(s, 1, period, by)
            value = max(0, value - by)
        assert windows.counted(s, 1, period) == value
        assert windows.counted(s, 1, period + 1) == 0
    assert (s[0], s[-1]) == (99, 99)


@FAST
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=20))
def test_largest_latest_and_days_of_a_period(steps: list[tuple[int, int]]) -> None:
    largest, latest, days = [0, 0], [0, 0], [0, 0, 0]
    seen: dict[int, list[tuple[int, int]]] = {}
    day = 40
    for on, value in steps:
        day += on
        period = day // 5
        seen.setdefault(period, []).append((day, value))
        windows.set_max(largest, 0, period, value)
        windows.set_last(latest, 0, period, value)
        windows.count_day(days, 0, period, day)
        mine = seen[period]
        assert windows.counted(largest, 0, period) == max(v for _, v in mine)
        assert windows.counted(latest, 0, period) == value
        assert windows.counted(days, 0, period) == len({d for d, _ in mine})


# ---------------------------------------------------------------- calendar

ZONES = ("Asia/Almaty", "Europe/Moscow", "America/New_York", "UTC", "Europe/London")
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC)
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def cal_of(name: str) -> kernel_calendar.type_cal:
    found = calendar(name)
    return found.midnight, found.month_of, found.month_first


def midnight(day: date, name: str) -> int:
    return micros(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(name)).astimezone(UTC))


def plus_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    after = date((index + 1) // 12, (index + 1) % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), after - timedelta(days=1))


@FAST
@given(st.sampled_from(ZONES), INSTANTS, st.integers(-24, 130))
def test_days_and_months_are_those_of_the_calendar(name: str, at: datetime, months: int) -> None:
    cal = cal_of(name)
    local = at.astimezone(ZoneInfo(name)).date()
    day = kernel_calendar.day_of(cal, micros(at))
    assert date(1900, 1, 1) + timedelta(days=day) == local
    assert cal[1][day] == (local.year - 1900) * 12 + local.month - 1
    later = kernel_calendar.add_months(cal, day, months)
    assert date(1900, 1, 1) + timedelta(days=later) == plus_months(local, months)


@FAST
@given(st.sampled_from(ZONES), INSTANTS, st.integers(0, 40))
def test_terms_end_with_their_last_day(name: str, at: datetime, length: int) -> None:
    cal, t = cal_of(name), micros(at)
    day = kernel_calendar.day_of(cal, t)
    local = at.astimezone(ZoneInfo(name)).date()
    one = timedelta(days=1)
    ends, starts = kernel_calendar.ends_after, kernel_calendar.starts_after
    months, days = plus_months(local, length), local + length * one
    assert ends(cal, t, day, K.TERM_MONTHS, length) == midnight(months + one, name)
    assert ends(cal, t, day, K.TERM_DAYS, length) == midnight(days + one, name)
    assert ends(cal, t, day, K.TERM_MICROS, length) == t + length
    assert ends(cal, t, day, K.TERM_NEVER, length) == K.NEVER
    assert starts(cal, t, day, K.TERM_MONTHS, length) == midnight(months, name)
    assert starts(cal, t, day, K.TERM_DAYS, length) == midnight(days, name)
    assert starts(cal, t, day, K.TERM_MICROS, length) == t + length
    assert starts(cal, t, day, K.TERM_NEVER, length) == t


@FAST
@given(st.sampled_from(ZONES), INSTANTS, st.integers(1, 12), st.integers(1, 31))
def test_the_next_birthday(name: str, at: datetime, month: int, of_month: int) -> None:
    born = plus_months(date(2000, month, 1), 0)
    last = (plus_months(born, 1) - timedelta(days=1)).day
    assume(of_month <= last)
    expected = []
    year = at.year - 1
    for each in range(year, year + 4):
        first = date(each, month, 1)
        clamp = (plus_months(first, 1) - timedelta(days=1)).day
        expected.append(midnight(first.replace(day=min(of_month, clamp)), name))
    after = min(each for each in expected if each > micros(at))
    found = kernel_calendar.next_birthday(cal_of(name), micros(at), month * 100 + of_month)
    assert found == after


def test_the_hour_of_almaty_that_happened_twice() -> None:
    cal = cal_of("Asia/Almaty")
    last = datetime(2024, 2, 29, 18, 59, 59, tzinfo=UTC)
    day = kernel_calendar.day_of(cal, micros(last))
    assert kernel_calendar.day_of(cal, micros(last + timedelta(seconds=1))) == day + 1
    assert cal[0][day + 1] - cal[0][day] == 25 * 3_600_000_000


# ---------------------------------------------------------------- lots and holds

CAP = 6
UNITS = 2


class Plain:
    """Lots of one unit as a plain list, in leaving order."""

    def __init__(self) -> None:
        self.active: dict[tuple[int, int], int] = {}
        self.pending: dict[tuple[int, int, int], int] = {}
        self.debt = 0
        self.held: list[list[int]] = []  # hold, until, end, funder, points

    def add(self, end: int, funder: int, points: int) -> None:
        paid = min(self.debt, points)
        self.debt -= paid
        if points > paid:
            key = (end, funder)
            self.active[key] = self.active.get(key, 0) + points - paid

    def draw(self, points: int) -> int:
        for key in sorted(self.active):
            taken = min(points, self.active[key])
            points -= taken
            self.active[key] -= taken
        self.clean()
        return points

    def clean(self) -> None:
        self.active = {key: points for key, points in self.active.items() if points}
        self.pending = {key: points for key, points in self.pending.items() if points}


class Kernel:
    """The kernel's sequences, with a second unit beside that nothing may touch."""

    def __init__(self) -> None:
        self.s = [0] * (K.HEAD + UNITS * K.UNIT)
        self.s[K.NEXT_DUE] = K.NEVER
        self.la = [0] * (UNITS * CAP * K.ACTIVE_LOT)
        self.lp = [0] * (UNITS * CAP * K.PENDING_LOT)
        self.lh = [0] * (60 * K.HELD_LOT)
        self.out = [0] * (K.OUT + 400 * K.RECORD)
        lots.open_active(self.s, self.la, self.out, 0, CAP, 5_000, 0, 77, 0)
        lots.earn_pending(self.s, self.lp, self.out, 0, CAP, 78, 6_000, 7_000, 0, 0, 0)
        self.reset()

    def reset(self) -> None:
        self.out[K.O_COUNT] = 0

    def records(self) -> list[list[int]]:
        rows = range(K.OUT, K.OUT + self.out[K.O_COUNT] * K.RECORD, K.RECORD)
        return [self.out[k : k + K.RECORD] for k in rows]

    def rows(self, values: list[int], width: int, head: int, tail: int) -> list[list[int]]:
        b = K.HEAD + K.UNIT
        first, last = CAP + self.s[b + head], CAP + self.s[b + tail]
        found = [values[i * width : (i + 1) * width] for i in range(first, last)]
        return [row for row in found if row[-1]]


ENDS = (150, 260, 370, K.NEVER)
KINDS = (
    "add", "add", "add", "pend", "pend", "draw", "own", "lower", "owe", "hold", "hold", "capture",
    "void", "time",
)  # fmt: skip
Act = tuple[str, int, int, int, int]


def acts_of(rng: random.Random) -> list[Act]:
    """What happens: kind, which end, funder, points, number of a hold."""
    return [
        (rng.choice(KINDS), rng.randrange(4), rng.randrange(2), rng.randint(1, 30),
         rng.randrange(3))
        for _ in range(90)
    ]  # fmt: skip


def agree(kernel: Kernel, plain: Plain) -> None:
    """State, sums, order; and the unit beside is as it was."""
    s, b = kernel.s, K.HEAD + K.UNIT
    active = kernel.rows(kernel.la, K.ACTIVE_LOT, K.U_AHEAD, K.U_ATAIL)
    assert active == [[e, f, p] for (e, f), p in sorted(plain.active.items())]
    pending = kernel.rows(kernel.lp, K.PENDING_LOT, K.U_PHEAD, K.U_PTAIL)
    assert pending == [[a, e, f, p] for (a, e, f), p in sorted(plain.pending.items())]
    held = [kernel.lh[i * K.HELD_LOT : (i + 1) * K.HELD_LOT] for i in range(s[K.HOLDS])]
    assert held == [[h, u, 1, e, f, p] for h, u, e, f, p in plain.held]
    assert s[b + K.U_ACTIVE] == sum(plain.active.values())
    assert s[b + K.U_PENDING] == sum(plain.pending.values())
    assert s[b + K.U_HELD] == sum(each[4] for each in plain.held)
    assert s[b + K.U_DEBT] == plain.debt
    assert s[K.HEAD + K.U_ACTIVE : K.HEAD + K.U_ACTIVE + 2] == [77, 78]
    assert kernel.la[: K.ACTIVE_LOT] == [5_000, 0, 77]
    due = min([K.NEVER, *(e for e, _ in plain.active), *(a for a, _, _ in plain.pending)])
    assert lots.lots_due(s, kernel.la, kernel.lp, 1, CAP) == due


def room_for(kernel: Kernel, plain: Plain) -> bool:
    """As the state sees to it: every lot that may become active has its place."""
    return len(plain.active) + len(plain.held) + len(plain.pending) < CAP


def release(plain: Plain, hold: int, points: int, now: int) -> None:
    """Held points go back to their lots; those whose end has come are gone."""
    for each in plain.held:
        if each[0] == hold and points:
            taken = min(points, each[4])
            points -= taken
            each[4] -= taken
            if each[2] > now:
                plain.add(each[2], each[3], taken)
    plain.held = [each for each in plain.held if each[4]]


def pass_time(kernel: Kernel, plain: Plain, now: int) -> None:
    """Expiry, lapse, activation at an instant."""
    s, la, lp, lh, out = kernel.s, kernel.la, kernel.lp, kernel.lh, kernel.out
    lots.expire(s, la, out, 1, CAP, now)
    plain.active = {key: v for key, v in plain.active.items() if key[0] > now}
    holds.lapse(s, la, lh, out, CAP, now)
    while any(each[1] <= now for each in plain.held):
        hold = next(each[0] for each in plain.held if each[1] <= now)
        total = sum(each[4] for each in plain.held if each[0] == hold)
        release(plain, hold, total, now)
    lots.activate(s, la, lp, out, 1, CAP, now)
    for key in sorted(plain.pending):
        if key[0] <= now:
            plain.add(key[1], key[2], plain.pending.pop(key))
    assert holds.holds_due(s, lh) == min([K.NEVER, *(each[1] for each in plain.held)])


def act(kernel: Kernel, plain: Plain, now: int, what: Act) -> None:
    """One act on both."""
    kind, which, funder, points, number = what
    s, la, lp, out = kernel.s, kernel.la, kernel.lp, kernel.out
    end = ENDS[which] if ENDS[which] > now else K.NEVER
    active = now + 1 + 7 * number
    if kind == "add" and room_for(kernel, plain):
        lots.earn_active(s, la, out, 1, CAP, points, end, funder, 3, now)
        plain.add(end, funder, points)
    elif kind == "pend" and room_for(kernel, plain):
        lots.earn_pending(s, lp, out, 1, CAP, points, active, K.NEVER, funder, 3, now)
        key = (active, K.NEVER, funder)
        plain.pending[key] = plain.pending.get(key, 0) + points
    elif kind == "draw":
        rest = lots.draw(s, la, out, 1, CAP, points, K.SPENT, K.AT_REDEEMED, -1, now, -1)
        assert rest == plain.draw(points)
    elif kind == "own":
        rest = lots.draw_own(
            s, la, out, 1, CAP, points, end, funder, K.TAKEN_BACK, K.AT_RETURNED, 3, now, -1
        )
        taken = min(points, plain.active.get((end, funder), 0))
        if taken:
            plain.active[end, funder] -= taken
        assert rest == points - taken
    elif kind == "lower":
        rest = lots.lower_pending(
            s, lp, out, 1, CAP, points, active, K.NEVER, funder, K.TAKEN_BACK, K.AT_RETURNED, 3,
            now, -1,
        )  # fmt: skip
        key = (active, K.NEVER, funder)
        taken = min(points, plain.pending.get(key, 0))
        if taken:
            plain.pending[key] -= taken
        assert rest == points - taken
    elif kind == "owe" and not plain.active:
        lots.owe(s, out, 1, points, which % 2, K.AT_REDEEMED, -1, now)
        plain.debt += points * (which % 2)
    else:
        hold(kernel, plain, now, what)
    plain.clean()


def hold(kernel: Kernel, plain: Plain, now: int, what: Act) -> None:
    """Acts about holds."""
    kind, which, _, points, number = what
    s, la, lh, out = kernel.s, kernel.la, kernel.lh, kernel.out
    total = sum(each[4] for each in plain.held if each[0] == number)
    assert holds.held_by(s, lh, number) == total
    assert holds.unit_of_hold(s, lh, number) == (1 if total else -1)
    if kind == "hold" and not total:
        points = min(points, sum(plain.active.values()))
        until = now + 5 + 20 * which
        if points:
            holds.set_aside(s, la, lh, out, 1, CAP, points, number, until, now)
            assert s[K.NEXT_DUE] <= until
        for key in sorted(plain.active):
            taken = min(points, plain.active[key])
            points -= taken
            plain.active[key] -= taken
            if taken:
                plain.held.append([number, until, *key, taken])
    elif kind == "capture":
        points = min(points, total)
        holds.capture(s, lh, out, number, points, now)
        for each in plain.held:
            taken = min(points, each[4]) if each[0] == number else 0
            points -= taken
            each[4] -= taken
        plain.held = [each for each in plain.held if each[4]]
    elif kind == "void":
        points = min(points, total)
        holds.give_back(s, la, lh, out, CAP, number, points, now)
        release(plain, number, points, now)


@pytest.mark.parametrize("seed", range(60 if QUICK else 250))
def test_lots_and_holds_are_plain_lists(seed: int) -> None:
    acts = acts_of(random.Random(seed))
    kernel, plain, now = Kernel(), Plain(), 10
    for what in acts:
        kernel.reset()
        before, lots_before = balances(kernel), Counter(plain.active)
        if what[0] == "time":
            now += what[3]
            pass_time(kernel, plain, now)
        else:
            act(kernel, plain, now, what)
        agree(kernel, plain)
        by_lot = Counter(lots_before)
        for record in kernel.records():
            lot = (record[K.R_END], record[K.R_FUNDER])
            by_lot[lot] += record[K.R_POINTS] * (record[K.R_TO] == K.AT_ACTIVE)
            by_lot[lot] -= record[K.R_POINTS] * (record[K.R_FROM] == K.AT_ACTIVE)
        assert {lot: points for lot, points in by_lot.items() if points} == plain.active
        moved = dict.fromkeys((K.AT_ACTIVE, K.AT_PENDING, K.AT_HELD, K.AT_DEBT), 0)
        for record in kernel.records():
            assert record[K.R_POINTS] > 0
            assert record[K.R_UNIT] == 1
            assert record[K.R_AT] == now
            for account, sign in ((record[K.R_FROM], -1), (record[K.R_TO], 1)):
                if account in moved:
                    moved[account] += sign * record[K.R_POINTS]
        assert [b + m for b, m in zip(before, moved.values(), strict=True)] == balances(kernel)


def balances(kernel: Kernel) -> list[int]:
    """Active, pending, held, and debt below zero."""
    b = K.HEAD + K.UNIT
    s = kernel.s
    return [s[b + K.U_ACTIVE], s[b + K.U_PENDING], s[b + K.U_HELD], -s[b + K.U_DEBT]]


def test_what_a_hold_owes_is_held_without_an_end() -> None:
    kernel = Kernel()
    holds.hold_owed(kernel.s, kernel.lh, 1, 9, 4, 123)
    assert kernel.lh[: K.HELD_LOT] == [4, 123, 1, K.NEVER, 0, 9]
    assert kernel.s[K.HOLDS] == 1
    assert kernel.s[K.HEAD + K.UNIT + K.U_HELD] == 9
    assert kernel.s[K.NEXT_DUE] == 123


@FAST
@given(st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 3)), max_size=12))
def test_credited_sums_are_cut_at_zero(steps: list[tuple[int, int]]) -> None:
    s, b = [0] * (K.HEAD + K.UNIT), K.HEAD
    s[b + K.U_FROM] = 10
    total = since = 0
    at = 4
    for points, on in steps:
        at += on
        lots.credit_sum(s, 0, points, at)
        total = max(0, total + points)
        since = max(0, since + points) if at >= 10 else since
        assert (s[b + K.U_SUM], s[b + K.U_SINCE]) == (total, since)


@pytest.mark.parametrize(("allowed", "kind"), [(1, K.IN_DEBT), (0, K.WAIVED)])
def test_what_is_owed_has_no_lot(allowed: int, kind: int) -> None:
    kernel = Kernel()
    lots.owe(kernel.s, kernel.out, 1, 9, allowed, K.AT_RETURNED, 5, 33)
    account = K.AT_DEBT if allowed else K.AT_WAIVED
    fields = [kind, 1, 9, account, K.AT_RETURNED, 5, K.NEVER, 0, 0, 33, -1]
    assert [record[:11] for record in kernel.records()] == [fields]
    lots.owe(kernel.s, kernel.out, 1, 0, allowed, K.AT_RETURNED, 5, 33)
    assert len(kernel.records()) == 1


def test_expiry_and_activation_name_their_lot() -> None:
    kernel = Kernel()
    lots.earn_active(kernel.s, kernel.la, kernel.out, 1, CAP, 4, 50, 1, 3, 10)
    lots.earn_pending(kernel.s, kernel.lp, kernel.out, 1, CAP, 6, 40, 90, 1, 3, 10)
    kernel.reset()
    lots.activate(kernel.s, kernel.la, kernel.lp, kernel.out, 1, CAP, 40)
    lots.expire(kernel.s, kernel.la, kernel.out, 1, CAP, 50)
    activated, expired = (record[:11] for record in kernel.records())
    assert activated == [
        K.ACTIVATED, 1, 6, K.AT_PENDING, K.AT_ACTIVE, -1, 90, activated[K.R_ACTIVE], 1, 40, -1
    ]  # fmt: skip
    assert activated[K.R_ACTIVE] == 40
    assert expired == [K.EXPIRED, 1, 4, K.AT_ACTIVE, K.AT_EXPIRED, -1, 50, 0, 1, 50, -1]

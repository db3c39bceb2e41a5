"""What must always hold (design section 7), as checks of one book: each raises AssertionError."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from laurels import Book, Compiled
from laurels.base.errors import RequestError
from laurels.engine import history as engine_history
from laurels.engine.kernel import layout as K
from laurels.ledger.postings import Posting, check_posting, totals
from support.books import Raw, as_facts, differences, end_of, fresh, net, play, state

Raws = list[Raw]
STAGES = ("active", "pending", "held", "debt")


def stages(postings: list[Posting], unit: str) -> dict[str, Decimal]:
    """A member's points by stage, from postings alone."""
    sums = totals(postings)
    found = {each: sums.get((unit, f"member:{each}"), Decimal(0)) for each in STAGES}
    return {**found, "debt": -found["debt"]}


def legal_and_balanced(book: Book) -> None:
    for posting in [*book.postings(), *book.net_postings()]:
        check_posting(posting)
    sums = totals(book.postings())
    for unit in book.compiled.program.units:
        assert sum(points for (name, _), points in sums.items() if name == unit.name) == 0


def balance_is_lots_and_postings(book: Book) -> None:
    journal, latest = list(book.postings()), list(book.net_postings())
    for unit in book.compiled.program.units:
        balance = book.balance(unit.name)
        shown = {each: getattr(balance, each) for each in STAGES}
        assert shown == stages(latest, unit.name), ("latest fold", unit.name)
        assert shown == stages(journal, unit.name), ("journal", unit.name)
        lots = book.lots(unit.name)
        active = sum((lot.points for lot in lots[: _active(book, unit.index)]), Decimal(0))
        assert active == balance.active
        assert sum((lot.points for lot in lots), Decimal(0)) == balance.active + balance.pending


def _active(book: Book, unit: int) -> int:
    s, cap = book.state.s, book.state.cap
    b = K.HEAD + unit * K.UNIT
    return sum(
        book.state.la[(unit * cap + i) * K.ACTIVE_LOT + K.A_POINTS] > 0
        for i in range(s[b + K.U_AHEAD], s[b + K.U_ATAIL])
    )


def stages_are_sound(book: Book) -> None:
    for unit in book.compiled.program.units:
        balance = book.balance(unit.name)
        assert min(balance.active, balance.pending, balance.held, balance.debt) >= 0
        assert not (balance.active and balance.debt), f"debt beside active points: {balance}"
        assert balance.held == sum(
            Decimal(book.state.lh[i * K.HELD_LOT + K.H_POINTS]).scaleb(-unit.scale)
            for i in range(book.state.s[K.HOLDS])
            if book.state.lh[i * K.HELD_LOT + K.H_UNIT] == unit.index
        )


def lots_are_in_order(book: Book) -> None:
    for unit in book.compiled.program.units:
        s, cap = book.state.s, book.state.cap
        b = K.HEAD + unit.index * K.UNIT
        for lots, width, points, head, tail in (
            (book.state.la, K.ACTIVE_LOT, K.A_POINTS, K.U_AHEAD, K.U_ATAIL),
            (book.state.lp, K.PENDING_LOT, K.P_POINTS, K.U_PHEAD, K.U_PTAIL),
        ):
            rows = [
                tuple(lots[(unit.index * cap + i) * width :][:width])
                for i in range(s[b + head], s[b + tail])
            ]
            keys = [row[:points] for row in rows]
            assert keys == sorted(set(keys)), (unit.name, keys)
            assert all(row[points] >= 0 for row in rows)


def nothing_leaves_out_of_order(book: Book) -> None:
    """Of what one event spends, nothing has a later end than what it leaves."""
    drawn: dict[tuple[str, str, int], int] = {}
    for posting in book.net_postings():
        if posting.kind in ("spent", "held") and posting.from_account == "member:active":
            key = (posting.event, posting.unit, posting.effective_at)
            end = posting.expires_at or K.NEVER
            assert drawn.get(key, 0) <= end, f"{posting.id} leaves after a later end"
            drawn[key] = end


def issued_is_accounted_for(book: Book) -> None:
    kinds: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for posting in book.net_postings():
        sign = 1 if posting.from_account.startswith("program") else -1
        into = posting.kind
        if posting.kind in ("adjusted", "transferred", "debt", "waived"):
            into += " in" if sign > 0 or posting.kind in ("debt", "waived") else " out"
        kinds[posting.unit, into] += posting.points
    for unit in book.compiled.program.units:
        of = {kind: points for (name, kind), points in kinds.items() if name == unit.name}
        of = defaultdict(Decimal, of)
        balance = book.balance(unit.name)
        outstanding = balance.active + balance.pending + balance.held - balance.debt
        came = of["earned"] + of["adjusted in"] + of["transferred in"] + _waived(book, unit.name)
        owed = sum(
            (p.points for p in book.net_postings()
             if p.kind == "debt" and p.unit == unit.name and p.to_account != "member:held"),
            Decimal(0),
        )  # fmt: skip
        gone = of["spent"] + of["expired"] + of["taken_back"] + of["adjusted out"]
        assert came == gone + of["transferred out"] + owed + outstanding, (unit.name, of)


def _waived(book: Book, unit: str) -> Decimal:
    """What the program lost where debt is forbidden and the member holds it."""
    return sum(
        (p.points for p in book.net_postings()
         if p.kind == "waived" and p.unit == unit and p.to_account == "member:held"),
        Decimal(0),
    )  # fmt: skip


def caps_hold(book: Book) -> None:
    """Caps without a condition: what their rules earned in a period is never above them."""
    program = book.compiled.program
    zone = book.compiled.calendar
    for cap in program.caps:
        most = cap.limit
        if cap.table is not None:
            most = max([cap.table.otherwise[0], *(v for v, _ in cap.table.entries.values())])
        if most is None or cap.when is not None or cap.budget:
            continue
        names = {program.effects[i].rule for i in cap.effects}
        version = program.versions[cap.version]
        used: Counter[Any] = Counter()
        for posting in book.net_postings():
            if posting.kind != "earned" or posting.rule not in names:
                continue
            if posting.unit != program.units[cap.unit].name or posting.version != version.number:
                continue
            day = zone.day_of(posting.effective_at)
            month = zone.month_of[day]
            event = posting.event or posting.effective_at
            key = {"event": event, "day": day, "month": month, "year": month // 12}
            used[key.get(cap.per, 0)] += int(posting.points.scaleb(program.units[cap.unit].scale))
        assert all(points <= most for points in used.values()), (cap.name, cap.per, most, used)


def ids_are_unique(book: Book) -> None:
    twice = [key for key, n in Counter(p.id for p in book.postings()).items() if n > 1]
    assert not twice, twice[:3]


def posted_at_never_goes_back(book: Book) -> None:
    posted = [posting.posted_at for posting in book.postings()]
    assert posted == sorted(posted)
    assert all(posting.posted_at >= posting.effective_at for posting in book.postings())


def journal_is_the_latest_fold(book: Book) -> None:
    """A posting and what corrects it, added up, are those of the latest fold."""
    assert not differences(net(book.postings()), net(book.net_postings()))


def corrected_is_a_fresh_fold(book: Book) -> None:
    new = fresh(book)
    assert not differences(net(book.net_postings()), net(new.net_postings()))
    assert not differences(state(book), state(new))


# ---------------------------------------------------------------- two books of one history


def steps_are_one(program: Compiled, raws: Raws, rng: random.Random) -> None:
    """Advancing in many small steps between events changes nothing, not even when posted."""
    once, often = play(program, raws), Book(program, "m")
    before = None
    for raw in raws:
        try:
            event = often.door.read(raw)
        except RequestError:
            continue
        if before is not None:
            for _ in range(rng.randrange(4)):
                often.advance(rng.randint(min(before, event.recorded), event.recorded))
        before = event.recorded
        try:
            often.take_event(event)
        except RequestError:
            continue
    last = end_of(once)
    for share in (3, 2):
        often.advance(last - (last - (before or last)) // share)
    often.advance(last)
    assert not differences(state(once), state(often))
    assert not differences(net(once.net_postings()), net(often.net_postings()))


def steps_post_the_same(program: Compiled, raws: Raws, rng: random.Random) -> None:
    """... nor what was posted when."""
    once, often = play(program, raws), Book(program, "m")
    before = None
    for raw in raws:
        try:
            event = often.door.read(raw)
        except RequestError:
            continue
        if before is not None:
            for _ in range(rng.randrange(4)):
                often.advance(rng.randint(min(before, event.recorded), event.recorded))
        before = event.recorded
        try:
            often.take_event(event)
        except RequestError:
            continue
    often.advance(end_of(once))
    ours, theirs = ([(p.id, p.points, p.posted_at) for p in b.postings()] for b in (once, often))
    assert sorted(ours) == sorted(theirs), set(ours) ^ set(theirs)


def duplicates_change_nothing(program: Compiled, raws: Raws, rng: random.Random) -> None:
    twice = [each for raw in raws for each in ([raw, dict(raw)] if rng.random() < 0.5 else [raw])]
    one, two = play(program, raws), play(program, twice)
    assert list(one.postings()) == list(two.postings())
    assert not differences(state(one), state(two))


def any_order_of_recording(program: Compiled, raws: Raws, rng: random.Random) -> None:
    """Requests given outcomes as facts: the same net postings however events arrive."""
    one = play(program, raws)
    facts = as_facts(one, raws)
    straight = play(program, facts)
    salt = rng.random()
    facts.sort(key=lambda each: random.Random(f"{salt}{each['id']}").random())
    mixed = play(program, facts, end_of(straight))
    assert not differences(net(straight.net_postings()), net(mixed.net_postings()))
    assert not differences(state(straight), state(mixed))


def rebuilt_is_the_same(program: Compiled, raws: Raws, rng: random.Random) -> None:
    """A book rebuilt from the facts it holds, in the order in which it took them."""
    one = play(program, raws)
    two = play(program, as_facts(one, raws), end_of(one))
    assert not differences(net(one.net_postings()), net(two.net_postings()))
    assert not differences(state(one), state(two))


def checkpoints_do_not_matter(program: Compiled, raws: Raws, rng: random.Random) -> None:
    books = []
    for size in (64, 1, 2, 5):
        with patch.object(engine_history, "CHECKPOINT", size):
            books.append(play(program, raws))
    for book in books[1:]:
        assert list(books[0].postings()) == list(book.postings())
        assert not differences(state(books[0]), state(book))


def withdrawn_leaves_no_trace(program: Compiled, raws: Raws, rng: random.Random) -> None:
    """An event that was withdrawn, and its returns, never were."""
    one = play(program, raws)
    facts = as_facts(one, raws)
    plain = [each for each in facts if each["type"] not in ("withdrawn", "return")]
    if not plain:
        return
    target = rng.choice(plain)
    base = play(program, facts)
    late = end_of(base) + 86_400_000_000
    word = {"id": "never-was", "member": "m", "type": "withdrawn", "withdraws": target["id"],
            "occurred_at": _instant(late)}  # fmt: skip
    if base.find("", target["id"]) is None:
        return
    with_word = play(program, [*facts, word], late + 1)
    without = play(program, [each for each in facts if each["id"] != target["id"]], late + 1)
    gone = [p for p in with_word.net_postings() if p.event == target["id"]]
    assert not gone, gone
    assert not differences(net(without.net_postings()), net(with_word.net_postings()))
    assert not differences(state(without), state(with_word))


def full_return_is_no_event(program: Compiled, raws: Raws, rng: random.Random) -> None:
    """As if never bought: an event and its full return leave what no event leaves."""
    if any(v.returns != "as_if_never_bought" for v in program.program.versions):
        return
    one = play(program, raws)
    facts = as_facts(one, raws)
    bought = [each for each in facts if each["type"] == "purchase"]
    if not bought:
        return
    target = rng.choice(bought)
    event = one.find("", target["id"])
    if event is None or sum(event.amounts) == 0 or event.key in one.withdrawn:
        return
    late = end_of(one) + 86_400_000_000
    back = {"id": "all-back", "member": "m", "type": "return", "returns": target["id"],
            "occurred_at": _instant(late)}  # fmt: skip
    returned = play(program, [*facts, back], late + 1)
    gone = {target["id"]} | {
        e["id"] for e in facts if e["type"] == "return" and e["returns"] == target["id"]
    }
    without = play(program, [each for each in facts if each["id"] not in gone], late + 1)
    assert not differences(state(without), state(returned))


def _instant(at: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat()

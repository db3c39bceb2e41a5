"""Opening balances: what a member had in another system, as a sealed event."""

import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from laurels import Book, Compiled
from laurels.base.errors import RequestError
from laurels.base.instants import format_instant, parse_instant
from laurels.engine.compiled import load
from laurels.engine.kernel import layout as K
from laurels.engine.slots import upper
from laurels.engine.state import live
from laurels.ledger.postings import check_posting
from laurels.replay.events import read_events
from laurels.replay.mapping import load_mapping
from laurels.replay.options import Options
from laurels.replay.play import play as replay
from laurels.replay.raw import Events, Place, Report
from laurels.replay.tables import Kept
from support.books import differences, net, play, state
from support.programs import compiled, history, program_text

ROOT = Path(__file__).parent.parent.parent / "programs"
SHOP = load(ROOT / "retail-starter" / "program.yaml")


def sealed(*lines: dict[str, str], when: str = "2026-02-01T00:00:00Z", **more: object):
    return {"id": "opening", "type": "sealed", "member": "m", "occurred_at": when,
            "lines": list(lines), **more}  # fmt: skip


def opened(*lines: dict[str, str], program: Compiled = SHOP) -> Book:
    book = Book(program, "m")
    book.take(sealed(*lines))
    return book


def test_lots_come_with_their_own_ends_and_leave_in_that_order() -> None:
    book = opened(
        {"unit": "point", "points": "30"},
        {"unit": "point", "points": "120", "expires_at": "2026-08-01"},
        {"unit": "point", "points": "50", "active_at": "2026-03-05"},
    )
    assert (book.balance("point").active, book.balance("point").pending) == (150, 50)
    book.advance(parse_instant("2026-08-02", "UTC"))
    assert [(p.kind, p.points) for p in book.postings()][3:] == [
        ("activated", 50),
        ("expired", 120),
    ]
    for posting in book.postings():
        check_posting(posting)


def test_what_is_owed_elsewhere_is_owed_here_and_paid_first() -> None:
    book = opened({"unit": "point", "debt": "40"})
    assert book.balance("point").debt == 40
    book.take({"id": "e1", "type": "purchase", "member": "m", "amount": "100.00",
               "occurred_at": "2026-02-03T10:00:00Z"})  # fmt: skip
    assert (book.balance("point").debt, book.balance("point").active) == (0, 60)


def test_a_level_lasts_until_the_day_that_was_given() -> None:
    program = load(ROOT / "rostelecom-bonus" / "program.yaml")
    book = opened(
        {"ladder": "status", "level": "privilege", "until": "2026-05-01"},
        {"unit": "status", "counted": "900", "counted_next": "0"}, program=program,
    )  # fmt: skip
    assert book.level("status").name == "privilege"
    book.advance(parse_instant("2026-05-01", program.program.zone) + 1)
    assert book.level("status").name != "privilege"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"unit": "pint", "points": "1"}, "event-value-unknown"),
        ({"unit": "point"}, "sealed-line"),
        ({"unit": "point", "points": "1", "debt": "1"}, "sealed-line"),
        ({"unit": "point", "points": "0"}, "event-points-missing"),
        ({"unit": "point", "points": "-3"}, "event-points-missing"),
        ({"unit": "point", "points": "1.5"}, "decimal-too-fine"),
        ({"unit": "point", "points": "1", "expires_at": "2026-01-31"}, "sealed-over"),
        ({"unit": "point", "points": "1", "funder": "nobody"}, "event-value-unknown"),
        ({"ladder": "clubs", "level": "gold"}, "event-value-unknown"),
    ],
)
def test_a_line_that_is_wrong_is_told_with_its_place(line: dict[str, str], code: str) -> None:
    with pytest.raises(RequestError) as error:
        opened({"unit": "point", "points": "5"}, line)
    assert error.value.code == code
    assert error.value.where.startswith("lines[1]")


def test_debt_never_stands_beside_active_points() -> None:
    with pytest.raises(RequestError, match="debt"):
        opened({"unit": "point", "points": "5"}, {"unit": "point", "debt": "5"})


def test_a_row_without_lines_is_one_line() -> None:
    book = Book(SHOP, "m")
    book.take({"id": "o", "type": "sealed", "member": "m", "occurred_at": "2026-02-01T00:00:00Z",
               "unit": "point", "points": "7"})  # fmt: skip
    assert book.balance("point").active == 7


def test_nothing_is_returned_of_an_opening_balance() -> None:
    book = opened({"unit": "point", "points": "5"})
    found = book.take({"id": "r", "type": "return", "member": "m", "returns": "opening",
                       "amount": "5.00", "occurred_at": "2026-02-02T00:00:00Z"})  # fmt: skip
    assert found.status == "waiting"


def test_an_opening_balance_that_never_was_is_withdrawn() -> None:
    book = opened({"unit": "point", "points": "5"})
    book.take({"id": "w", "type": "withdrawn", "member": "m", "withdraws": "opening",
               "occurred_at": "2026-02-02T00:00:00Z"})  # fmt: skip
    assert book.balance("point").active == 0


def test_what_came_before_counts_for_levels_and_its_points_give_way() -> None:
    book = Book(SHOP, "m")
    book.take({"id": "e1", "type": "purchase", "member": "m", "amount": "990.00",
               "occurred_at": "2026-01-03T10:00:00Z"})  # fmt: skip
    earned = book.balance("point").active
    book.take(sealed({"unit": "point", "points": "11"}))
    assert book.balance("point").active == 11
    away = [p for p in book.postings() if p.to_account == "program:adjusted"]
    assert sum(p.points for p in away) == earned


# -- the law: a member who is sealed as it stands goes on as it would have gone on ---------------


def seal_of(book: Book, when: int) -> dict[str, object]:
    """A sealed event that says what a member has."""
    program, s = book.compiled.program, book.state.s
    lines: list[dict[str, str]] = []
    for unit in program.units:
        at, cap = book.compiled.slots.state[f"UNIT_{upper(unit.name)}"], book.state.cap
        first = unit.index * cap

        def points(number: int, scale: int = unit.scale) -> str:
            return f"{Decimal(number).scaleb(-scale):f}"

        base = {"unit": unit.name}
        for end, funder, held in live(
            book.state.la, first + s[at + K.U_AHEAD], first + s[at + K.U_ATAIL], K.ACTIVE_LOT
        ):
            lines.append(
                {**base, "points": points(held), "funder": program.funders[funder]}
                | ({"expires_at": format_instant(end)} if end < K.NEVER else {})
            )
        for active, end, funder, held in live(
            book.state.lp, first + s[at + K.U_PHEAD], first + s[at + K.U_PTAIL], K.PENDING_LOT
        ):
            lines.append(
                {
                    **base,
                    "points": points(held),
                    "funder": program.funders[funder],
                    "active_at": format_instant(active),
                }
                | ({"expires_at": format_instant(end)} if end < K.NEVER else {})
            )
        if s[at + K.U_DEBT]:
            lines.append({**base, "debt": points(s[at + K.U_DEBT])})
        lines.append(
            {**base, "counted": points(s[at + K.U_SUM]), "counted_next": points(s[at + K.U_SINCE])}
        )
    for ladder in program.ladders:
        at = book.compiled.slots.state[f"LADDER_{upper(ladder.name)}"]
        until = s[at + K.L_UNTIL]
        lines.append(
            {"ladder": ladder.name, "level": ("", *ladder.levels)[s[at + K.L_LEVEL]]}
            | ({"until": format_instant(until)} if until < K.NEVER else {})
        )
    return sealed(*lines, when=format_instant(when), source="~")


@given(seed=st.integers(0, 9), life=st.integers(0, 2**32))
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_a_member_sealed_as_it_stands_goes_on_as_it_would_have(seed: int, life: int) -> None:
    program = compiled(program_text(random.Random(seed), "proportional"))
    raws = [{k: v for k, v in raw.items() if k != "recorded_at"}
            for raw in history(random.Random(life), program, 8 + life % 30)
            if raw["type"] != "withdrawn"]  # fmt: skip
    raws.sort(key=lambda raw: str(raw["occurred_at"]))
    plain = play(program, raws)
    half = plain.history[: len(plain.history) // 2]
    if not half:
        return
    at = half[-1].acts
    before = [event.raw for event in plain.arrivals if event.acts <= at]
    after = [event.raw for event in plain.arrivals if event.acts > at]
    book = play(program, before, at + 1)
    if any(lot[0] == K.NEVER for lot in pending(book)):
        return  # waits for its member, not for an instant
    seal = seal_of(book, at)
    both = play(program, [*before, seal, *after], plain.now + 1)
    assert not differences(state(plain), state(both))

    def later(one: Book):
        return net(p for p in one.postings() if p.effective_at > at)

    assert not differences(later(plain), later(both))


def pending(book: Book):
    s, cap = book.state.s, book.state.cap
    for u in range(book.state.units):
        b, first = K.HEAD + u * K.UNIT, u * cap
        yield from live(
            book.state.lp, first + s[b + K.U_PHEAD], first + s[b + K.U_PTAIL], K.PENDING_LOT
        )


@pytest.mark.parametrize("name", ["retail-starter", "tbc-ertguli", "rostelecom-bonus"])
def test_replay_opens_books_with_either_engine(name: str) -> None:
    program = load(ROOT / name / "program.yaml")
    unit, ladder = program.program.units[0].name, program.program.ladders[0]
    events = []
    for m in range(40):
        lots = [{"unit": unit, "points": str(1 + k),
                 "expires_at": f"2026-{k % 9 + 3:02}-{m % 28 + 1:02}"}
                for k in range(m * 3)]  # fmt: skip
        level = {"ladder": ladder.name, "level": ladder.levels[m % len(ladder.levels)],
                 "until": "2026-06-01"}  # fmt: skip
        events.append({**sealed(*lots, level), "id": f"o{m}", "member": f"m{m}"})
        events.append({"id": f"p{m}", "type": "redemption", "member": f"m{m}", "unit": unit,
                       "points": "3", "occurred_at": "2026-04-01T09:00:00Z"})  # fmt: skip
    found = []
    for engine in ("python", "numba"):
        kept = Kept(program)
        places = [Place("", row) for row in range(1, len(events) + 1)]
        replay(program, Events(events, places, Report()), kept, Options(engine, None))
        found.append((kept.members.to_pylist(), kept.postings.to_pylist()))
    assert found[0] == found[1]
    assert any(row["kind"] == "expired" for row in found[0][1])


def test_the_page_about_moving_brings_in_what_it_says(tmp_path: Path) -> None:
    page = (ROOT.parent / "docs" / "moving.md").read_text("utf-8")
    blocks = [part.split("\n", 1)[1] for part in page.split("```")[1::2]]
    (tmp_path / "ours.csv").write_text(blocks[0])
    (tmp_path / "theirs.csv").write_text("card;balance;valid_to\nA1;120;01.08.2026\nA1;30;\n")
    (tmp_path / "mapping.yaml").write_text(blocks[1])
    found = {}
    for name, mapping in (("ours", None), ("theirs", load_mapping(tmp_path / "mapping.yaml"))):
        kept = Kept(SHOP)
        events = read_events([tmp_path / f"{name}.csv"], mapping, zone=SHOP.program.zone)
        replay(SHOP, events, kept, Options("python", None))
        found |= {row["member"]: row for row in kept.members.to_pylist()}
    assert (found["anna"]["active_point"], found["anna"]["tier_club"]) == (150, "gold")
    assert found["boris"]["debt_point"] == 17
    assert found["A1"]["active_point"] == 150

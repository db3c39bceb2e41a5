"""Returns without a reference: which purchase they find, and what must hold whatever they find."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from laurels.replay.matching import Bought, Left, Match, Returned, match_returns

DAY = 86_400_000_000


def bought(day: int, size: int, key: str = "tea") -> Bought:
    return Bought(key, day * DAY, Fraction(size))


def returned(day: int, size: int, key: str = "tea") -> Returned:
    return Returned(key, day * DAY, Fraction(size))


def sizes(matches: list[Match]) -> list[tuple[int, int, int]]:
    return [(match.returned, match.bought, int(match.size)) for match in matches]


def test_the_latest_purchase_first_and_then_the_one_before() -> None:
    purchases = [bought(1, 5), bought(2, 3), bought(9, 8)]
    matches, left = match_returns(purchases, [returned(3, 4)], "latest")
    assert sizes(matches) == [(0, 1, 3), (0, 0, 1)]
    assert not left


def test_the_oldest_purchase_first() -> None:
    matches, _ = match_returns([bought(1, 5), bought(2, 3)], [returned(3, 6)], "oldest")
    assert sizes(matches) == [(0, 0, 5), (0, 1, 1)]


def test_returns_are_served_by_time_not_by_place() -> None:
    matches, left = match_returns([bought(1, 5)], [returned(4, 5), returned(3, 2)])
    assert sizes(matches) == [(0, 0, 3), (1, 0, 2)]
    assert left == [Left(0, Fraction(2), "already-returned")]


def test_a_purchase_at_the_same_instant_counts_and_a_later_one_does_not() -> None:
    matches, left = match_returns([bought(3, 1), bought(4, 1)], [returned(3, 2)])
    assert sizes(matches) == [(0, 0, 1)]
    assert left == [Left(0, Fraction(1), "already-returned")]


def test_the_reasons() -> None:
    purchases = [bought(5, 1), bought(1, 1, "cup")]
    asking = [returned(1, 1), returned(5, 1, "hat"), returned(400, 1, "cup"), returned(6, 2)]
    _, left = match_returns(purchases, asking, within=365 * DAY)
    assert [(each.returned, each.reason) for each in left] == [
        (0, "purchase-later"),
        (1, "no-purchase"),
        (2, "too-old"),
        (3, "already-returned"),
    ]


def test_within_is_a_greatest_age() -> None:
    matches, _ = match_returns([bought(0, 1)], [returned(365, 1)], within=365 * DAY)
    assert len(matches) == 1
    matches, _ = match_returns([bought(0, 1)], [returned(365, 1)], within=365 * DAY - 1)
    assert not matches


KEYS = st.sampled_from(["tea", "cup"])
SIZES = st.fractions(min_value=Fraction(1, 3), max_value=9, max_denominator=3)
LINES = st.lists(st.tuples(KEYS, st.integers(0, 12), SIZES), max_size=14)


@given(LINES, LINES, st.sampled_from(["latest", "oldest"]), st.none() | st.integers(0, 6))
def test_what_always_holds(purchases: list, asking: list, take: str, within: int | None) -> None:
    bought_lines = [Bought(*line) for line in purchases]
    returned_lines = [Returned(*line) for line in asking]
    matches, left = match_returns(bought_lines, returned_lines, take, within)  # type: ignore[arg-type]

    for index, line in enumerate(returned_lines):
        matched = sum(match.size for match in matches if match.returned == index)
        assert matched + sum(each.size for each in left if each.returned == index) == line.size
    for index, line in enumerate(bought_lines):
        assert sum(match.size for match in matches if match.bought == index) <= line.size
    for match in matches:
        purchase, back = bought_lines[match.bought], returned_lines[match.returned]
        assert match.size > 0
        assert purchase.key == back.key
        assert purchase.at <= back.at
        assert within is None or purchase.at >= back.at - within


@given(LINES, LINES, st.sampled_from(["latest", "oldest"]), st.none() | st.integers(0, 6))
def test_the_plain_way_finds_the_same(
    purchases: list, asking: list, take: str, within: int | None
) -> None:
    """Beside the matcher with its stack: look at every purchase for every return."""
    open_sizes = [size for _, _, size in purchases]
    expected: dict[tuple[int, int], Fraction] = {}
    for index, (key, at, size) in sorted(enumerate(asking), key=lambda each: (each[1][1], each[0])):
        places = sorted(
            (place for place, (other, _, _) in enumerate(purchases) if other == key),
            key=lambda place: (purchases[place][1], place),
            reverse=take == "latest",
        )
        for place in places:
            when = purchases[place][1]
            if when > at or (within is not None and when < at - within):
                continue
            part = min(size, open_sizes[place])
            if part:
                expected[(index, place)] = part
                open_sizes[place] -= part
                size -= part
    matches, _ = match_returns(
        [Bought(*line) for line in purchases],
        [Returned(*line) for line in asking],
        take,  # type: ignore[arg-type]
        within,
    )
    assert {(match.returned, match.bought): match.size for match in matches} == expected

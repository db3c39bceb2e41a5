"""Which purchase a return returns, when the return itself does not say.

A return finds the purchases that are equal to it in the fields of the rule (member, item), at or
before its own time, and takes from them what has not been returned yet: from the latest first, or
from the oldest, from several when one is not enough. Returns are served in the order of their
times, so a purchase after a return is never touched by it, and nothing is returned twice.

What finds no purchase is left over and told with a reason:

    no-purchase        the history holds no such purchase at all
    purchase-later     only purchases after the return
    too-old            only purchases before the time allowed
    already-returned   there were purchases, and all of them have been returned
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

Take = Literal["latest", "oldest"]


class Bought(NamedTuple):
    """One purchase line. ``at`` is an instant in microseconds; ``size`` is what is counted down
    (units, or money), above zero."""

    key: Hashable
    at: int
    size: Fraction


class Returned(NamedTuple):
    """One return line, as Bought."""

    key: Hashable
    at: int
    size: Fraction


class Match(NamedTuple):
    """``size`` of the return line is taken from the purchase line. Both by their positions."""

    returned: int
    bought: int
    size: Fraction


class Left(NamedTuple):
    """``size`` of the return line found no purchase."""

    returned: int
    size: Fraction
    reason: str


def match_returns(
    bought: Sequence[Bought],
    returned: Sequence[Returned],
    take: Take = "latest",
    within: int | None = None,
) -> tuple[list[Match], list[Left]]:
    """Matches and left-overs, by the position of the return line and in the order of taking.

    ``within`` is the greatest age of a purchase, in microseconds; None: any. At one instant
    purchases come before returns, and both are taken in the order in which they are given.
    Time: proportional to the number of lines, plus sorting.
    """
    purchases = _by_key(bought)
    matches: list[Match] = []
    left: list[Left] = []
    for key, asking in _by_key(returned).items():
        offered = purchases.get(key, [])
        matcher = _Matcher([(i, bought[i].at, bought[i].size) for i in offered], take, within)
        for index in asking:
            line = returned[index]
            taken, rest = matcher.take(line.at, line.size)
            matches += [Match(index, position, size) for position, size in taken]
            if rest:
                left.append(Left(index, rest, matcher.why_nothing(line.at)))
    matches.sort(key=lambda match: match.returned)
    left.sort(key=lambda each: each.returned)
    return matches, left


def _by_key(lines: Iterable[Bought | Returned]) -> dict[Hashable, list[int]]:
    """Positions of the lines for each key, in the order of time, then of position."""
    found: dict[Hashable, list[tuple[int, int]]] = {}
    for index, line in enumerate(lines):
        found.setdefault(line.key, []).append((line.at, index))
    return {key: [index for _, index in sorted(places)] for key, places in found.items()}


class _Matcher:
    """The purchases of one key, counted down by its returns, which come in order of time."""

    def __init__(
        self, lines: list[tuple[int, int, Fraction]], take: Take, within: int | None
    ) -> None:
        self._lines = lines
        self._times = [at for _, at, _ in lines]
        self._latest = take == "latest"
        self._within = within
        self._next = 0
        self._open: deque[int] = deque()
        self._left = [size for _, _, size in lines]

    def take(self, at: int, size: Fraction) -> tuple[list[tuple[int, Fraction]], Fraction]:
        """What is taken at an instant, as (position of the purchase, size), and what remains."""
        while self._next < len(self._lines) and self._times[self._next] <= at:
            self._open.append(self._next)
            self._next += 1
        # A purchase that is too old for this return is too old for all that follow.
        while self._open and self._is_too_old(self._open[0], at):
            self._open.popleft()
        taken: list[tuple[int, Fraction]] = []
        while size and self._open:
            place = self._open[-1] if self._latest else self._open[0]
            part = min(size, self._left[place])
            taken.append((self._lines[place][0], part))
            self._left[place] -= part
            size -= part
            if not self._left[place]:
                _ = self._open.pop() if self._latest else self._open.popleft()
        return taken, size

    def why_nothing(self, at: int) -> str:
        """Why nothing more could be taken at the instant."""
        if not self._lines:
            return "no-purchase"
        until = bisect_right(self._times, at)
        if until == 0:
            return "purchase-later"
        return "too-old" if any(self._left[:until]) else "already-returned"

    def _is_too_old(self, place: int, at: int) -> bool:
        return self._within is not None and self._times[place] < at - self._within

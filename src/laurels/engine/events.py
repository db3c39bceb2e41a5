"""An event that passed the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from laurels.engine.kernel.layout import E_AMOUNT

if TYPE_CHECKING:
    from laurels.engine.join import Joined

Raw = Mapping[str, object]
Key = tuple[str, str]
Place = tuple[Any, ...]

NEVER_BEFORE = -9_000_000_000_000_000_000
ID_MAX = 200
"""Characters of an id, at most."""

WHOLE_MAX = 10**15
"""Up to here a binary float knows every whole number."""


def words(value: object) -> str:
    """The text of an attribute's value. A whole number is written without decimals: a table
    keeps 5541 as 5541.0 where other rows of its column have nothing."""
    if isinstance(value, (float, Decimal)) and isfinite(value) and -WHOLE_MAX < value < WHOLE_MAX:
        whole = Decimal(value)
        if whole == int(whole):
            return str(int(whole))
    return str(value)


class Event:
    """An event that passed the door, and what the fold has made of it.

    row     the integers that the step reads; lines: the same for its lines
    acts    the instant at which it acts; its order among events of that instant is `place`
            (texts compare by code point, which is the order of their UTF-8 bytes)
    grants  what it was granted, as the kernel notes it
    amounts of its lines as they were sent; refers, pays, to: ids of what it names
    decided 1 accepted, 2 refused (refusal says why): what a later fold reads as a fact
    number  of a hold; asked: points that were asked for; paid: points spent towards it
    since   of an event that waited: when what it names was recorded
    gone    as if it had never been bought; foreseen: a return that is already left out
    undo    what a later fold must first put back
    joined  of a merge: who became this member
    absorbed  of one who became this member: the place of the merge; shift: of its holds' numbers
    """

    # defaults live on the class: most events never set most of these
    line_names: tuple[str, ...] = ()
    refers: str = ""
    pays: str = ""
    to: str = ""
    grants: Sequence[int] = ()
    decided: int = 0
    refusal: int = 0
    returned: int = 0
    paid: int = 0
    number: int = -1
    asked: int = 0
    since: int = NEVER_BEFORE
    gone: bool = False
    foreseen: bool = False
    undo: tuple[Any, ...] | None = None
    joined: Joined | None = None
    absorbed: Place | None = None
    shift: int = 0
    namesake: Event | None = None  # the same id from another source
    width: int = 0  # of the one line of an event that came without any
    _lines: list[int] | None = None
    _amounts: Sequence[int] = ()
    _place: Place | None = None

    def __init__(
        self, raw: Raw, identity: str, source: str, member: str, kind: str, occurred: int,
        recorded: int, acts: int, row: list[int],
    ) -> None:  # fmt: skip
        self.raw = raw
        self.id = identity
        self.source = source
        self.member = member
        self.type = kind
        self.occurred = occurred
        self.recorded = recorded
        self.acts = acts
        self.row = row

    @property
    def known(self) -> int:
        """From when it could count: when it was recorded, or when what it waited for was."""
        return max(self.recorded, self.since)

    @property
    def key(self) -> Key:
        """The identity: source and id."""
        return (self.source, self.id)

    @property
    def place(self) -> Place:
        """Where it stands among all events of the member."""
        if self._place is None:
            self._place = (self.acts, self.source, self.id, 0)
        return self._place

    @place.setter
    def place(self, place: Place) -> None:
        self._place = place

    @property
    def comes_back(self) -> bool:
        """Whether a return can name it."""
        return self.type not in ("return", "sealed") and bool(self.lines)

    @property
    def lines(self) -> list[int]:
        """The integers of its lines; an event that came without any is one line, which is made
        when somebody asks for it."""
        if self._lines is None:
            if not self.width:
                return NO_LINES
            amount = self.row[E_AMOUNT]
            self._lines = [amount, amount, *[0] * (self.width - 2)]
            self.amounts = (amount,)
        return self._lines

    @lines.setter
    def lines(self, lines: list[int]) -> None:
        self._lines = lines

    @property
    def amounts(self) -> Sequence[int]:
        """What its lines came to when it was sent."""
        return self._amounts if self.lines else ()

    @amounts.setter
    def amounts(self, amounts: Sequence[int]) -> None:
        self._amounts = amounts


NO_LINES: list[int] = []

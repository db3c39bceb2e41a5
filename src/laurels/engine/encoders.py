"""Events in their usual shape, read at once.

The door reads an event field by field, and finds all that can be wrong with it. Nearly all events
of a program's own types have nothing wrong and one shape: texts where texts belong, an instant in
UTC, an amount with all its decimals. For each such type a function is generated that reads this
shape in a straight line. What has another shape it does not read: the door does, from the start,
and alone says what is wrong. So an encoder decides nothing that the door would decide otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from textwrap import indent
from typing import TYPE_CHECKING, Any

from laurels.base.errors import RequestError
from laurels.base.instants import DAY, HOUR, MINUTE, SECOND, Calendar
from laurels.base.money import parse_decimal
from laurels.engine.events import ID_MAX, Event, Raw, words
from laurels.engine.kernel import layout as K
from laurels.engine.slots import upper

if TYPE_CHECKING:
    from laurels.engine.door import Door, Plan, Reader
    from laurels.program import linked as L

KEPT = 4096
"""So many texts of an attribute, of at most so many characters, are known by heart."""
KEPT_LENGTH = 40
EPOCH = date(1970, 1, 1)


class Unusual(Exception):
    """An event has not the usual shape."""


UNUSUAL = (Unusual, RequestError, LookupError, TypeError, AttributeError)
"""What an encoder meets where the shape is another."""


class Dates(dict[str, int]):
    """The first instant of a UTC day by its text, such as 2024-02-29."""

    _shape = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

    def __missing__(self, text: str) -> int:
        if not self._shape.fullmatch(text) or not "1901" <= text[:4] <= "2198":
            raise Unusual  # near the ends of the calendar the door looks at the zone
        try:
            found = (date.fromisoformat(text) - EPOCH).days * DAY
        except ValueError:
            raise Unusual from None
        if len(self) >= KEPT:
            self.clear()
        self[text] = found
        return found


DATES = Dates()
CLOCK = {f"T{at // 60:02}:{at % 60:02}:": at * MINUTE for at in range(24 * 60)}


class Seconds(dict[str, int]):
    """What the end of an instant's text adds: 30Z, 30.250Z, 30+05:00. Local times are not here."""

    _shape = re.compile(r"([0-5]\d)(?:\.(\d{1,6}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII)

    def __missing__(self, text: str) -> int:
        match = self._shape.fullmatch(text)
        if match is None:
            raise Unusual
        second, fraction, sign, hours, minutes = match.groups()
        found = int(second) * SECOND + int((fraction or "").ljust(6, "0"))
        if sign is not None:
            ahead = int(hours) * HOUR + int(minutes) * MINUTE
            found += ahead if sign == "-" else -ahead
        if fraction is None:
            self[text] = found
        return found


SECONDS = Seconds()
DATE, TIME, REST = slice(10), slice(10, 17), slice(17, None)
"""The parts of an instant's text."""


class Codes(dict[object, int]):
    """What an attribute's values are to the step: known by heart, or read."""

    def __init__(self, read: Reader, name: str, required: bool, keep: bool) -> None:
        super().__init__({} if required else {None: 0, "": 0})
        self.read = read
        self.name = name
        self.keep = keep

    def __missing__(self, value: object) -> int:
        if value is None or value == "":
            raise Unusual
        found = self.read(value, self.name)
        if (
            self.keep
            and type(value) is str
            and len(self) < KEPT
            and len(value) <= KEPT_LENGTH
        ):  # fmt: skip
            self[value] = found
        return found


class Near:
    """The local day at which the last event was: mostly that of the next one too."""

    def __init__(self, zone: Calendar) -> None:
        self.zone = zone
        self.day = [1, 0, 0, 0]
        """Its first instant, its end, its number, its month."""

    def find(self, instant: int) -> list[int]:
        """The day of another instant."""
        midnight = self.zone.midnight
        day = self.zone.day_of(instant)
        found = [midnight[day], midnight[day + 1], day, self.zone.month_of[day]]
        self.day[:] = found
        return found  # not `day`: another thread may come through the same door


HEAD = """\
def read(raw, learned=None):
    get = raw.get
    identity = raw["id"]
    member = raw["member"]
    both = identity + member
    if not identity or not member or len(both) > ID_MAX or not both.isprintable():
        raise Unusual
    at = raw["occurred_at"]
    occurred = recorded = acts = DATES[at[DATE]] + CLOCK[at[TIME]] + SECONDS[at[REST]]
    source = ""
    if "recorded_at" in raw or "source" in raw or "currency" in raw or "lines" in raw:
        if get("lines") or (get("currency") or CURRENCY) != CURRENCY:
            raise Unusual
        source = get("source")
        source = "" if source is None else str(source)
        at = get("recorded_at")
        if learned is None and at is not None and at != "":
            recorded = DATES[at[DATE]] + CLOCK[at[TIME]] + SECONDS[at[REST]]
            acts = acts_at(occurred, recorded)
    if learned is not None:
        recorded = learned
        acts = acts_at(occurred, recorded)
    start, stop, day, month = day_near
    if not start <= acts < stop:
        start, stop, day, month = near.find(acts)
"""
ONE_VERSION = """\
    if occurred < FIRST:
        raise Unusual
    version = 0
"""
VERSIONS = """\
    version = version_at(occurred, recorded)
    if version is None:
        raise Unusual
"""
DECIMALS = """\
if len(text) > {more} and text[-{more}] == ".":
    digits = text.replace(".", "", 1)
    if len(digits) <= 15 and digits.isdecimal() and digits.isascii():
        amount = int(digits)
    else:
        amount = amount_of(text)
else:
    amount = amount_of(text)
"""
"""Reads an amount with all its decimals at once; leaves every other text to the strict reader."""
ROW = """\
    event = new(Event)
    event.raw = raw
    event.id = identity
    event.source = source
    event.member = member
    event.type = {kind!r}
    event.occurred = occurred
    event.recorded = recorded
    event.acts = acts
    event.row = [{row}]
    event.width = {width}
    return event
"""


def encoder(door: Door, kind: L.EventType) -> Callable[[Raw, int | None], Event]:
    """A function that reads events of a type in their usual shape. Raises one of UNUSUAL."""
    names: dict[str, Any] = {
        "Event": Event, "new": object.__new__, "Unusual": Unusual,
        "amount_of": amount_reader(door.exponent),
        "DATES": DATES, "CLOCK": CLOCK, "SECONDS": SECONDS, "ID_MAX": ID_MAX,
        "DATE": DATE, "TIME": TIME, "REST": REST,
        "CURRENCY": door.program.currency, "FIRST": door.versions[0].effective_from,
        "near": door.near, "day_near": door.near.day, "acts_at": door.acts,
        "version_at": door.compiled.version_at, "parts_of": door.zone.parts,
    }  # fmt: skip
    source = source_of(door, kind, names)
    exec(compile(source, f"<{door.program.name} {kind.name}>", "exec"), names)  # our own text
    made: Callable[[Raw, int | None], Event] = names["read"]
    return made


def source_of(door: Door, kind: L.EventType, names: dict[str, Any]) -> str:
    """The source of an encoder. ``names``: what it names; the codes of attributes are added."""
    columns = {K.E_TYPE: str(kind.index), K.E_AT: "acts", K.E_DAY: "day", K.E_MONTH: "month",
               K.E_VERSION: "version", K.E_AMOUNT: "amount", K.E_LINE: "-1"}  # fmt: skip
    if kind.amount != "none":
        columns[K.E_LINES] = "1"
    columns |= dict.fromkeys(door.budgets, str(K.NEVER))
    columns |= {column: f"int(parts.{part})" for part, column in door.local}
    asked = attributes_of(door.readers[kind.name], names)
    looked_at = [f"    {source}\n" for column, source in asked if column < 0]
    columns |= {column: source for column, source in asked if column >= 0}
    row = ", ".join(columns.get(column, "0") for column in range(door.slots.event_size))
    return "".join([
        HEAD,
        ONE_VERSION if door.one_version else VERSIONS,
        amount_lines(kind.amount, door.exponent),
        "    parts = parts_of(acts)\n" if door.local else "",
        *looked_at,
        ROW.format(row=row, kind=kind.name, width=0 if kind.amount == "none" else door.width),
    ])  # fmt: skip


def amount_reader(places: int) -> Callable[[str], int]:
    """Reads amounts, negative ones excepted."""

    def amount_of(text: str) -> int:
        found = parse_decimal(text, places)
        if found < 0:
            raise Unusual
        return found

    return amount_of


def amount_lines(given: str, places: int) -> str:
    """The lines that read the amount. ``given``: none, optional or required."""
    if given == "none":
        return "    amount = 0\n"
    read = DECIMALS.format(more=places + 1) if places else "amount = amount_of(text)\n"
    if given == "required":
        return '    text = raw["amount"]\n' + indent(read, "    ")
    return (
        '    text = get("amount")\n'
        '    if text is None or text == "":\n'
        "        amount = 0\n"
        "    else:\n"
    ) + indent(read, "        ")


def attributes_of(plan: Plan, names: dict[str, Any]) -> list[tuple[int, str]]:
    """For each column that an attribute fills (-1: it is only looked at), how it is read."""
    found: list[tuple[int, str]] = []

    def add(column: int, name: str, read: Reader, required: bool, keep: bool) -> None:
        codes = f"{upper(name)}_{len(found)}"
        names[codes] = Codes(read, name, required, keep)
        source = f"{codes}[raw[{name!r}]]"
        found.append((column, source if required else f"{source} if {name!r} in raw else 0"))

    texts, rest = plan
    for name, column, codes, other in texts:
        add(column, name, text_reader(codes, other), False, True)
    for name, attribute, fills in rest:
        for column, reader in fills:
            add(column, name, reader, attribute.required, attribute.type == "text")
    return found


def text_reader(codes: Mapping[str, int], other: int) -> Reader:
    """A text's code, as the door finds it."""

    def read(value: object, where: str) -> int:
        del where  # any text will do
        return codes.get(words(value), other)

    return read

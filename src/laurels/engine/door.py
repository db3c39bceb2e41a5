"""The door: from an event as it comes in to the integers that the step reads.

Everything that can be wrong with an event is found here, before anything is decided. What passes
is exact: money in minor units, points in steps, instants in microseconds, strings as codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from laurels.base.errors import RequestError
from laurels.base.instants import parse_instant
from laurels.base.money import BOUND, parse_decimal, too_large
from laurels.engine.compiled import Compiled
from laurels.engine.encoders import UNUSUAL, Near, encoder
from laurels.engine.events import ID_MAX, Event, Raw, words
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.layout import E_AMOUNT, E_AT, E_DAY, E_LINE, E_LINES, E_MONTH, E_TYPE
from laurels.engine.opened import Opening
from laurels.engine.slots import constant, upper
from laurels.program import linked as L
from laurels.program.expr import Predicate
from laurels.program.names import BUILTIN, FIRST_OWN_TYPE

LINES_MAX = 10_000
WHOLE = 10**15
"""The amount of a return that gives none: all that is left, to which every return is cut."""

REFERENCE = {"return": "returns", "capture": "hold", "void": "hold", "withdrawn": "withdraws"}
WITH_POINTS = frozenset({"redemption", "hold", "adjustment", "transfer", "transfer_received"})
OUTCOMES = {"accepted": 1, "refused": 2}
DIRECTIONS = {"credit": 1, "debit": 2}


Reader = Callable[[object, str], int]
Plan = tuple[
    list[tuple[str, int, dict[str, int], int]],
    list[tuple[str, L.Attribute, list[tuple[int, Reader]]]],
]


class Door:
    """Encodes the events of one program."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.standing: Door | None = None  # see `standing.read_standing`
        self.program = compiled.program
        self.slots = compiled.slots
        self.zone = compiled.calendar
        self.exponent = self.program.exponent
        self.blank = compiled.blank_row()
        self.budgets = [
            column for name, column in self.slots.columns.items() if name.startswith("E_BUDGET_")
        ]
        self.width = self.slots.width
        self.versions = self.program.versions
        self.one_version = len(self.versions) == 1
        self.near = Near(self.zone)
        late = self.program.late
        self.tolerance = micros(late.tolerance)
        self.when_recorded = late.policy == "when_recorded"
        self.reject_after = micros(late.reject_after)
        self.readers = {
            name: self._plan(event.attributes, "event", self.slots.columns, "E_")
            for name, event in self.program.events.items()
        }
        self.line_readers = {
            name: self._plan(event.line, "line", self.slots.lines, "LN_")
            for name, event in self.program.events.items()
        }
        self.units = {unit.name: unit for unit in self.program.units}
        # an event that names no unit means the first that can be spent
        spendable = [unit.name for unit in self.program.units if unit.spendable]
        self.first_unit = (spendable or [self.program.units[0].name])[0]
        self.opening = Opening(self.program, self.zone, self.width)
        self.local = [(part, self.slots.columns[f"E_LOCAL_{upper(part)}"])
                      for part in self.slots.local]  # fmt: skip
        self.encoders: dict[object, Callable[[Raw, int | None], Event]] = {
            name: encoder(self, kind)
            for name, kind in self.program.events.items()
            if kind.index >= FIRST_OWN_TYPE
        }

    # -- plans ---------------------------------------------------------------------------------

    def _plan(
        self,
        attributes: Mapping[str, L.Attribute],
        kind: str,
        columns: Mapping[str, int],
        prefix: str,
    ) -> Plan:
        """How attributes are read: open texts by a table of codes, the rest by a reader each."""
        texts: list[tuple[str, int, dict[str, int], int]] = []
        rest: list[tuple[str, L.Attribute, list[tuple[int, Reader]]]] = []
        for name, attribute in attributes.items():
            column = columns.get(constant(prefix, name))
            predicates = self.slots.predicates_of(f"{kind}.{name}")
            simple = attribute.type == "text" and attribute.values is None
            if simple and not predicates and not attribute.required:
                if column is not None:
                    texts.append((name, column, *self._codes(f"{kind}.{name}")))
                continue
            fills: list[tuple[int, Reader]] = [
                (-1 if column is None else column, self._reader(attribute, f"{kind}.{name}"))
            ]
            for predicate in predicates:
                at = columns[f"{prefix}{self.slots.predicate_name(predicate)}"]
                fills.append((at, self._asking(predicate)))
            rest.append((name, attribute, fills))
        return texts, rest

    def _codes(self, name: str) -> tuple[dict[str, int], int]:
        """The codes of a text's values, and the code of every other value."""
        known = self.slots.strings.names
        codes = dict(self.slots.strings.codes(name)) if name in known else {}
        return codes, len([each for each in codes if each]) + 1

    def _reader(self, attribute: L.Attribute, name: str) -> Reader:
        """How to read a value of an attribute as an integer."""
        if attribute.type == "text":
            return self._coder(name, attribute.values)
        if attribute.type == "flag":
            return read_flag
        if attribute.type == "date":
            return read_date
        low, high, scale = attribute.low, attribute.high, attribute.scale

        def read_number(value: object, where: str) -> int:
            number = parse_decimal(value, scale, where)
            if (
                number < 0
                or (low is not None and number < low)
                or (high is not None and number > high)
            ):
                raise RequestError(
                    "event-value-out-of-range",
                    f"{value} is outside the range",
                    where=where,
                    expected=span(low or 0, high, scale),
                )
            return number

        return read_number

    def _coder(self, name: str, values: tuple[str, ...] | None) -> Reader:
        """Codes of a text; a closed set refuses what is not in it."""
        codes, other = self._codes(name)

        def read_text(value: object, where: str) -> int:
            found = words(value)
            if values is not None and found not in values:
                raise RequestError(
                    "event-value-unknown",
                    f"`{found[:40]}` is no value of it",
                    where=where,
                    expected="one of " + ", ".join(values),
                )
            return codes.get(found, other)

        return read_text

    @staticmethod
    def _asking(predicate: Predicate) -> Reader:
        def ask(value: object, where: str) -> int:
            del where  # any text will do
            return int(predicate.holds(words(value)))

        return ask

    # -- events --------------------------------------------------------------------------------

    def read(self, raw: Raw, learned: int | None = None) -> Event:
        """Encode an event. Raises RequestError: what, where, what was expected, how to mend it.

        learned  when it was recorded, where that is not for the sender to say
        """
        try:
            encode = self.encoders.get(raw.get("type"))
            if encode is not None:
                return encode(raw, learned)
        except UNUSUAL:
            pass  # what is wrong with it, if anything is, is found and said below
        return self.examine(raw, learned)

    def examine(self, raw: Raw, learned: int | None = None) -> Event:
        """The same, field by field."""
        get = raw.get
        identity, member, name = get("id"), get("member"), get("type")
        if type(identity) is not str or not identity.isprintable() or len(identity) > ID_MAX:
            identity = text(identity, "id")
        if type(member) is not str or not member.isprintable() or len(member) > ID_MAX:
            member = text(member, "member")
        if not identity or not member or type(name) is not str or not name:
            identity, member = text(identity, "id"), text(member, "member")
            name = text(name, "type")
        occurred = recorded = acts = parse_instant(
            need(get("occurred_at"), "occurred_at"), self.zone
        )
        given = get("recorded_at")
        if learned is not None:
            recorded = learned
            acts = self.acts(occurred, recorded)
        elif given is not None and given != "":
            recorded = parse_instant(given, self.zone, "recorded_at")
            acts = self.acts(occurred, recorded)
        source = get("source")
        source = "" if source is None else str(source)
        row = self.blank.copy()
        event = Event(raw, identity, source, member, name, occurred, recorded, acts, row)
        kind = self.program.events.get(name)
        if kind is not None:
            row[E_TYPE] = kind.index
        row[E_AT] = acts
        row[E_DAY] = day = self.zone.day_of(acts)
        row[E_MONTH] = self.zone.month_of[day]
        if self.local:
            parts = self.zone.parts(acts)
            for part, column in self.local:
                row[column] = int(getattr(parts, part))
        if not self.one_version or self.versions[0].effective_from > occurred:
            self._version(event)
        if kind is None:
            return event
        row[E_LINE] = -1
        if name == "sealed":
            event.lines, event.line_names = self.opening.read(raw, acts)
            row[E_LINES] = len(event.line_names)
            return event
        self._money(event, kind)
        if name in BUILTIN:
            self._builtin(event, kind)
        if name != "member" and row[E_TYPE]:
            self._attributes(event, kind)
        return event

    def acts(self, occurred: int, recorded: int) -> int:
        """When an event counts, by the program's policy for late ones."""
        late = recorded - occurred
        if late <= 0:
            return occurred
        if late > self.reject_after:
            raise RequestError(
                "event-too-late",
                "the event was recorded too long after it occurred",
                where="recorded_at",
                expected=f"at most {self.program.late.reject_after} later",
                hint="an adjustment can stand in for it",
            )
        return recorded if self.when_recorded and late > self.tolerance else occurred

    def _version(self, event: Event) -> None:
        found = self.compiled.version_at(event.occurred, event.recorded)
        if found is None:
            raise RequestError(
                "event-before-program",
                "no version of the program was in force yet",
                where="occurred_at",
            )
        event.row[K.E_VERSION] = found

    def _money(self, event: Event, kind: L.EventType) -> None:
        """The amount, and the lines whose sum it is."""
        get = event.raw.get
        currency = get("currency")
        if currency and currency != self.program.currency:
            raise RequestError(
                "event-currency",
                f"the amount is in {str(currency)[:10]}",
                where="currency",
                expected=self.program.currency,
                hint="convert it before it comes in, and keep the rate with the event",
            )
        lines = get("lines")
        amount = get("amount")
        has = amount is not None and amount != ""
        if lines and event.type == "return":
            raise RequestError(
                "event-lines",
                "a return is of one line, or of the whole event",
                where="lines",
                expected="line and amount",
                hint="send a return for each line",
            )
        if lines:
            self._lines(event, kind, lines)
            total = sum(event.lines[K.LN_AMOUNT :: self.width])
            if total > BOUND:
                raise too_large("lines")
            if has and parse_decimal(amount, self.exponent) != total:
                raise RequestError(
                    "event-amount-not-sum",
                    "the amount is not the sum of the lines",
                    where="amount",
                    expected="their sum, or no amount",
                )
            event.row[E_AMOUNT] = total
        elif has:
            if kind.amount == "none":
                return
            value = parse_decimal(amount, self.exponent)
            if value < 0:
                raise RequestError(
                    "event-amount-negative",
                    "an amount is never below zero",
                    where="amount",
                    expected="0 or more",
                    hint="what comes back is an event of type return",
                )
            event.row[E_AMOUNT] = value
        elif kind.amount == "required" and event.type != "return":
            raise RequestError(
                "event-amount-missing",
                "there is no amount",
                where="amount",
                expected="decimal text such as 1234.50",
            )
        elif event.type == "return":
            event.row[E_AMOUNT] = WHOLE
        if not event.lines and kind.amount != "none" and event.type != "return":
            event.width = self.width
            event.row[E_LINES] = 1
        elif event.lines:
            event.amounts = event.lines[K.LN_AMOUNT :: self.width]

    def _lines(self, event: Event, kind: L.EventType, lines: object) -> None:
        if not isinstance(lines, (list, tuple)) or len(lines) > LINES_MAX:
            raise RequestError(
                "event-lines",
                "the lines are no list, or too many",
                where="lines",
                expected=f"a list of at most {LINES_MAX} lines",
            )
        names = []
        flat: list[int] = []
        plan = self.line_readers[kind.name]
        for number, line in enumerate(lines):
            if not isinstance(line, Mapping):
                raise RequestError("event-lines", "a line is no mapping", where=f"lines[{number}]")
            where = f"lines[{number}].amount"
            amount = parse_decimal(need(line.get("amount"), where), self.exponent, where)
            if amount < 0:
                raise RequestError(
                    "event-amount-negative",
                    "an amount is never below zero",
                    where=where,
                    expected="0 or more",
                )
            names.append(str(line.get("line", number + 1)))
            entry = [0] * self.width
            entry[K.LN_AMOUNT] = entry[K.LN_LEFT] = amount
            self._fill(entry, line, plan, f"lines[{number}].")
            flat += entry
        event.lines = flat
        event.line_names = tuple(names)
        event.row[E_LINES] = len(names)

    def _attributes(self, event: Event, kind: L.EventType) -> None:
        self._fill(event.row, event.raw, self.readers[kind.name], "")

    @staticmethod
    def _fill(row: list[int], raw: Mapping[str, object], plan: Plan, prefix: str) -> None:
        get = raw.get
        texts, rest = plan
        for name, column, codes, other in texts:
            value = get(name)
            if value is not None and value != "":
                row[column] = codes.get(value if type(value) is str else words(value), other)
        for name, attribute, fills in rest:
            value = get(name)
            if value is None or value == "":
                if attribute.required:
                    raise RequestError(
                        "event-attribute-missing",
                        "the attribute is missing",
                        where=prefix + name,
                        expected=f"a {attribute.type}",
                    )
                continue
            for column, reader in fills:
                number = reader(value, name)
                if column >= 0:
                    row[column] = number

    # -- what the engine itself knows ----------------------------------------------------------

    def _builtin(self, event: Event, kind: L.EventType) -> None:
        name = event.type
        raw = event.raw
        if name in REFERENCE:
            field = REFERENCE[name]
            event.refers = text(raw.get(field), field)
        if name == "birthday":
            raise RequestError(
                "event-derived",
                "birthdays are derived, never sent",
                where="type",
                hint="send a member event with born",
            )
        if name in WITH_POINTS or name in ("capture", "void"):
            self._points(event, name in WITH_POINTS)
        if name == "redemption" or name == "hold":
            pays = raw.get("pays")
            event.pays = "" if pays is None else str(pays)
        if name in ("redemption", "hold", "capture", "void", "transfer"):
            event.row[K.E_OUTCOME] = choice(raw.get("outcome"), OUTCOMES, "outcome")
        if name == "hold":
            event.refers = str(raw.get("hold") or event.id)
            until = raw.get("until")
            if until is not None and until != "":
                event.row[K.E_UNTIL] = parse_instant(until, self.zone, "until")
        elif name == "adjustment":
            event.row[K.E_OUTCOME] = choice(
                need(raw.get("direction"), "direction"), DIRECTIONS, "direction"
            )
        elif name == "transfer_received":
            event.row[K.E_OUTCOME] = 1
        elif name == "transfer":
            event.to = text(raw.get("to"), "to")
        elif name in ("product_opened", "product_closed"):
            product = text(raw.get("product"), "product")
            if product in self.program.products:
                event.row[E_LINE] = self.program.products.index(product)
            else:
                event.row[E_TYPE] = 0
        elif name == "member":
            self._member(event)
        del kind

    def _points(self, event: Event, required: bool) -> None:
        raw = event.raw
        unit = raw.get("unit") or self.first_unit
        found = self.units.get(str(unit)) if unit else None
        if found is None and (required or raw.get("unit")):
            raise RequestError(
                "event-unit",
                f"there is no unit `{str(unit)[:40]}`",
                where="unit",
                expected="one of " + ", ".join(self.units),
            )
        event.row[K.E_UNIT] = found.index if found else -1
        points = raw.get("points")
        if points is None or points == "":
            if required:
                raise RequestError(
                    "event-points-missing",
                    "there are no points",
                    where="points",
                    expected="a number above 0",
                )
            return
        scale = found.scale if found else max(unit.scale for unit in self.program.units)
        number = parse_decimal(points, scale, "points")
        if number <= 0:
            raise RequestError(
                "event-points-missing",
                "points are above zero",
                where="points",
                expected="a number above 0",
            )
        event.row[K.E_POINTS] = event.asked = number

    def _member(self, event: Event) -> None:
        """Attributes of the member; what is absent changes nothing."""
        for name, attribute in self.program.member.items():
            value = event.raw.get(name)
            if value is None or value == "":
                continue
            if attribute.type == "date":
                event.row[K.E_POINTS] = read_date(value, name)
                continue
            columns = self.slots.columns
            coder = self._coder(f"member.{name}", attribute.values)
            event.row[columns[f"E_MEMBER_{upper(name)}"]] = coder(value, name)
            for predicate in self.slots.predicates_of(f"member.{name}"):
                column = columns[f"E_MEMBER_{self.slots.predicate_name(predicate)}"]
                event.row[column] = int(predicate.holds(words(value)))


def door_of(compiled: Compiled) -> Door:
    """The door of a program: made once, for all its books."""
    if compiled.door is None:
        compiled.door = Door(compiled)
    door: Door = compiled.door
    return door


def text(value: object, where: str) -> str:
    """A text that must be there, of bounded length and without control characters."""
    if type(value) is str and 0 < len(value) <= ID_MAX and value.isprintable():
        return value
    if value is None or value == "":
        raise RequestError("event-field-missing", "it is missing", where=where, expected="a text")
    found = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not found or len(found) > ID_MAX or not found.isprintable():
        raise RequestError(
            "event-field-text",
            "it is no plain text",
            where=where,
            expected=f"1 to {ID_MAX} printable characters",
        )
    return found


def need(value: object, where: str) -> object:
    """A value that must be there."""
    if value is None or value == "":
        raise RequestError("event-field-missing", "it is missing", where=where)
    return value


def choice(value: object, known: Mapping[str, int], where: str) -> int:
    """One of a few words; 0 when absent."""
    if value is None or value == "":
        return 0
    if value not in known:
        raise RequestError(
            "event-value-unknown",
            f"`{str(value)[:40]}` is no value of it",
            where=where,
            expected="one of " + ", ".join(known),
        )
    return known[str(value)]


def read_flag(value: object, where: str) -> int:
    """true or false."""
    if value is True or value in ("true", "True", "1", 1, "yes"):
        return 1
    if value is False or value in ("false", "False", "0", 0, "no"):
        return 0
    raise RequestError(
        "event-value-unknown",
        f"`{str(value)[:40]}` is no value of it",
        where=where,
        expected="true or false",
    )


def read_date(value: object, where: str) -> int:
    """A date as month * 100 + day: what a birthday needs."""
    try:
        found = value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    except ValueError:
        raise RequestError(
            "event-date",
            f"`{str(value)[:40]}` is no date",
            where=where,
            expected="a date such as 1990-02-28",
        ) from None
    return found.month * 100 + found.day


def span(low: int, high: int | None, scale: int) -> str:
    """A range in words."""
    top = f"{high / 10**scale:g}" if high is not None else "any"
    return f"{low / 10**scale:g} to {top}"


def micros(term: str) -> int:
    """A term as microseconds, for lateness: a month is 31 days."""
    if term == "never":
        return K.FAR
    number, word = term.split()
    hour = 3_600_000_000
    each = {"minute": hour // 60, "hour": hour, "day": 24 * hour, "month": 31 * 24 * hour,
            "year": 366 * 24 * hour}  # fmt: skip
    return int(number) * each[word.rstrip("s")]

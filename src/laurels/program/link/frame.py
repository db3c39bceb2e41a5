"""What never changes between versions: zone, currency, units, event types, attributes."""

from __future__ import annotations

from fractions import Fraction

from laurels.base.errors import LaurelsError
from laurels.base.instants import calendar
from laurels.base.money import currency_exponent
from laurels.program import linked, model
from laurels.program import names as scopes
from laurels.program.form import KeyPath
from laurels.program.link.reserved import Reserved

SCALE_MAX = 6


class Frame(Reserved):
    """Resolves the frame of a program."""

    def frame(self) -> None:
        """What never changes: zone, currency, units, event types, attributes."""
        try:
            calendar(self.program.zone)
        except LaurelsError as error:
            self.wrong(("zone",), error.code, error.message, "a name such as Asia/Almaty")
        try:
            self.exponent = currency_exponent(self.program.currency)
        except LaurelsError as error:
            self.wrong(("currency",), error.code, error.message)
        self.reserved()
        self.unit_types()
        self.member = {
            name: self.attribute(name, each, ("member", name))
            for name, each in self.program.member.items()
        }
        for name, attribute in self.member.items():
            if attribute.type not in ("text", "date") or (
                attribute.type == "date" and name != "born"
            ):
                self.wrong(
                    ("member", name),
                    "member-attribute-type",
                    f"a member's `{name}` cannot be {attribute.type}",
                    "a text; or the date `born`",
                )
        self.event_types()

    def unit_types(self) -> None:
        if not self.program.units:
            self.wrong(("units",), "unit-missing", "there is no unit", "at least one unit")
        names = list(self.program.units)
        for index, (name, unit) in enumerate(self.program.units.items()):
            path: KeyPath = ("units", name)
            scale = self.precision(unit.precision, (*path, "precision"))
            worth = None
            if unit.worth is not None:
                minor = Fraction(unit.worth.strip()) * 10**self.exponent
                worth = minor / 10**scale
            too: list[int] = []
            for at, each in enumerate(unit.spends_too):
                if each not in names:
                    self.unknown((*path, "spends_too", at), "unit", each, names)
                else:
                    too.append(names.index(each))
            self.units.append(
                linked.Unit(
                    name,
                    index,
                    scale,
                    worth,
                    unit.debt == "allow",
                    unit.spendable,
                    unit.transferable,
                    unit.material,
                    tuple(too),
                )
            )

    def precision(self, text: str, path: KeyPath) -> int:
        for scale in range(SCALE_MAX + 1):
            if Fraction(text.strip()) == Fraction(1, 10**scale):
                return scale
        self.wrong(
            path,
            "unit-precision",
            f"`{text}` is no precision",
            "1, 0.1, 0.01 and so on to 0.000001",
        )
        return 0

    def attribute(self, name: str, given: model.Attribute, path: KeyPath) -> linked.Attribute:
        kind, _, unit = given.type.partition(" ")
        scale = self.exponent if kind == "money" else 0
        if kind == "points":
            found = next((each for each in self.units if each.name == unit), None)
            if found is None:
                self.unknown((*path, "type"), "unit", unit, self.program.units)
            else:
                scale = found.scale
        low = self.number(given.at_least, scale, (*path, "at_least")) if given.at_least else None
        high = self.number(given.at_most, scale, (*path, "at_most")) if given.at_most else None
        values = tuple(given.values) if given.values is not None else None
        if values is not None and kind != "text":
            self.wrong((*path, "values"), "attribute-values", "only a text has a set of values")
        return linked.Attribute(
            name,
            kind,  # type: ignore[arg-type]
            scale,
            values,
            low,
            high,
            given.required,
            unit,
        )

    def event_types(self) -> None:
        declared = dict(self.program.events)
        given: dict[str, dict[str, model.Attribute]] = {
            "redemption": {"partner": model.Attribute(), "channel": model.Attribute()},
            "hold": {"partner": model.Attribute(), "channel": model.Attribute()},
        }
        product = model.Attribute(values=list(self.program.products))
        given["product_opened"] = given["product_closed"] = {"product": product}
        own = scopes.FIRST_OWN_TYPE
        for name in dict.fromkeys([*scopes.BUILTIN, *declared]):
            event = declared.get(name, model.EventType())
            path: KeyPath = ("events", name)
            attributes = {**given.get(name, {}), **event.attributes}
            amount = "required" if name == "return" else event.amount
            index = scopes.BUILTIN.get(name, own)
            own += name not in scopes.BUILTIN
            purchase = event.purchase if event.purchase is not None else amount != "none"
            self.events[name] = linked.EventType(
                name,
                index,
                amount,
                purchase,
                {
                    key: self.attribute(key, each, (*path, "attributes", key))
                    for key, each in attributes.items()
                },
                {
                    key: self.attribute(key, each, (*path, "line", key))
                    for key, each in event.line.items()
                },
            )
        self.attributes_agree()

    def attributes_agree(self) -> None:
        """One name means one type in every event that carries it."""
        seen: dict[str, tuple[str, linked.Attribute]] = {}
        for name, event in self.events.items():
            for key, attribute in event.attributes.items():
                first = seen.setdefault(key, (name, attribute))
                if (first[1].type, first[1].unit) != (attribute.type, attribute.unit):
                    self.wrong(
                        ("events", name, "attributes", key),
                        "attribute-type",
                        f"`{key}` is {attribute.type} here and {first[1].type} in `{first[0]}`",
                        "one type for one name",
                    )

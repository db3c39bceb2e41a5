"""Numbers, money, points, instants and units as people write them, by language."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from laurels.base.instants import calendar
from laurels.base.messages import Translator


def N_(text: str) -> str:  # noqa: N802 (the name that extractors of texts know)
    """Marks a text for translation where it is not yet said."""
    return text


MONTHS = (
    N_("{day} January {year}"),
    N_("{day} February {year}"),
    N_("{day} March {year}"),
    N_("{day} April {year}"),
    N_("{day} May {year}"),
    N_("{day} June {year}"),
    N_("{day} July {year}"),
    N_("{day} August {year}"),
    N_("{day} September {year}"),
    N_("{day} October {year}"),
    N_("{day} November {year}"),
    N_("{day} December {year}"),
)
TYPES = {
    "return": N_("Return"),
    "redemption": N_("Redemption"),
    "hold": N_("Hold"),
    "capture": N_("Capture"),
    "void": N_("Void"),
    "adjustment": N_("Adjustment"),
    "transfer": N_("Transfer"),
    "transfer_received": N_("Transfer received"),
    "withdrawn": N_("Withdrawal of an event"),
    "member": N_("Change of the member's data"),
    "product_opened": N_("Opening of a product"),
    "product_closed": N_("Closing of a product"),
    "birthday": N_("Birthday"),
    "sealed": N_("Opening balance"),
}
ROUNDINGS = {
    "floor": N_("rounded down"),
    "ceil": N_("rounded up"),
    "half_up": N_("rounded half up"),
    "half_even": N_("rounded half to even"),
}
PERS = {
    "event": N_("per event"),
    "day": N_("per day"),
    "month": N_("per month"),
    "year": N_("per year"),
    "lifetime": N_("for ever"),
}


class Wording:
    """How one explanation's numbers are written in one language."""

    def __init__(self, say: Translator, zone: str, currency: str, titles: dict[str, str]) -> None:
        self.say = say
        self.zone = calendar(zone)
        self.currency = currency
        self.titles = titles

    def number(self, value: Decimal | Fraction) -> str:
        """Thousands apart, decimals as the value has them."""
        exact = value if isinstance(value, Decimal) else as_decimal(value)
        if exact is None:
            return str(value)
        text = f"{exact:,f}".replace(",", " ")
        return text.replace(".", ",") if self.say.language in ("ru", "kk", "ka") else text

    def money(self, value: Decimal) -> str:
        """An amount with its currency."""
        return f"{self.number(value)} {self.currency}"

    def points(self, unit: str, value: Decimal) -> str:
        """Points with their noun in the right form."""
        say, text = self.say, self.number(value)
        count = int(value) if value == int(value) else 2
        title = self.titles.get(unit, unit)
        word = {"балл": "point", "бонус": "bonus"}.get(title, title)
        for each in (word, unit):
            if each == "point":
                return say.ngettext("{points} point", "{points} points", count, points=text)
            if each == "bonus":
                return say.ngettext("{points} bonus", "{points} bonuses", count, points=text)
            if each == "mile":
                return say.ngettext("{points} mile", "{points} miles", count, points=text)
            if each == "star":
                return say.ngettext("{points} star", "{points} stars", count, points=text)
        return f"{text} {title}"

    def rate(self, rate: Fraction) -> str:
        """A rate as per cent where that is short, else as a fraction."""
        percent = as_decimal(rate * 100)
        return f"{self.number(percent)} %" if percent is not None else str(rate)

    def day(self, instant: int) -> str:
        """The date on the program's calendar."""
        parts = self.zone.parts(instant)
        return self.say.gettext(MONTHS[parts.month - 1], day=parts.day, year=parts.year)

    def time(self, instant: int) -> str:
        """Date and time of day on the program's clocks."""
        parts = self.zone.parts(instant)
        clock = f"{parts.hour:02}:{parts.minute:02}"
        return self.say.gettext("{day} at {clock}", day=self.day(instant), clock=clock)

    def named(self, table: dict[str, str], key: str) -> str:
        """An entry of one of the tables above."""
        return self.say.gettext(table[key]) if key in table else key


def as_decimal(value: Fraction) -> Decimal | None:
    """A fraction as a decimal of at most nine digits, None where it is none."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return None
    found = Decimal(value.numerator) / Decimal(value.denominator)
    return found.normalize() if found != int(found) else Decimal(int(found))

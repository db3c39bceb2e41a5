"""What every part of the linker works with: what is resolved so far, findings, small readers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Literal

from laurels.base.errors import LaurelsError
from laurels.base.instants import parse_instant
from laurels.base.money import parse_decimal
from laurels.base.numbers import RATE_BOUND, parse_rate
from laurels.program import linked
from laurels.program import names as scopes
from laurels.program.expr import Expression, ExpressionError, NameInfo, compile_expression
from laurels.program.form import KeyPath
from laurels.program.loader import Document
from laurels.program.notes import Notes

MINUTE = 60_000_000
TERM_MAX = {"months": 1200, "days": 36_500, "micros": 36_500 * 24 * 60 * MINUTE, "never": 0}


def term(text: str) -> linked.Term:
    """`24 months`, `30 days`, `2 hours`, `never`."""
    if text == "never":
        return linked.NEVER_ENDS
    number, word = text.split()
    count = int(number)
    word = word.rstrip("s")
    if word == "month":
        return linked.Term("months", count)
    if word == "year":
        return linked.Term("months", 12 * count)
    if word == "day":
        return linked.Term("days", count)
    return linked.Term("micros", count * (60 * MINUTE if word == "hour" else MINUTE))


class Part(Notes):
    """One run over one document; each part of the linker adds to it."""

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self.program = document.program
        self.exponent = 2
        self.units: list[linked.Unit] = []
        self.events: dict[str, linked.EventType] = {}
        self.member: dict[str, linked.Attribute] = {}
        self.metrics: list[linked.Metric] = []
        self.metric_keys: dict[tuple[object, ...], int] = {}
        self.effects: list[linked.Effect] = []
        self.caps: list[linked.Cap] = []
        self.spending: list[linked.SpendingLimit] = []
        self.funders: list[str] = ["program"]
        self.versions: list[linked.Version] = []
        self.ladder_levels: dict[str, list[str]] = {}
        self.ladder_rules: dict[str, dict[int, linked.LadderRules]] = {}
        self.rule_count = 0

    def unknown(self, path: KeyPath, what: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = difflib.get_close_matches(name, known, 1)
        self.wrong(
            path,
            "name-unknown",
            f"there is no {what} `{name}`",
            expected="one of " + ", ".join(known) if known else f"a declared {what}",
            hint=f"did you mean `{close[0]}`?" if close else "",
        )

    def number(self, text: str, scale: int, path: KeyPath) -> int:
        try:
            return parse_decimal(text.strip(), scale, str(path[-1]))
        except LaurelsError as error:
            self.wrong(path, error.code, error.message)
            return 0

    def rate(self, text: str, path: KeyPath) -> Fraction:
        try:
            rate = parse_rate(text.strip())
        except LaurelsError as error:
            self.wrong(path, error.code, error.message)
            return Fraction(0)
        return Fraction(rate.numerator, rate.denominator)

    def inexact(self, path: KeyPath, text: str, found: Fraction) -> None:
        """A rate that is exact in money but not in steps of the unit."""
        self.wrong(
            path,
            "rate-inexact",
            f"`{text.strip()}` is {found} in steps of the unit",
            f"a fraction with no part above {RATE_BOUND:,}",
            "write the rate with fewer digits",
        )

    def term(self, text: str, path: KeyPath) -> linked.Term:
        found = term(text)
        if found.length > TERM_MAX[found.kind]:
            self.wrong(path, "term-too-long", f"`{text}` is too long", expected="at most 100 years")
            return linked.NEVER_ENDS
        return found

    def instant(self, text: str, path: KeyPath) -> int:
        try:
            return parse_instant(text.strip(), self.program.zone)
        except LaurelsError as error:
            self.wrong(path, error.code, error.message)
            return 0

    def expression(
        self,
        text: str | None,
        names: Mapping[str, NameInfo],
        want: Literal["bool", "int"],
        path: KeyPath,
    ) -> Expression | None:
        if text is None:
            return None
        scope = scopes.scope(names, self.program.currency, self.exponent, self.units)
        try:
            return compile_expression(text, scope, want)
        except ExpressionError as error:
            self.misread(path, error)
            return None

    def types_of(self, names: Sequence[str], path: KeyPath) -> list[linked.EventType]:
        found = []
        for index, name in enumerate(names):
            if name in self.events:
                found.append(self.events[name])
            else:
                self.unknown((*path, index), "event type", name, self.events)
        return found

    def scale_of(self, dim: str) -> int:
        if dim == "money":
            return self.exponent
        if dim.startswith("points:"):
            return next((u.scale for u in self.units if u.name == dim[7:]), 0)
        return 0

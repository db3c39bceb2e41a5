"""Return lines without a reference become return events, one for each purchase that they find.

A return that finds one purchase keeps its id; one that finds several becomes ``<id>/1``,
``<id>/2`` …, in the order of taking. Parts without a purchase go to ``report.unmatched``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from laurels.base.errors import ensure
from laurels.base.money import format_decimal
from laurels.replay.mapping import Mapping, ReturnRule
from laurels.replay.matching import Bought, Left, Match, Returned, match_returns
from laurels.replay.raw import (
    Body,
    Events,
    Group,
    Place,
    Report,
    Unmatched,
    finish,
    finished,
    one_line_each,
)
from laurels.replay.values import (
    Rejected,
    Unreadable,
    decimal_of,
    instant_of,
    minor_of,
    plain,
    shown,
)

Groups = dict[tuple[object, object], Group]


class _Line(NamedTuple):
    """A purchase or return line with its sizes. ``amount`` is in minor units."""

    group: Group
    line: Body
    place: Place
    at: int
    key: tuple[object, ...]
    quantity: Fraction | None
    amount: int | None
    size: Fraction


class _Share:
    """Hands out an amount in parts that add up to it, whatever the parts are."""

    def __init__(self, amount: int, size: Fraction) -> None:
        self._amount = amount
        self._size = size
        self._taken = Fraction(0)
        self._given = 0

    def part(self, size: Fraction) -> int:
        """The amount of the next ``size``, half up on the running sum."""
        self._taken += size
        exact = self._amount * self._taken / self._size
        until = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
        given, self._given = until - self._given, until
        return given

    def rest(self) -> int:
        """What has not been handed out."""
        return self._amount - self._given


def resolve_returns(groups: Groups, mapping: Mapping, zone: str, report: Report) -> Events:
    """All events, the returns without a reference resolved by the mapping's rule."""
    ensure(mapping.returns is not None, "only a mapping with a rule resolves returns")
    return _Resolver(groups, mapping, mapping.returns or ReturnRule(), zone, report).resolve()


class _Resolver:
    def __init__(
        self, groups: Groups, mapping: Mapping, rule: ReturnRule, zone: str, report: Report
    ) -> None:
        self.groups = groups
        self.mapping = mapping
        self.rule = rule
        self.zone = zone
        self.report = report

    def resolve(self) -> Events:
        """Match all, then give the events in the order of their first rows."""
        asking = [
            line
            for group in self.groups.values()
            if self._asks(group)
            for line in self._lines(group, reject=True)
        ]
        keys = {line.key for line in asking}
        offered = [
            line
            for group in self.groups.values()
            if group.body["type"] == self.rule.of
            for line in self._lines(group, reject=False, keys=keys)
        ]
        within = self.rule.within
        matches, left = match_returns(
            [Bought(each.key, each.at, each.size) for each in offered],
            [Returned(each.key, each.at, each.size) for each in asking],
            self.rule.take,
            None if within is None else within // dt.timedelta(microseconds=1),
        )
        resolved = self._events(asking, offered, matches)
        self._tell(asking, matches, left)
        return finish(self._in_order(resolved), self.report)

    def _asks(self, group: Group) -> bool:
        return group.body["type"] == self.rule.type and "returns" not in group.body

    def _in_order(self, resolved: dict[int, list[Body]]) -> Iterator[tuple[Body, Place]]:
        for group in self.groups.values():
            if self._asks(group):
                for body in resolved.get(id(group), []):
                    yield body, group.place
            else:
                yield from finished(group, hoist=False)

    def _lines(
        self, group: Group, reject: bool, keys: set[tuple[object, ...]] | None = None
    ) -> Iterator[_Line]:
        """The lines of an event that can be counted down; the others are rejected, or, when
        they are purchases, left as they are: they are good events that nothing can return."""
        lines: list[Body] = [group.body] if group.lines is None else list(group.lines.values())
        places = group.rows or [group.place]
        body, fields = group.body, self.rule.match
        at: int | None = None
        for line, place in zip(lines, places, strict=True):
            key = (body.get("source"), *[line.get(each) or body.get(each) for each in fields])
            if keys is not None and key not in keys:
                continue
            column = self.rule.by
            try:
                if at is None:
                    at = instant_of(str(body["occurred_at"]), self.zone)
                quantity, amount = self._quantity(line), self._amount(line)
                size = quantity if self.rule.by == "quantity" else _fraction(amount)
                if size is None or size <= 0:
                    raise Unreadable(f"{self.rule.by}-not-positive", "a number above zero")
                yield _Line(group, line, place, at, key, quantity, amount, size)
            except Unreadable as bad:
                if reject:
                    value = shown(line.get(column))
                    self.report.rejected.append(
                        Rejected(place.file, place.row, column, bad.reason, bad.expected, value)
                    )

    def _quantity(self, line: Body) -> Fraction | None:
        value = line.get("quantity")
        return None if value is None else Fraction(decimal_of(value))

    def _amount(self, line: Body) -> int | None:
        value = line.get("amount")
        return None if value is None else minor_of(decimal_of(value), self.mapping.decimals)

    # --- events out of matches ---

    def _events(
        self, asking: list[_Line], offered: list[_Line], matches: list[Match]
    ) -> dict[int, list[Body]]:
        """The return events of each group of return lines, by the identity of the group."""
        shares = _Shares(self.rule, asking, offered)
        parts: dict[int, dict[int, list[tuple[Match, int | None]]]] = {}
        for match in matches:
            stated, amount = shares.of(match)
            by_purchase = parts.setdefault(id(asking[match.returned].group), {})
            by_purchase.setdefault(id(offered[match.bought].group), []).append((match, amount))
            self._add_amounts(stated, amount)
        found: dict[int, list[Body]] = {}
        for group_id, by_purchase in parts.items():
            found[group_id] = one_line_each(
                self._event(asking, offered, part) for part in by_purchase.values()
            )
            self.report.returns.events += len(found[group_id])
        return found

    def _event(
        self,
        asking: list[_Line],
        offered: list[_Line],
        part: list[tuple[Match, int | None]],
    ) -> Body:
        first = asking[part[0][0].returned]
        body = dict(first.group.body)
        body["returns"] = offered[part[0][0].bought].group.body["id"]
        lines: dict[int, tuple[Body, Fraction, int | None]] = {}
        for match, amount in part:
            line, size, sum_ = lines.get(
                match.bought, (asking[match.returned].line, Fraction(0), 0)
            )
            total = None if amount is None or sum_ is None else sum_ + amount
            lines[match.bought] = (line, size + match.size, total)
        made = [self._line(offered[place], *each) for place, each in lines.items()]
        if first.group.lines is None:
            # Without lines there is one part only: a purchase without lines is one size.
            return {**body, **made[0]}
        return {**body, "lines": made}

    def _line(self, bought: _Line, line: Body, size: Fraction, amount: int | None) -> Body:
        made = {
            name: value
            for name, value in line.items()
            if name not in ("id", "line", "amount", "quantity")
        }
        if "line" in bought.line:
            made = {"line": bought.line["line"], **made}
        if self.rule.by == "quantity":
            made["quantity"] = _plain(size)
        if amount is not None:
            made["amount"] = format_decimal(amount, self.mapping.decimals)
        return made

    # --- the report ---

    def _add_amounts(self, stated: int | None, matched: int | None) -> None:
        returns, step = self.report.returns, Decimal(1).scaleb(-self.mapping.decimals)
        returns.amount_stated += (stated or 0) * step
        returns.amount_matched += (matched or 0) * step

    def _tell(self, asking: list[_Line], matches: list[Match], left: list[Left]) -> None:
        returns = self.report.returns
        step = Fraction(1)
        if self.rule.by == "amount":
            step = Fraction(1, 10**self.mapping.decimals)
        found = {match.returned for match in matches}
        returns.lines = len(asking)
        returns.partly = sum(each.returned in found for each in left)
        returns.unmatched = len(left) - returns.partly
        returns.matched = len(asking) - len(left)
        returns.size = _decimal(sum((each.size for each in asking), Fraction(0)) * step)
        rest = sum((each.size for each in left), Fraction(0))
        returns.size_matched = returns.size - _decimal(rest * step)
        for each in left:
            self.report.unmatched.append(self._unmatched(asking[each.returned], each))

    def _unmatched(self, line: _Line, left: Left) -> Unmatched:
        body = line.group.body
        key = " ".join(
            f"{name}={shown(value)}"
            for name, value in zip(self.rule.match, line.key[1:], strict=True)
            if name != "member"
        )
        amount = ""
        if line.amount is not None:
            share = _Share(line.amount, line.size)
            share.part(line.size - left.size)
            amount = format_decimal(share.rest(), self.mapping.decimals)
        quantity = _plain(left.size) if self.rule.by == "quantity" else ""
        return Unmatched(
            line.place.file,
            line.place.row,
            shown(body["id"]),
            shown(body["member"]),
            shown(body["occurred_at"]),
            key,
            quantity,
            amount,
            left.reason,
        )


class _Shares:
    """The amounts of matches: what was paid for the units, or what the return's row states."""

    def __init__(self, rule: ReturnRule, asking: list[_Line], offered: list[_Line]) -> None:
        self._as_paid = rule.by == "quantity" and rule.value == "bought"
        self._asking = asking
        self._offered = offered
        self._stated: dict[int, _Share] = {}
        self._paid: dict[int, _Share] = {}
        self._left: dict[int, int] = {}

    def of(self, match: Match) -> tuple[int | None, int | None]:
        """What the return's row states of this part, and what its event carries: never more than
        is left of the purchase line. To be asked once for each match, in their order."""
        returned, bought = self._asking[match.returned], self._offered[match.bought]
        stated = None
        if returned.amount is not None:
            share = self._stated.setdefault(match.returned, _Share(returned.amount, returned.size))
            stated = share.part(match.size)
        if bought.amount is None:
            return stated, None
        if self._as_paid or stated is None:
            share = self._paid.setdefault(match.bought, _Share(bought.amount, bought.size))
            return stated, share.part(match.size)
        left = self._left.get(match.bought, bought.amount)
        given = min(stated, left)
        self._left[match.bought] = left - given
        return stated, given


def _fraction(value: int | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def _decimal(value: Fraction) -> Decimal:
    """Exact: sizes come from decimal text, and sums and parts of them are decimals again."""
    return Decimal(_plain(value))


def _plain(value: Fraction) -> str:
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    return plain(Decimal(format_scaled(int(value * 10**digits), digits)))


def format_scaled(value: int, digits: int) -> str:
    """Decimal text of ``value * 10 ** -digits``, for any number of digits."""
    sign = "-" if value < 0 else ""
    text = str(abs(value)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"

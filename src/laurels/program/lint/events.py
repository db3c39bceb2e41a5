"""Event types and attributes that say something odd."""

from __future__ import annotations

from laurels.program import linked
from laurels.program.lint.base import Part
from laurels.program.names import BUILTIN


class Events(Part):
    """Looks at the events that the program declares."""

    def run(self) -> None:
        """What nothing reads, and ranges that no number is in."""
        read = self._read()
        for name, event in self.program.events.items():
            if name not in BUILTIN and name not in read:
                self.odd(
                    ("events", name),
                    "event-type-unread",
                    f"no rule and no metric reads `{name}`",
                    "a rule or a metric on it",
                )
            for part, attributes in (("attributes", event.attributes), ("line", event.line)):
                for key, attribute in attributes.items():
                    self._range(("events", name, part, key), attribute)
        for name, unit in self.document.program.units.items():
            if name in unit.spends_too:
                self.wrong(
                    ("units", name, "spends_too"),
                    "unit-spends-itself",
                    f"`{name}` cannot be spent beside itself",
                    "another unit",
                )

    def _read(self) -> set[str]:
        """Types that a rule or metric reads, or that a redemption can pay."""
        read: set[str] = set()
        for version in self.document.program.versions:
            offered = [rule for offer in version.offers.values() for rule in offer.rules.values()]
            read |= {name for rule in [*version.rules.values(), *offered] for name in rule.on}
            read |= {name for metric in version.metrics.values() for name in metric.of}
        paid = any(
            each.share is not None
            or any(
                name.startswith("paid.")
                for expression in (each.when, each.only_if)
                if expression is not None
                for name in expression.names
            )
            for each in self.program.spending
        )
        if paid:
            read |= {each.name for each in self.program.events.values() if each.amount != "none"}
        return read

    def _range(self, path: tuple[str, str, str, str], attribute: linked.Attribute) -> None:
        ranged = attribute.low is not None or attribute.high is not None
        if ranged and attribute.type not in ("money", "integer", "points"):
            self.wrong(
                path,
                "attribute-range",
                f"a {attribute.type} has no range",
                "at_least and at_most for money, integer and points",
            )
        else:
            self.in_order(
                (*path, "at_most"), "attribute-range", attribute.low, attribute.high,
                "no number is in this range",
            )  # fmt: skip

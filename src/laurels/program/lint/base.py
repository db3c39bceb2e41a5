"""What every part of the lint works with: places in the file, and the ranges of names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from laurels.base.money import BOUND
from laurels.program import linked, model
from laurels.program.expr import interval
from laurels.program.expr.bounds import Interval
from laurels.program.form import KeyPath
from laurels.program.growth import METRIC_BOUND
from laurels.program.loader import Document
from laurels.program.notes import Notes
from laurels.program.possible import Known, possible

DAYS = {"day": 1, "month": 31, "year": 366}


class Part(Notes):
    """One run over one program."""

    def __init__(self, document: Document, program: linked.Linked) -> None:
        super().__init__(document)
        self.program = program

    def run(self) -> None:
        """Find what this part looks for."""
        raise NotImplementedError

    # -- where things stand --------------------------------------------------------------------

    def versions(self) -> Iterator[tuple[KeyPath, model.Version, linked.Version]]:
        """Each version, as written and as linked."""
        for version in self.program.versions:
            given = self.document.program.versions[version.index]
            yield ("versions", version.index), given, version

    def rule_path(self, effect: linked.Effect) -> KeyPath:
        """Where a rule stands."""
        path: KeyPath = ("versions", effect.version)
        if effect.offer is not None:
            path = (*path, "offers", effect.offer)
        return (*path, "rules", effect.rule)

    def rule(self, effect: linked.Effect) -> model.Rule:
        """A rule as written."""
        version = self.document.program.versions[effect.version]
        rules = version.rules if effect.offer is None else version.offers[effect.offer].rules
        return rules[effect.rule]

    def rules_of(self, version: linked.Version) -> list[linked.Effect]:
        """The first effect of each rule of a version."""
        found: dict[str, linked.Effect] = {}
        for index in version.effects:
            found.setdefault(self.program.effects[index].rule, self.program.effects[index])
        return list(found.values())

    def types(self, names: Iterable[str]) -> list[linked.EventType]:
        """Event types by name."""
        return [self.program.events[name] for name in names if name in self.program.events]

    def in_order(
        self, path: KeyPath, code: str, least: int | None, most: int | None, what: str,
        expected: str = "at_most not below at_least",
    ) -> None:  # fmt: skip
        """Wrong where the most is below the least."""
        if least is not None and most is not None and least > most:
            self.wrong(path, code, what, expected)

    # -- ranges --------------------------------------------------------------------------------

    def known(self, version: linked.Version, types: Iterable[linked.EventType]) -> Known:
        """Ranges and closed sets of all names in an expression about events of these types."""
        types = list(types)
        ranges = {**self._member_ranges, **self.metric_ranges(version)}
        ranges |= event_ranges(types, "event", "attributes")
        ranges |= event_ranges(types, "line", "line")
        paid = [each for each in self.program.events.values() if each.amount != "none"]
        ranges |= event_ranges(paid, "paid", "attributes")
        values = {"event.type": frozenset(each.name for each in types)}
        values |= closed(types, "event", "attributes") | closed(types, "line", "line")
        for name, attribute in self.program.member.items():
            if attribute.values is not None:
                values[f"member.{name}"] = frozenset({"", *attribute.values})
        return Known(ranges, values)

    @cached_property
    def _member_ranges(self) -> dict[str, Interval]:
        return {f"balance.{unit.name}": (0, METRIC_BOUND) for unit in self.program.units}

    def metric_ranges(self, version: linked.Version) -> dict[str, Interval]:
        """The range of every metric of a version."""
        return {
            f"metrics.{name}": self._metric_range(self.program.metrics[index])
            for name, index in version.metrics.items()
        }

    def _metric_range(self, metric: linked.Metric) -> Interval:
        known = self.metric_known(metric)
        if metric.where is not None and not possible([metric.where.ir], known):
            return 0, 0
        if metric.kind == "count":
            return 0, METRIC_BOUND
        if metric.kind == "days":
            periods = metric.size * DAYS.get(metric.window.rstrip("s"), METRIC_BOUND)
            return 0, min(periods, METRIC_BOUND)
        if metric.value is None:
            return 0, METRIC_BOUND
        low, high = interval(metric.value.ir, known.ranges)
        if metric.kind == "sum":
            return -METRIC_BOUND if low < 0 else 0, METRIC_BOUND if high > 0 else 0
        return min(low, 0), max(high, 0)

    def metric_known(self, metric: linked.Metric) -> Known:
        """What is known where a metric looks at an event: metrics read no other metric."""
        types = self.types(metric.of)
        ranges = {**self._member_ranges}
        ranges |= event_ranges(types, "event", "attributes") | event_ranges(types, "line", "line")
        values = {"event.type": frozenset(each.name for each in types)}
        values |= closed(types, "event", "attributes") | closed(types, "line", "line")
        return Known(ranges, values)


def event_ranges(types: Iterable[linked.EventType], prefix: str, part: str) -> dict[str, Interval]:
    """Ranges of the numbers of events: what the door lets in."""
    types = list(types)
    whole = BOUND if part == "line" or any(each.amount != "none" for each in types) else 0
    ranges: dict[str, Interval] = {f"{prefix}.amount": (0, whole)}
    for name, found in gathered(types, part).items():
        numbers = [each for each in found if each.type in ("money", "integer", "points")]
        if numbers:
            low = min(each.low or 0 for each in numbers)
            high = max(BOUND if each.high is None else each.high for each in numbers)
            sure = len(found) == len(types) and all(each.required for each in numbers)
            ranges[f"{prefix}.{name}"] = (low if sure else 0, max(low, high))
        elif found[0].type == "date":
            ranges[f"{prefix}.{name}"] = (0, 1231)
    return ranges


def closed(types: Iterable[linked.EventType], prefix: str, part: str) -> dict[str, frozenset[str]]:
    """Strings that have a closed set of values."""
    found: dict[str, frozenset[str]] = {}
    types = list(types)
    for name, attributes in gathered(types, part).items():
        if any(each.type != "text" or each.values is None for each in attributes):
            continue
        sure = len(attributes) == len(types) and all(each.required for each in attributes)
        values = {value for each in attributes for value in each.values or ()}
        found[f"{prefix}.{name}"] = frozenset(values if sure else values | {""})
    return found


def gathered(types: Iterable[linked.EventType], part: str) -> dict[str, list[linked.Attribute]]:
    """For each attribute name, what each type that carries it says of it."""
    found: dict[str, list[linked.Attribute]] = {}
    for each in types:
        attributes = each.line if part == "line" else each.attributes
        for name, attribute in attributes.items():
            found.setdefault(name, []).append(attribute)
    return found

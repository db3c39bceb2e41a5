"""What an expression may name in each place of a program file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from laurels.program.expr import NameInfo, Scope
from laurels.program.linked import Attribute, EventType, Metric, Unit

# Event types that every program knows. Codes are fixed: the kernel's shell reads them.
BUILTIN: Mapping[str, int] = {
    "return": 1,
    "redemption": 2,
    "hold": 3,
    "capture": 4,
    "void": 5,
    "adjustment": 6,
    "transfer": 7,
    "transfer_received": 8,
    "withdrawn": 9,
    "member": 10,
    "product_opened": 11,
    "product_closed": 12,
    "birthday": 13,
    "sealed": 14,
}
FIRST_OWN_TYPE = 20

LOCAL = ("weekday", "day", "month", "year", "hour", "minute")


def attribute_info(attribute: Attribute) -> NameInfo:
    """How an attribute looks to an expression."""
    if attribute.type == "text":
        return NameInfo("string", values=attribute.values)
    if attribute.type == "flag":
        return NameInfo("bool")
    if attribute.type == "money":
        return NameInfo("int", "money")
    if attribute.type == "points":
        return NameInfo("int", f"points:{attribute.unit}")
    if attribute.type == "date":
        return NameInfo("int", "plain")
    return NameInfo("int", "count")


def event_names(types: Iterable[EventType], prefix: str = "event") -> dict[str, NameInfo]:
    """Names of an event: its type, instant, amount, and the attributes of any of the types."""
    types = list(types)
    names = {
        f"{prefix}.type": NameInfo("string", values=tuple(each.name for each in types)),
        f"{prefix}.occurred_at": NameInfo("instant"),
        f"{prefix}.amount": NameInfo("int", "money"),
    }
    for each in types:
        for name, attribute in each.attributes.items():
            names[f"{prefix}.{name}"] = attribute_info(attribute)
    return names


def line_names(types: Iterable[EventType]) -> dict[str, NameInfo]:
    """Names of a line of an event."""
    names = {"line.amount": NameInfo("int", "money")}
    for each in types:
        for name, attribute in each.line.items():
            names[f"line.{name}"] = attribute_info(attribute)
    return names


def local_names() -> dict[str, NameInfo]:
    """Parts of the event's local time."""
    return {f"local.{part}": NameInfo("int", part) for part in LOCAL}


def member_names(
    products: Iterable[str],
    member: Mapping[str, Attribute],
    units: Iterable[Unit],
) -> dict[str, NameInfo]:
    """What is known of the member apart from metrics and levels."""
    names = {f"held.{product}": NameInfo("bool") for product in products}
    names |= {
        f"member.{name}": attribute_info(attribute)
        for name, attribute in member.items()
        if attribute.type != "date"
    }
    names |= {f"balance.{unit.name}": NameInfo("int", f"points:{unit.name}") for unit in units}
    return names


def metric_names(metrics: Iterable[Metric]) -> dict[str, NameInfo]:
    """Metrics of one version."""
    return {f"metrics.{metric.name}": NameInfo("int", metric.dim) for metric in metrics}


def level_names(ladders: Mapping[str, tuple[str, ...]]) -> dict[str, NameInfo]:
    """Levels of each ladder of one version."""
    return {
        f"level.{name}": NameInfo("string", values=levels, ordered=True)
        for name, levels in ladders.items()
        if levels
    }


def scope(
    names: Mapping[str, NameInfo], currency: str, exponent: int, units: Iterable[Unit]
) -> Scope:
    """A scope with the program's currency and units."""
    decimals = {unit.name: unit.scale for unit in units}
    return Scope(names=dict(names), currency=currency, exponent=exponent, units=decimals)

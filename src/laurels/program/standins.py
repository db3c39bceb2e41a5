"""Values that could stand where a program file is wrong, read from the schema.

They are tried, never kept: `program/mending.py` puts several unlike ones in the place of each
mistake, and believes only what is found beside all of them.
"""

from __future__ import annotations

import copy
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from laurels.program import model
from laurels.program.form import KeyPath


class Gone(Enum):
    """Not there at all: what may stand in the place of anything that has a default."""

    GONE = 0


GONE: Final = Gone.GONE
PLAIN: Mapping[Any, tuple[str, ...]] = {
    model.DecimalText: ("1", "0", "1000000"),
    model.RateText: ("1%", "3", "50%"),
    model.TermText: ("never", "1 day", "24 months", "0 days"),
    model.Threshold: ("1", "1000000", "> 0"),
    model.InstantText: ("1990-01-01", "2090-01-01", "2024-06-01"),
    bool: ("true", "false"),
    int: ("1", "2", "12"),
}
CONDITIONS = frozenset({"when", "where", "lines", "only_if", "opens"})
NAMED = re.compile(r"\b(event|line|paid|metrics|level|held|member|balance)\.([a-z][a-z0-9_]*)")
OF_EVERY_EVENT = frozenset({"amount", "type", "occurred_at"})
QUOTED = re.compile(r"'([a-z][a-z0-9_]*)'")


@dataclass(frozen=True)
class Wanted:
    """The names that a file asks for, by the word before their dot; declared or not."""

    names: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(tree: Any) -> Wanted:
        """Everything that is named anywhere among the values of a file."""
        found: dict[str, dict[str, None]] = {}
        for key, text in scalars(tree):
            for kind, name in NAMED.findall(text):
                kind = "event" if kind == "paid" else kind
                if name not in OF_EVERY_EVENT or kind not in ("event", "line"):
                    found.setdefault(kind, {})[name] = None
            for name in QUOTED.findall(text):
                found.setdefault("value", {})[name] = None
            kind = {"on": "type", "of": "type", "unit": "balance", "sum": "balance"}.get(key, "")
            if key == "by of":
                kind = "value"
            if kind and re.fullmatch(model.NAME, text):
                found.setdefault(kind, {})[text] = None
        return Wanted({kind: tuple(each) for kind, each in found.items()})

    def __getitem__(self, kind: str) -> tuple[str, ...]:
        return self.names.get(kind, ())


def scalars(tree: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a tree with the key that it belongs to."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield "by of" if "by" in tree else key, name
            yield from scalars(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from scalars(value, key)
    elif isinstance(tree, str):
        yield key, tree


@cache
def hints(kind: type[BaseModel]) -> dict[str, Any]:
    """The types of a part's keys, as the schema names them."""
    found = get_type_hints(kind, include_extras=True)
    return {info.alias or name: found[name] for name, info in kind.model_fields.items()}


def parts(hint: Any) -> list[Any]:
    """The members of a union; shorthands are what they are short for."""
    if hint is model.AttributeText:
        return [model.Attribute]
    if hint is model.NameList:
        return [list[str]]
    if get_origin(hint) in (Union, types.UnionType):
        return [each for part in get_args(hint) for each in parts(part)]
    if get_origin(hint) is Annotated and hint not in PLAIN and hint is not model.Cel:
        return parts(get_args(hint)[0])
    return [hint]


def hint_at(path: KeyPath) -> tuple[Any, bool]:
    """The type of the part at a path, and whether it may be absent; None for what has no place."""
    hint: Any = model.Program
    optional = False
    for step in path:
        found: Any = None
        for each in parts(hint):
            if isinstance(each, type) and issubclass(each, BaseModel):
                found = hints(each).get(str(step))
                field = next(
                    (i for n, i in each.model_fields.items() if (i.alias or n) == step), None
                )
                optional = field is not None and not field.is_required()
                if found is None and each is model.Level:
                    found, optional = model.Threshold, True
            elif get_origin(each) is dict and isinstance(step, str):
                found, optional = get_args(each)[1], False
            elif get_origin(each) is list and isinstance(step, int):
                found, optional = get_args(each)[0], False
            if found is not None:
                break
        if found is None:
            return None, True
        hint = found
    return hint, optional


class StandIns:
    """What could stand in the places of one file; `hand` chooses among the possibilities."""

    def __init__(self, tree: Mapping[str, Any], hand: int) -> None:
        self.tree = tree
        self.file = copy.deepcopy(tree)
        self.hand = hand
        self.wanted = Wanted.of(tree)

    def at(self, path: KeyPath) -> Any:
        """A value for the part at a path, or GONE."""
        hint, optional = hint_at(path)
        return self.pick(hint, path, optional or hint is None)

    def pick(self, hint: Any, path: KeyPath, optional: bool = False) -> Any:
        """A value of a type, or GONE where it is optional.

        What is inside the value is chosen apart from the value itself: as a number's digits.
        """
        options = self.options(hint, path)
        inner, outer = divmod(self.hand, max(1, len(options) + optional))
        if outer == len(options):
            return GONE
        self.hand, hand = inner, self.hand
        chosen = self.options(hint, path)[outer]
        self.hand = hand
        return chosen

    def options(self, hint: Any, path: KeyPath) -> list[Any]:
        """Unlike values of a type."""
        found: list[Any] = []
        for each in parts(hint):
            if path[-1] == "precision":
                found += ["1", "0.000001"]
            elif each in PLAIN:
                found += PLAIN[each]
            elif each is model.Cel:
                found += self._expression(str(path[-1]), path)
            elif get_origin(each) is Literal:
                found += get_args(each)
            elif get_origin(each) is list:
                found += self._list(str(path[-1]), path)
            elif get_origin(each) is dict:
                found += self._mapping(get_args(each)[1], path)
            elif isinstance(each, type) and issubclass(each, BaseModel):
                found.append(self.part(each, path))
            elif each is str:
                found += self._word(path)
        return found

    def known(self, key: str) -> list[str]:
        """The names that the file declares under one of its first keys."""
        found = self.tree.get(key)
        return [str(each) for each in found] if isinstance(found, dict) else []

    def rules(self, path: KeyPath) -> list[str]:
        """The names of a version's rules, those of offers included."""
        version = self.tree["versions"][path[1]]
        groups = [version, *(each for _, each in _items(version.get("offers")))]
        return [
            str(name)
            for each in groups
            if isinstance(each, dict) and isinstance(each.get("rules"), dict)
            for name in each["rules"]
        ]

    def _expression(self, key: str, path: KeyPath) -> list[str]:
        if key in CONDITIONS:
            return ["true", "false"]
        unit = self.known("units")
        points = [f"points('{unit[self.hand % len(unit)]}', '1')"] if unit else []
        return ["event.amount", "1", *points] if "metrics" in path else ["1", "event.amount"]

    def _word(self, path: KeyPath) -> list[str]:
        last = path[-1]
        if isinstance(last, int):
            names = self.rules(path) if path[-2] == "rules" else []
            return names or [str(each) for each in self._list(str(path[-2]), path[:-1])[0]]
        if last == "zone":
            return ["UTC", "Pacific/Auckland"]
        if last == "currency":
            return ["EUR", "JPY", "KWD"]
        if last == "type":
            if same := self._same_attribute(path):
                return same
            points = [f"points {unit}" for unit in self.known("units")]
            return ["text", "integer", "money", "flag", *points]
        if last in ("unit", "sum"):
            return self.known("units") or ["unit"]
        return ["standin", "other"]

    def _same_attribute(self, path: KeyPath) -> list[str]:
        """The types that other events give an attribute of this name: there can be one only."""
        found: dict[str, None] = {}
        for event, given in _items(self.tree.get("events")):
            attributes = given.get("attributes") if isinstance(given, dict) else None
            for name, attribute in _items(attributes):
                kind = attribute.get("type") if isinstance(attribute, dict) else attribute
                if name == path[-2] and event != path[1] and isinstance(kind, str):
                    found[kind] = None
        return list(found) if "attributes" in path else []

    def _list(self, key: str, path: KeyPath) -> list[list[Any]]:
        if key in ("on", "of"):
            types = [*self.known("events"), "redemption"]
            return [types, *([each] for each in types)]
        if key == "unit":
            return [[each] for each in self.known("units") or ["standin"]]
        if key == "rules":
            return [["all"]] if "caps" in path else [self.rules(path)]
        if key == "versions":
            return [[{"version": "1"}]]
        if key == "products":
            return [list(self.wanted["held"])]
        return [[], list(self.wanted["value"])] if key == "values" else [[]]

    def _mapping(self, hint: Any, path: KeyPath) -> list[dict[str, Any]]:
        """A mapping that holds every name that the file asks of it."""
        key = str(path[-1])
        kinds = {
            "units": "balance", "events": "type", "attributes": "event", "line": "line",
            "member": "member", "metrics": "metrics", "ladders": "level", "levels": "value",
        }  # fmt: skip
        if key not in kinds:
            return [{}]
        names = self._listed(path) or self.wanted[kinds[key]]
        if not names and key in ("units", "levels"):
            names = ("standin",)
        every = {name: self.pick(hint, (*path, name)) for name in names}
        return [every, {names[0]: every[names[0]]}] if key == "units" else [every]

    def _listed(self, path: KeyPath) -> tuple[str, ...]:
        """The names of a list that stands in the file where a mapping should."""
        here: Any = self.file
        for step in path:
            try:
                here = here[step]
            except (KeyError, IndexError, TypeError):
                return ()
        names = here if isinstance(here, list) else []
        return tuple(
            each for each in names if isinstance(each, str) and re.fullmatch(model.NAME, each)
        )

    def part(self, kind: type[BaseModel], path: KeyPath) -> dict[str, Any]:
        """A mapping with what it cannot be without."""
        found: dict[str, Any] = {
            name: self.pick(hint, (*path, name))
            for name, hint in hints(kind).items()
            if kind.model_fields.get(name) is not None and kind.model_fields[name].is_required()
        }
        for key, value in self.settled(kind, path).items():
            if value is not GONE:
                found[key] = value
        return found

    def settled(self, kind: type[BaseModel], path: KeyPath) -> dict[str, Any]:
        """Keys that settle what a mapping leaves open or says twice; GONE: without the key."""
        if kind is model.Give:
            every = dict.fromkeys(("rate", "points", "multiply", "by", "per"), GONE)
            return every | [{"points": "1"}, {"rate": "1%"}][self.hand % 2]
        if kind is model.Metric:
            every = dict.fromkeys(("sum", "count", "max", "last"), GONE)
            value = self._expression("sum", path)[self.hand % 3 - 1]
            return every | [{"sum": value}, {"count": "events"}, {"max": value}][self.hand % 3]
        if kind is model.Rule:
            units = self.known("units")
            return {"unit": units[self.hand % len(units)]} if units else {}
        if kind is model.Cap:
            units = self.known("units")
            unit = {"unit": units[self.hand % len(units)]} if units else {}
            return {"at_most": "1000000", "across": "member", **unit}
        if kind is model.EventType:
            names = {"attributes": self._mapping(model.AttributeText, (*path, "attributes"))[0]}
            lines = {"line": self._mapping(model.AttributeText, (*path, "line"))[0]}
            return {"amount": ["required", "none"][self.hand % 2], **names, **lines}
        if kind is model.Attribute:
            types = self._word((*path, "type"))
            return {"type": types[self.hand % len(types)]}
        if kind is model.Posting:
            return {"after": "1 day", "day_of_next_month": GONE}
        if kind is model.Version:
            return {"version": str(int(path[-1]) + 1 if self.hand % 2 else 10**6)}
        return {}


def _items(tree: Any) -> list[tuple[Any, Any]]:
    return list(tree.items()) if isinstance(tree, dict) else []

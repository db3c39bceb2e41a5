"""The two small languages of a mapping file: where a value comes from, and conditions on rows.

Both are turned into plain functions of a row once, so that half a million rows cost seconds.

A **value** is one of

    Customer ID                                   the column of that name
    "{Invoice}-{StockCode}"                       a template; {#row} is the number of the row,
                                                  {#file} the file's name without its ending
    {value: GBP}                                  a constant
    {column: date, format: "%Y%m%d"}              a time in a strptime format
    {template: "{day} {hour}", format: "%d.%m.%Y %H:%M"}
    {column: Country, values: {EIRE: Ireland}, default: unknown}
    {product: [Quantity, Price]}                  an exact product of decimals
    {choose: [{when: CONDITION, value: return}, {value: purchase}]}

A **condition** is a mapping of columns to tests, all of which must hold; ``any: [CONDITION, …]``
holds when one does, ``not: CONDITION`` when it does not. A test is

    empty | present                               nothing in the cell | something
    POST                                          exactly this text
    [POST, M, D]                                  one of these texts
    {starts_with: C}  {ends_with: x}  {contains: x}  {pattern: "[0-9]{5}.*"} (the whole cell)
    {in: [..]}  {not_in: [..]}  {equals: x}  {not_equals: x}
    {below: 0}  {above: 0}  {at_least: 1}  {at_most: 0}     by number; no number: does not hold
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePath

import yaml

from laurels.base.money import format_decimal
from laurels.replay.document import Document
from laurels.replay.readers import Row
from laurels.replay.values import Unreadable, decimal_of, is_absent, text_of, time_text

Getter = Callable[[Row], str]
Test = Callable[[Row], bool]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "below": operator.lt,
    "above": operator.gt,
    "at_least": operator.ge,
    "at_most": operator.le,
}
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
    "equals": str.__eq__,
    "not_equals": str.__ne__,
}
_LIST_TESTS = ("in", "not_in")
TESTS = (*_COMPARISONS, *_TEXT_TESTS, *_LIST_TESTS, "pattern")
_FORM_KEYS = ("column", "template", "value", "product", "choose", "format", "values", "default")


@dataclass(frozen=True)
class Field:
    """Where one value comes from: the cells of ``columns``, and nothing else, unless ``by_row``
    says that each row has its own. ``constant`` is the text when it is the same for all rows."""

    get: Getter
    columns: tuple[str, ...] = ()
    constant: str | None = None
    by_row: bool = False


@dataclass
class Compiler:
    """Turns nodes into functions; remembers each column that was named, and where."""

    document: Document
    decimals: int
    named: list[tuple[str, yaml.Node]] = field(default_factory=list)

    # --- values ---

    def value(self, node: yaml.Node) -> Field:
        """The field that the node describes; findings are noted in the document."""
        if isinstance(node, yaml.ScalarNode):
            text = self.document.text(node).value
            if not text:
                self.document.wrong(
                    node, "mapping-value-wrong", "nothing stands here", "a column or a value"
                )
            return self._template(node, text) if "{" in text else self._column(node, text)
        keys = self.document.keys(node, _FORM_KEYS)
        origins = [key for key in _FORM_KEYS[:5] if key in keys]
        if len(origins) != 1:
            self.document.wrong(
                node,
                "mapping-value-wrong",
                "it is not clear where the value comes from",
                "exactly one of " + ", ".join(_FORM_KEYS[:5]),
            )
            return Field(lambda _: "")
        origin = keys[origins[0]][1]
        found = self._origin(origins[0], origin)
        for name, make in (
            ("format", self._with_format),
            ("values", self._with_values),
            ("default", self._with_default),
        ):
            if name in keys:
                found = make(found, keys[name][1])
        return found

    def _origin(self, form: str, node: yaml.Node) -> Field:
        if form == "product":
            return self._product(node)
        if form == "choose":
            return self._choose(node)
        text = self.document.text(node).value
        if form == "value":
            return Field(lambda _: text, constant=text)
        return self._template(node, text) if form == "template" else self._column(node, text)

    def _column(self, node: yaml.Node, name: str) -> Field:
        self.named.append((name, node))
        return Field(_cell_text(name), (name,))

    def _template(self, node: yaml.Node, text: str) -> Field:
        rest = _PLACEHOLDER.sub("", text)
        if "{" in rest or "}" in rest:
            self.document.wrong(
                node, "mapping-value-wrong", "a brace is not closed", 'such as "{Invoice}-{Item}"'
            )
        parts: list[str | Getter] = []
        columns: list[str] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            name = match[1]
            if name == "#row":
                parts.append(lambda row: str(row.number))
            elif name == "#file":
                parts.append(lambda row: PurePath(row.file).name.split(".")[0])
            else:
                self.named.append((name, node))
                columns.append(name)
                parts.append(_cell_text(name))
        parts.append(text[end:])
        by_row = "{#" in text
        return Field(_joined([part for part in parts if part != ""]), tuple(columns), None, by_row)

    def _product(self, node: yaml.Node) -> Field:
        names = [self.document.text(item, "a column").value for item in self.document.items(node)]
        for name, item in zip(names, self.document.items(node), strict=True):
            self.named.append((name, item))
        return Field(_product_text(tuple(names), self.decimals), tuple(names))

    def _choose(self, node: yaml.Node) -> Field:
        cases: list[tuple[Test, str]] = []
        columns: list[str] = []
        for item in self.document.items(node):
            keys = self.document.keys(item, ("when", "value"))
            if "value" not in keys:
                self.document.wrong(item, "mapping-key-missing", "a case has no value", "value: …")
                continue
            text = self.document.text(keys["value"][1]).value
            before = len(self.named)
            test = self.condition(keys["when"][1]) if "when" in keys else (lambda _: True)
            columns += [name for name, _ in self.named[before:]]
            cases.append((test, text))

        def chosen(row: Row) -> str:
            for test, text in cases:
                if test(row):
                    return text
            return ""

        return Field(chosen, tuple(dict.fromkeys(columns)))

    def _with_format(self, found: Field, node: yaml.Node) -> Field:
        pattern, get = self.document.text(node, "a strptime format").value, found.get
        if "%" not in pattern:
            self.document.wrong(
                node, "mapping-value-wrong", "this is no format of a time", "such as %Y-%m-%d"
            )

        def converted(row: Row) -> str:
            text = get(row)
            return time_text(text, pattern) if text else ""

        return Field(converted, found.columns, by_row=found.by_row)

    def _with_values(self, found: Field, node: yaml.Node) -> Field:
        get = found.get
        words = {
            key: self.document.text(value).value
            for key, (_, value) in self.document.keys(node).items()
        }

        def translated(row: Row) -> str:
            text = get(row)
            return words.get(text, text)

        return Field(translated, found.columns, by_row=found.by_row)

    def _with_default(self, found: Field, node: yaml.Node) -> Field:
        text, get = self.document.text(node).value, found.get
        return Field(lambda row: get(row) or text, found.columns, by_row=found.by_row)

    # --- conditions ---

    def condition(self, node: yaml.Node) -> Test:
        """The test that the node describes; findings are noted in the document."""
        tests: list[Test] = []
        for name, (key, value) in self.document.keys(node).items():
            if name == "any":
                tests.append(_any([self.condition(item) for item in self.document.items(value)]))
            elif name == "not":
                tests.append(_not(self.condition(value)))
            else:
                self.named.append((name, key))
                tests.append(self._cell_test(name, value))
        if not tests:
            self.document.wrong(
                node, "mapping-value-wrong", "an empty condition", "a column and a test"
            )
        return _all(tests)

    def _cell_test(self, name: str, node: yaml.Node) -> Test:
        if isinstance(node, yaml.MappingNode):
            tests = [
                self._operator_test(name, word, value)
                for word, (_, value) in self.document.keys(node, TESTS).items()
            ]
            if not node.value:
                self.document.wrong(node, "mapping-value-wrong", "no test", ", ".join(TESTS))
            return _all(tests)
        if isinstance(node, yaml.SequenceNode):
            return self._operator_test(name, "in", node)
        text = self.document.text(node)
        if text.value in ("empty", "present") and not text.quoted:
            wanted = text.value == "empty"
            return lambda row: is_absent(row.values.get(name)) is wanted
        return self._operator_test(name, "equals", node)

    def _operator_test(self, name: str, word: str, node: yaml.Node) -> Test:
        if word in _LIST_TESTS:
            texts = frozenset(self.document.text(item).value for item in self.document.items(node))
            wanted = word == "in"
            return _remembered(name, lambda value: (text_of(value) in texts) is wanted)
        text = self.document.text(node).value
        if word in _COMPARISONS:
            return self._number_test(name, _COMPARISONS[word], node, text)
        if word == "pattern":
            try:
                pattern = re.compile(text)
            except re.error as error:
                self.document.wrong(node, "mapping-value-wrong", f"no pattern: {error}")
                return lambda _: False
            return _remembered(name, lambda value: pattern.fullmatch(text_of(value)) is not None)
        compare = _TEXT_TESTS[word]
        return _remembered(name, lambda value: compare(text_of(value), text))

    def _number_test(
        self,
        name: str,
        compare: Callable[[Decimal, Decimal], bool],
        node: yaml.Node,
        text: str,
    ) -> Test:
        try:
            bound = decimal_of(text)
        except Unreadable as bad:
            self.document.wrong(node, "mapping-value-wrong", f"{text!r} is no number", bad.expected)
            return lambda _: False

        def holds(value: object) -> bool:
            try:
                return not is_absent(value) and compare(decimal_of(value), bound)
            except Unreadable:
                return False

        return _remembered(name, holds)


def _remembered(name: str, holds: Callable[[object], bool]) -> Test:
    """A test of one cell. Cells repeat, so the answer for a value is worked out once."""
    known = lru_cache(maxsize=1 << 16, typed=True)(holds)

    def test(row: Row) -> bool:
        try:
            return known(row.values.get(name))
        except TypeError:  # a list or an object of a JSON line: no text and no number
            return False

    return test


def _cell_text(name: str) -> Getter:
    def get(row: Row) -> str:
        try:
            return text_of(row.values.get(name))
        except TypeError:  # a list or an object of a JSON line cannot be looked up
            raise Unreadable("value-not-text", "a text, a number or a time") from None

    return get


def _joined(parts: list[str | Getter]) -> Getter:
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]
    getters = [part for part in parts if not isinstance(part, str)]

    def get(row: Row) -> str:
        texts = [part if isinstance(part, str) else part(row) for part in parts]
        # An id of which a part is missing would be the id of many rows: then there is none.
        if any(not text for text in texts) or not getters:
            return ""
        return "".join(texts)

    return get


def _product_text(names: tuple[str, ...], decimals: int) -> Getter:
    """The exact product, with the decimals of the currency; '' when a cell is empty."""

    @lru_cache(maxsize=1 << 16, typed=True)
    def product(*values: object) -> str:
        numerator, denominator = 1, 1
        for value in values:
            if is_absent(value):
                return ""
            top, bottom = decimal_of(value).as_integer_ratio()
            numerator, denominator = numerator * top, denominator * bottom
        scaled, rest = divmod(numerator * 10**decimals, denominator)
        if rest:
            raise Unreadable("amount-not-exact", f"at most {decimals} digits after the point")
        return format_decimal(scaled, decimals)

    def get(row: Row) -> str:
        cells = row.values
        try:
            return product(*[cells.get(name) for name in names])
        except TypeError:  # a list or an object of a JSON line cannot be looked up
            raise Unreadable("number-unreadable", "a decimal number such as 12.30") from None

    return get


def _all(tests: list[Test]) -> Test:
    """All hold. Nested pairs, because a generator for each row takes three times as long."""
    if not tests:
        return lambda _: True
    first, rest = tests[0], tests[1:]
    if not rest:
        return first
    others = _all(rest)
    return lambda row: first(row) and others(row)


def _any(tests: list[Test]) -> Test:
    return lambda row: any(test(row) for test in tests)


def _not(test: Test) -> Test:
    return lambda row: not test(row)

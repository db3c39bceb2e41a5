"""The mapping file (``--map``): how a foreign file becomes events without being rewritten.

    read:                          # only for text files whose layout cannot be seen
      delimiter: whitespace        # or  ,  ;  tab;  by itself: what the header shows
      header: [id, day, amount]    # names for a file without a header
    decimals: 2                    # of the currency: amounts are exact to so many digits
    skip:                          # rows that are no events; the first reason that holds counts
      - reason: no-customer
        when: {Customer ID: empty}
    duplicates: keep               # rows that are equal in every cell: keep, or drop (counted)
    event:                         # of the whole event; any further key is an attribute
      id: "{Invoice}"
      member: Customer ID
      type: {choose: [{when: {Invoice: {starts_with: C}}, value: return}, {value: purchase}]}
      occurred_at: {column: InvoiceDate, format: "%Y-%m-%d %H:%M:%S"}
      currency: {value: GBP}
    lines:                         # of each row; without it every row is an event of its own
      line: {count: rows}          # 1, 2, 3 … within the event; or any value
      amount: {product: [Quantity, Price]}
      item: StockCode
      quantity: Quantity
    times_differ: reject           # rows of one event at two times: or earliest, latest
    returns:                       # returns that do not say what they return
      type: return                 # the type of such events, and the type of what they return
      of: purchase
      match: [member, item]        # equal in both
      take: latest                 # the latest purchase first, or the oldest
      within: 365 days             # no earlier than that; left out: however old
      by: quantity                 # or amount: what is counted down
      value: stated                # what the return gives back; or bought: what those units cost
      written: negative            # amounts and quantities of returns stand below zero

Values and conditions are described in ``fields``, the matching in ``matching``. Every finding
about the file is a ProgramError with line and column, all of them in one run.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import yaml

from laurels.base.errors import Finding, ProgramError
from laurels.replay.document import Document, compose_document, did_you_mean, read_document
from laurels.replay.fields import Compiler, Field, Test
from laurels.replay.readers import Format, Row
from laurels.replay.values import Unreadable, instant_of, shown

EVENT_KEYS = ("id", "member", "type", "occurred_at", "recorded_at", "source", "currency", "returns")
"""Attributes that belong to an event as a whole, never to one of its lines."""

REQUIRED = ("id", "member", "type", "occurred_at")
TIMES = ("occurred_at", "recorded_at")

_KEYS = ("read", "decimals", "skip", "duplicates", "event", "lines", "times_differ", "returns")
_RETURN_KEYS = ("type", "of", "match", "take", "within", "by", "value", "written")
_DELIMITERS = {",": ",", ";": ";", "tab": "\t", "\t": "\t", "whitespace": "whitespace"}
_WITHIN = re.compile(r"([1-9][0-9]{0,5}) (day|hour|minute)s?")
_DECIMALS_MAX = 9


@dataclass(frozen=True)
class ReturnRule:
    """How a return without a reference finds what it returns."""

    type: str = "return"
    of: str = "purchase"
    match: tuple[str, ...] = ("member", "item")
    take: Literal["latest", "oldest"] = "latest"
    within: dt.timedelta | None = None
    by: Literal["quantity", "amount"] = "quantity"
    value: Literal["stated", "bought"] = "stated"
    written: Literal["positive", "negative"] = "positive"


class Mapped(NamedTuple):
    """A row as an event: what is true of the event, and what is true of this line of it
    (None where the mapping knows no lines)."""

    event: dict[str, object]
    line: dict[str, object] | None


class BadCell(Exception):
    """A row that cannot become an event, with the columns to blame."""

    def __init__(self, column: str, reason: str, expected: str, value: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason
        self.expected = expected
        self.value = value


@dataclass
class Mapping:
    """A mapping file, ready to be applied to rows."""

    file: str
    layout: Format
    decimals: int
    skips: tuple[tuple[str, Test], ...]
    event: tuple[tuple[str, Field], ...]
    lines: tuple[tuple[str, Field], ...] | None
    lines_counted: bool
    duplicates: Literal["keep", "drop"]
    times_differ: Literal["reject", "earliest", "latest"]
    returns: ReturnRule | None
    named: tuple[tuple[str, int, int], ...]
    """Each column that the mapping names, with line and column of the file where it does."""

    def __post_init__(self) -> None:
        columns = {name for _, each in self.event for name in each.columns}
        self._event_columns = tuple(columns)
        self._by_row = any(each.by_row for _, each in self.event)
        self._last_cells: list[object] = []
        self._last_types: list[type] = []
        self._last_event: dict[str, object] = {}
        self._event_getters = [(name, each.get) for name, each in self.event]
        self._line_getters = [(name, each.get) for name, each in self.lines or ()]

    def check_columns(self, columns: Iterable[str], file: str) -> None:
        """Raise ProgramError for the columns that the file does not have, all in one."""
        known = list(columns)
        missing = [each for each in self.named if each[0] not in set(known)]
        if missing:
            raise ProgramError(
                Finding(
                    "error",
                    "mapping-column-unknown",
                    f"{file} has no column {name!r}",
                    self.file,
                    line,
                    column,
                    "one of " + ", ".join(known),
                    did_you_mean(name, known),
                )
                for name, line, column in missing
            )

    def apply(self, row: Row) -> Mapped | str:
        """The row as an event, or the reason for which it is skipped. Raises BadCell.

        Rows that follow each other with the same cells in the columns of the event are given one
        and the same mapping for it.
        """
        name = ""
        try:
            for name, test in self.skips:
                if test(row):
                    return name
        except Unreadable as bad:
            raise BadCell(f"skip {name}", bad.reason, bad.expected, "") from None
        event = self._event_of(row)
        if self.lines is None:
            return Mapped(event, None)
        line: dict[str, object] = {}
        try:
            for name, get in self._line_getters:
                text = get(row)
                if text:
                    line[name] = text
            for name in ("amount", "quantity"):
                if name in line:
                    self._set_sign(event, line, name)
        except Unreadable as bad:
            raise self._bad_cell(row, name, bad) from None
        return Mapped(event, line)

    def _event_of(self, row: Row) -> dict[str, object]:
        """What the row says of its event as a whole."""
        values = row.values
        cells = [values.get(name) for name in self._event_columns]
        # The types as well: 1, 1.0 and True are equal to Python, and not the same text.
        same = cells == self._last_cells and list(map(type, cells)) == self._last_types
        if same and self._last_event and not self._by_row:
            return self._last_event
        event: dict[str, object] = {}
        name = ""
        try:
            for name, get in self._event_getters:
                text = get(row)
                if text:
                    event[name] = text
            for name in REQUIRED:
                if name not in event:
                    raise Unreadable(f"{name.replace('_', '-')}-missing", "a value")
            for name in TIMES:
                if name in event:
                    instant_of(str(event[name]), "UTC")
            if self.lines is None:
                for name in ("amount", "quantity"):
                    if name in event:
                        self._set_sign(event, event, name)
        except Unreadable as bad:
            raise self._bad_cell(row, name, bad) from None
        if self.lines is not None:
            self._last_cells, self._last_event = cells, event
            self._last_types = list(map(type, cells))
        return event

    def _bad_cell(self, row: Row, name: str, bad: Unreadable) -> BadCell:
        columns = dict((*self.event, *(self.lines or ())))[name].columns
        value = "|".join(shown(row.values.get(each)) for each in columns)
        return BadCell(", ".join(columns) or name, bad.reason, bad.expected, shown(value))

    def _set_sign(self, event: dict[str, object], holder: dict[str, object], name: str) -> None:
        text = str(holder[name])
        negative = text.startswith("-")
        rule = self.returns
        if rule is not None and rule.written == "negative" and event["type"] == rule.type:
            if negative:
                holder[name] = text[1:]
            elif text.strip("0."):
                raise Unreadable(f"{name}-sign", "a number below zero, as this is a return")
        elif negative:
            raise Unreadable(f"{name}-negative", "a number of zero or more")


def load_mapping(path: str | Path) -> Mapping:
    """The mapping in the file.

    Raises ProgramError with all findings, RequestError when the file cannot be opened.
    """
    return _Loader(read_document(path)).load()


def parse_mapping(text: str, file: str = "mapping.yaml") -> Mapping:
    """The mapping in the text; ``file`` is the name that findings give. Raises ProgramError."""
    return _Loader(compose_document(text, file)).load()


class _Loader:
    """Reads one document; what is wrong is noted and the reading goes on."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.keys = document.keys(document.root, _KEYS)
        document.raise_findings()
        self.compiler = Compiler(document, self._decimals())

    def load(self) -> Mapping:
        document = self.document
        layout = self._layout()
        skips = self._skips()
        event = self._event()
        lines, counted = self._lines()
        names = [name for name, _ in (*event, *(lines or ()))]
        returns = self._returns(names) if "returns" in self.keys else None
        drop = self._choice("duplicates", ("keep", "drop")) == "drop"
        times_differ = self._times_differ()
        document.raise_findings()
        return Mapping(
            file=document.file,
            layout=layout,
            decimals=self.compiler.decimals,
            skips=tuple(skips),
            event=tuple(event),
            lines=None if lines is None else tuple(lines),
            lines_counted=counted,
            duplicates="drop" if drop else "keep",
            times_differ=times_differ,
            returns=returns,
            named=tuple(
                (name, node.start_mark.line + 1, node.start_mark.column + 1)
                for name, node in self.compiler.named
            ),
        )

    def _choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """The word under the key; the first allowed one where the key is not there."""
        return self.document.choice(self.keys[key][1], allowed) if key in self.keys else allowed[0]

    def _times_differ(self) -> Literal["reject", "earliest", "latest"]:
        word = self._choice("times_differ", ("reject", "earliest", "latest"))
        return "earliest" if word == "earliest" else "latest" if word == "latest" else "reject"

    def _decimals(self) -> int:
        if "decimals" not in self.keys:
            return 2
        node = self.keys["decimals"][1]
        text = self.document.text(node).value
        if text.isascii() and text.isdigit() and len(text) == 1:
            return int(text)
        self.document.wrong(
            node, "mapping-value-wrong", f"{text!r} is no number of digits", f"0 to {_DECIMALS_MAX}"
        )
        return 2

    def _layout(self) -> Format:
        if "read" not in self.keys:
            return Format()
        keys = self.document.keys(self.keys["read"][1], ("delimiter", "header"))
        delimiter, header = None, None
        if "delimiter" in keys:
            delimiter = _DELIMITERS[self.document.choice(keys["delimiter"][1], _DELIMITERS)]
        if "header" in keys:
            items = self.document.items(keys["header"][1])
            header = tuple(self.document.text(item).value for item in items)
            if len(set(header)) != len(header) or not all(header):
                self.document.wrong(
                    keys["header"][1], "mapping-value-wrong", "names of columns", "each name once"
                )
        return Format(delimiter, header)

    def _skips(self) -> list[tuple[str, Test]]:
        found: list[tuple[str, Test]] = []
        if "skip" not in self.keys:
            return found
        for item in self.document.items(self.keys["skip"][1]):
            keys = self.document.keys(item, ("reason", "when"))
            for name in ("reason", "when"):
                if name not in keys:
                    self.document.wrong(
                        item, "mapping-key-missing", f"{name!r} is missing", "a reason and a when"
                    )
            if len(keys) == 2:
                reason = self.document.text(keys["reason"][1]).value
                found.append((reason, self.compiler.condition(keys["when"][1])))
        return found

    def _event(self) -> list[tuple[str, Field]]:
        root = self.document.root
        if "event" not in self.keys:
            self.document.wrong(
                root, "mapping-key-missing", "'event' is missing", ", ".join(REQUIRED)
            )
            return []
        node = self.keys["event"][1]
        keys = self.document.keys(node)
        for name in REQUIRED:
            if name not in keys:
                self.document.wrong(
                    node, "mapping-key-missing", f"{name!r} is missing", ", ".join(REQUIRED)
                )
        if "lines" in self.keys:
            for name in ("line", "amount"):
                if name in keys:
                    self.document.wrong(
                        keys[name][0],
                        "mapping-value-wrong",
                        f"{name!r} belongs to the lines",
                        "it under 'lines'",
                    )
        return [(name, self.compiler.value(value)) for name, (_, value) in keys.items()]

    def _lines(self) -> tuple[list[tuple[str, Field]] | None, bool]:
        if "lines" not in self.keys:
            return None, False
        node = self.keys["lines"][1]
        keys = self.document.keys(node)
        if "line" not in keys:
            self.document.wrong(
                node, "mapping-key-missing", "'line' is missing", "line: {count: rows}, or a value"
            )
        counted = False
        found: list[tuple[str, Field]] = []
        for name, (key, value) in keys.items():
            if name in EVENT_KEYS:
                self.document.wrong(
                    key, "mapping-value-wrong", f"{name!r} belongs to the event", "it under 'event'"
                )
            elif name == "line" and _is_count(value):
                counted = True
            else:
                found.append((name, self.compiler.value(value)))
        return found, counted

    def _returns(self, names: list[str]) -> ReturnRule:
        document = self.document
        node = self.keys["returns"][1]
        keys = document.keys(node, _RETURN_KEYS)

        def choice(key: str, allowed: tuple[str, ...]) -> str:
            return document.choice(keys[key][1], allowed) if key in keys else allowed[0]

        match = self._match(keys["match"][1], names) if "match" in keys else ("member",)
        if "match" not in keys:
            document.wrong(
                node, "mapping-key-missing", "'match' is missing", "such as [member, item]"
            )
        by = choice("by", ("quantity", "amount"))
        if by not in names:
            document.wrong(
                node,
                "mapping-key-missing",
                f"returns are counted by {by}, and there is none",
                f"{by!r} under 'lines' or 'event'",
            )
        return ReturnRule(
            type=document.text(keys["type"][1]).value if "type" in keys else "return",
            of=document.text(keys["of"][1]).value if "of" in keys else "purchase",
            match=match,
            take="oldest" if choice("take", ("latest", "oldest")) == "oldest" else "latest",
            within=self._within(keys["within"][1]) if "within" in keys else None,
            by="amount" if by == "amount" else "quantity",
            value="bought" if choice("value", ("stated", "bought")) == "bought" else "stated",
            written="negative"
            if choice("written", ("positive", "negative")) == "negative"
            else "positive",
        )

    def _match(self, node: yaml.Node, names: list[str]) -> tuple[str, ...]:
        found = []
        for item in self.document.items(node):
            name = self.document.text(item).value
            found.append(name)
            if name not in names:
                self.document.unknown(item, "mapping-value-wrong", "field", name, names)
        if "member" not in found:
            self.document.wrong(
                node,
                "mapping-value-wrong",
                "a return belongs to a member",
                "'member' among what must match",
            )
        return tuple(found)

    def _within(self, node: yaml.Node) -> dt.timedelta | None:
        text = self.document.text(node).value
        match = _WITHIN.fullmatch(text)
        if match is None:
            self.document.wrong(
                node, "mapping-value-wrong", f"{text!r} is no span of time", "such as 365 days"
            )
            return None
        return dt.timedelta(**{match[2] + "s": int(match[1])})


def _is_count(node: yaml.Node) -> bool:
    if not isinstance(node, yaml.MappingNode) or len(node.value) != 1:
        return False
    key, value = node.value[0]
    return bool(key.value == "count" and value.value == "rows")

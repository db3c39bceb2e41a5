"""Rows become events: rows of one identity are one event, each row a line of it.

An event is known by (source, id). The same identity with the same body again is a duplicate:
counted, and dropped. With another body it is a conflict: the first stands, the row is rejected.

The events are plain mappings of text, as a CSV would hold them; whether a type, an attribute or a
time is right, the program's door decides. ``places`` says for each event where it stands, so that
what the door rejects is reported with its row as well.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from laurels.base.errors import RequestError
from laurels.base.instants import calendar
from laurels.engine.events import ID_MAX
from laurels.replay.mapping import EVENT_KEYS, REQUIRED, BadCell, Mapped, Mapping
from laurels.replay.raw import Body, Events, Group, Place, Report, Unmatched, finish, finished
from laurels.replay.readers import Format, Only, Row, read_tables
from laurels.replay.returns import resolve_returns
from laurels.replay.values import (
    Rejected,
    Unreadable,
    instant_of,
    instant_text,
    is_absent,
    shown,
    text_of,
)

IDENTITIES = (
    "id", "member", "type", "source", "returns", "line", "pays", "hold", "withdraws", "to",
)  # fmt: skip
"""Names of things: 13085, 13085.0 and "13085" are one of them."""

__all__ = ["Body", "Events", "Place", "Report", "Unmatched", "read_events"]


def read_events(
    paths: Iterable[str | Path],
    mapping: Mapping | None = None,
    *,
    line_attributes: frozenset[str] | None = None,
    zone: str = "UTC",
    layout: Format | None = None,
    only: Only | None = None,
) -> Events:
    """The events in the files and folders.

    mapping          how foreign files become events; None: they are written as ours
    line_attributes  attributes that belong to lines; the rest must be equal in all rows of an
                     event. None: every attribute stands on its line, and on the event as well
                     when all lines agree. A mapping knows them by itself.
    zone             of times without offset, where returns look for earlier purchases
    only             numbers of the rows that are read, by file; None: all of them

    Raises RequestError for files that cannot be read, ProgramError when the mapping names
    columns that they do not have.
    """
    report = Report()
    with _no_cycle_collection():
        tables = _Tables(paths, mapping.layout if mapping else layout, only)
        groups = _gather(tables, mapping, line_attributes, zone, report)
        if mapping is not None and mapping.returns is not None:
            return resolve_returns(groups, mapping, zone, report)
        hoist = mapping is None and line_attributes is None
        every = (each for group in groups.values() for each in finished(group, hoist))
        return finish(every, report)


class _Tables(NamedTuple):
    """The files that are read, and what of them."""

    paths: Iterable[str | Path]
    layout: Format | None
    only: Only | None


def _gather(
    tables: _Tables,
    mapping: Mapping | None,
    line_attributes: frozenset[str] | None,
    zone: str,
    report: Report,
) -> dict[tuple[object, object], Group]:
    calendar(zone)  # an unknown zone is told before hours of reading
    gatherer = _Gatherer(report, mapping, line_attributes, zone)
    unread: list[Rejected] = []
    for table in read_tables(tables.paths, unread.append, tables.layout, tables.only):
        if table.columns is not None:
            if mapping is not None:
                mapping.check_columns(table.columns, table.file)
            else:
                _check_columns(table.columns, table.file)
        for row in table.rows:
            gatherer.add(row)
    report.rejected += unread
    report.rows = gatherer.rows + len(unread)
    return gatherer.groups


def _check_columns(columns: tuple[str, ...], file: str) -> None:
    """Raises RequestError for a file in which no row can be an event."""
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        found = ", ".join(shown(name) for name in columns[:12])
        raise RequestError(
            "events-unreadable",
            f"there is no column {', '.join(missing)}",
            where=file,
            expected=f"the columns {', '.join(REQUIRED)}",
            hint=f"It has {found}{', …' if columns[12:] else ''}. "
            "A mapping says which of them are meant: --map",
        )


@contextmanager
def _no_cycle_collection() -> Iterator[None]:
    """Millions of small mappings and not one cycle among them: looking for cycles again and again
    takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Gatherer:
    """Puts rows into the events to which they belong; says in the report what it left out."""

    def __init__(
        self,
        report: Report,
        mapping: Mapping | None,
        line_attributes: frozenset[str] | None,
        zone: str,
    ) -> None:
        self.report = report
        self._zone = zone
        self.mapping = mapping
        self.groups: dict[tuple[object, object], Group] = {}
        self.rows = 0
        self._line_attributes = line_attributes
        self._keep_cells = mapping is not None and mapping.duplicates == "drop"
        self._counted = mapping is not None and mapping.lines_counted
        self._times_differ = mapping.times_differ if mapping is not None else "reject"

    def add(self, row: Row) -> None:
        """Take one row."""
        self.rows += 1
        try:
            if self.mapping is None:
                mapped: Mapped | str = self._native(row)
            else:
                mapped = self.mapping.apply(row)
        except BadCell as bad:
            self._reject(row, bad.column, bad.reason, bad.expected, bad.value)
            return
        if isinstance(mapped, str):
            self.report.skipped[mapped] += 1
            return
        event, line = mapped
        key = (event.get("source"), event["id"])
        group = self.groups.get(key)
        if group is None:
            self._open(key, row, event, line)
        else:
            self._join(group, row, event, line)

    def _native(self, row: Row) -> Mapped:
        """A row written as ours; absent cells are left out, typed times become text."""
        event: Body = {}
        for name, value in row.values.items():
            if value is None or value == "" or value != value:
                continue
            event[name] = instant_text(value) if isinstance(value, dt.date) else value
        _check_nested(event)
        for name in IDENTITIES:
            value = event.get(name)
            if value is not None and not isinstance(value, str):
                try:
                    event[name] = text_of(value)
                except Unreadable as bad:
                    raise BadCell(name, bad.reason, bad.expected, shown(value)) from None
        for name in REQUIRED:
            if is_absent(event.get(name)):
                raise BadCell(name, f"{name.replace('_', '-')}-missing", "a value", "")
        if "line" not in event:
            return Mapped(event, None)
        names = self._line_attributes
        line = {
            name: value
            for name, value in event.items()
            if (name not in EVENT_KEYS if names is None else name in names)
            or name in ("line", "amount")
        }
        for name in line:
            del event[name]
        return Mapped(event, line)

    def _open(self, key: tuple[object, object], row: Row, event: Body, line: Body | None) -> None:
        place = Place(row.file, row.number)
        group = self.groups[key] = Group(event, place)
        if line is not None:
            group.lines = {}
            if self._counted:
                line["line"] = "1"
            group.lines[str(line.get("line", ""))] = line
            group.rows.append(place)
        if self._keep_cells:
            group.cells = {tuple(row.values.values())}

    def _join(self, group: Group, row: Row, event: Body, line: Body | None) -> None:
        if group.cells is not None:
            cells = tuple(row.values.values())
            if cells in group.cells:
                self.report.duplicates += 1
                return None
            group.cells.add(cells)
        if (
            event is not group.body
            and event != group.body
            and not self._merge_times(group.body, event)
        ):
            return self._conflict(row, group, event, group.body)
        if line is None or group.lines is None:
            if line is not None or group.lines is not None:
                return self._reject(
                    row, "line", "event-id-conflict", "a line in every row of the event", ""
                )
            self.report.duplicates += 1
            return None
        name = str(len(group.lines) + 1) if self._counted else str(line.get("line", ""))
        if self._counted:
            line["line"] = name
        first = group.lines.get(name)
        if first is None:
            group.lines[name] = line
            group.rows.append(Place(row.file, row.number))
        elif first == line:
            self.report.duplicates += 1
        else:
            self._conflict(row, group, line, first)
        return None

    def _merge_times(self, body: Body, event: Body) -> bool:
        """True when only the times differ, and the mapping says which of them to take."""
        if self._times_differ == "reject":
            return False
        other = {**event, "occurred_at": body["occurred_at"]}
        if other != body:
            return False
        times = (str(body["occurred_at"]), str(event["occurred_at"]))
        choose = min if self._times_differ == "earliest" else max
        try:
            body["occurred_at"] = choose(times, key=lambda text: instant_of(text, self._zone))
        except Unreadable:  # a local time that never happened: the door says so
            return False
        self.report.times_merged += 1
        return True

    def _conflict(self, row: Row, group: Group, found: Body, stands: Body) -> None:
        names = sorted(k for k in {*found, *stands} if found.get(k) != stands.get(k))
        name = names[0]
        expected = f"{shown(stands.get(name))}, as in {group.place.file} row {group.place.row}"
        self._reject(row, name, "event-id-conflict", expected, shown(found.get(name)))

    def _reject(self, row: Row, column: str, reason: str, expected: str, value: str) -> None:
        self.report.rejected.append(Rejected(row.file, row.number, column, reason, expected, value))
        member = row.values.get("member") if self.mapping is None else None
        if isinstance(member, (str, int)) and (name := str(member)).isprintable():
            self.report.members |= {name} if 0 < len(name) <= ID_MAX else set()


def _check_nested(event: Body) -> None:
    """Lines are a list of mappings; nothing else in an event is nested."""
    for name, value in event.items():
        if name == "lines":
            if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
                raise BadCell(name, "lines-unreadable", "a list of objects", shown(value))
        elif isinstance(value, (list, dict, bytes)):
            raise BadCell(name, "value-not-text", "a single value", shown(value))

"""Postings as columns, straight from the machine's records.

Every column but the ids and lots is a number or one of a few words. Ids and lots say what they
are (``engine.journal``), so they are put together from texts that repeat: members, events,
instants, kinds, rules, lots. No Python object is made for a posting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from laurels.engine.compiled import Compiled
from laurels.engine.kernel import layout as K
from laurels.ledger.accounts import ACCOUNTS, KINDS
from laurels.replay.machine.build import tool
from laurels.replay.machine.columns import Array, Columns
from laurels.replay.tables import empty_postings

LAST = -(2**31)
SLASH, COLON = ord("/"), ord(":")


@dataclass
class Facts:
    """What postings say of the members and events of ``columns``.

    members  names, in the order of the columns
    ids      of events, by their numbers in the input (``Columns.source``); sources likewise,
             None where no event has one; lines: the line that an event itself names, likewise
    """

    columns: Columns
    members: Any
    ids: Any
    sources: Any | None = None
    lines: Any | None = None


def postings_table(program: Compiled, facts: Facts, rec: Array, causes: Array) -> Any:
    """Records of members, one member after the other, as a table (see ``replay.tables``)."""
    rows = len(causes)
    out, kept = np.empty(rows * K.RECORD, dtype=np.int64), np.empty(rows, dtype=np.int32)
    count = tool("split_records")(rows, rec, causes, out, kept)
    table = out[: count * K.RECORD].reshape(count, K.RECORD)
    return _Postings(program, facts, table, kept[:count]).table()


class _Postings:
    """Some postings on their way into columns."""

    def __init__(self, program: Compiled, facts: Facts, rec: Array, causes: Array) -> None:
        self.linked = program.program
        self.program = program
        self.facts = facts
        self.rec = rec
        self.caused = causes >= 0
        self.rows = np.where(self.caused, causes, 0)
        starts = facts.columns.start
        owner = np.searchsorted(starts, self.rows, side="right") - 1
        self.owner = np.where(self.caused, owner, -1 - causes.astype(np.int64)).astype(np.int32)
        self.at = np.ascontiguousarray(rec[:, K.R_AT])
        source = facts.columns.source
        inputs = source[self.rows] if len(source) else self.rows
        self.event = np.where(self.caused, inputs, -1).astype(np.int32)

    def column(self, number: int) -> Array:
        """A column of the records."""
        return np.ascontiguousarray(self.rec[:, number])

    def table(self) -> Any:
        """All columns."""
        linked, columns = self.linked, self.facts.columns
        units = [unit.name for unit in linked.units]
        rules = [effect.rule for effect in linked.effects]
        accounts = [ACCOUNTS.get(number, "") for number in range(max(ACCOUNTS) + 1)]
        self.kinds = Texts([KINDS.get(number, "") for number in range(max(KINDS) + 1)])
        lot_codes, lots, ends, actives = self._lots(units)
        lines = self._lines()
        versions = [str(version.number) for version in linked.versions]
        occurred = np.where(self.caused, _at(columns.occurred, self.rows), self.at)
        found = {
            "posting": self._ids(lot_codes, lots),
            "member": self.facts.members.take(pa.array(self.owner)),
            "event": self.facts.ids.take(_codes(self.event)),
            "line": lines,
            "kind": self.kinds.take(self.column(K.R_KIND)),
            "unit": Texts(units).take(self.column(K.R_UNIT)),
            "points": pa.array(self.column(K.R_POINTS)),
            "from_account": Texts(accounts).take(self.column(K.R_FROM)),
            "to_account": Texts(accounts).take(self.column(K.R_TO)),
            "rule": Texts(rules).take(self.column(K.R_RULE)),
            "version": Texts(versions).take(self._versions()),
            "funder": Texts([each or None for each in linked.funders]).take(
                self.column(K.R_FUNDER)
            ),
            "occurred_at": pa.array(occurred),
            "effective_at": pa.array(self.at),
            "posted_at": pa.array(self.at),
            "active_at": actives,
            "expires_at": ends,
            "lot": lots.take(lot_codes),
            "corrects": pa.nulls(len(self.at), pa.string()),
        }
        schema = empty_postings(self.program).schema
        arrays = [found[name].cast(schema.field(name).type) for name in schema.names]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _versions(self) -> Array:
        """Of the event; of what falls due by itself, the version in force at that instant."""
        version = _at(self.facts.columns.version, self.rows).astype(np.int32)
        due = np.zeros(len(self.at), dtype=np.int32)
        for each in self.linked.versions[1:]:
            due[self.at >= max(each.effective_from, each.published_at)] = each.index
        return np.where(self.caused, version, due)

    def _lines(self) -> Any:
        """The line that a posting is about: the one that the event names, else by its number."""
        number = self.column(K.R_LINE)
        has = (number >= 0) & self.caused
        if not has.any():
            return pa.nulls(len(number), pa.string())
        counted = pc.cast(pa.array(number + 1, mask=~has), pa.string())
        if self.facts.lines is None:
            return counted
        named = self.facts.lines.take(_codes(np.where(has, self.event, -1)))
        return pc.coalesce(pc.if_else(pc.equal(named, ""), None, named), counted)

    def _lots(self, units: Sequence[str]) -> tuple[Array, Texts, Any, Any]:
        """Lots by code and text, their ends and activations; nothing of debt and what is waived."""
        kind, unit = self.column(K.R_KIND), self.column(K.R_UNIT)
        end, active = self.column(K.R_END), self.column(K.R_ACTIVE)
        bare = (kind == K.IN_DEBT) | (kind == K.WAIVED)
        pending = (self.column(K.R_FROM) == K.AT_PENDING) | (self.column(K.R_TO) == K.AT_PENDING)
        pending &= ~bare
        keys = [
            np.where(bare, -1, self.column(K.R_FUNDER)), unit, np.where(bare, 0, end),
            np.where(pending, active, 0), pending.astype(np.int64),
        ]  # fmt: skip
        codes, first = _distinct(keys)
        texts = []
        for funder, of, ends, begins, waits in zip(*(k[first].tolist() for k in keys), strict=True):
            texts.append(_lot_text(self.linked.funders, units[of], funder, ends, begins, waits))
        never = bare | (active == 0) | (active == K.NEVER)
        unended = bare | (end <= 0) | (end >= K.NEVER)
        ends_at, actives_at = pa.array(end, mask=unended), pa.array(active, mask=never)
        return codes, Texts(texts), ends_at, actives_at

    def _ids(self, lot_codes: Array, lots: Texts) -> Any:
        """What each posting is, as its id."""
        stages = [name.partition(":")[2] for name in ACCOUNTS.values()]
        rules = [effect.rule for effect in self.linked.effects]
        by_rule = self.column(K.R_RULE) >= 0
        from_ = self.column(K.R_FROM) - min(ACCOUNTS) + len(rules)
        number = self.column(K.R_LINE)
        join = Join(len(self.at))
        join.add(Texts(self.facts.members), self.owner, SLASH)
        if self.facts.sources is not None:
            join.add(Texts(self.facts.sources), self._sourced(), COLON)
        join.add(Texts(self.facts.ids), self.event, SLASH)
        moments, instants = distinct_instants(self.at, ~self.caused)
        join.add(instants, moments, SLASH)
        join.add(self.kinds, self.column(K.R_KIND), SLASH)
        join.add(Texts([*rules, *stages]), np.where(by_rule, self.column(K.R_RULE), from_), SLASH)
        join.add(lots, lot_codes, 0)
        if (number >= 0).any():
            join.add(Texts([f"/{each}" for each in range(int(number.max()) + 1)]), number, 0)
        return join.texts()

    def _sourced(self) -> Array:
        """Events whose source is said."""
        sources = self.facts.sources
        empty = pc.fill_null(pc.equal(sources, ""), True).to_numpy(zero_copy_only=False)
        return np.where(self.caused & ~empty[self.event], self.event, -1).astype(np.int32)


def _lot_text(
    funders: Sequence[str], unit: str, funder: int, end: int, active: int, pending: int
) -> str:
    """A lot's id, as ``Journal.lot`` makes it."""
    if funder < 0:
        return unit
    ends = "never" if end == K.NEVER else "open" if end < 0 else instant_texts([end])[0]
    text = f"{unit}/{ends}/{funders[funder]}"
    if not pending:
        return text
    return f"{text}/waiting" if active == K.NEVER else f"{text}/{instant_texts([active])[0]}"


def instant_texts(instants: Any) -> Any:
    """Instants as ``format_instant`` writes them."""
    values = np.asarray(instants, dtype=np.int64)
    fine = values.astype("datetime64[us]")
    whole = values % 1_000_000 == 0
    texts = np.where(
        whole, np.datetime_as_string(fine.astype("datetime64[s]")), np.datetime_as_string(fine)
    )
    return [f"{text}Z" for text in texts.tolist()]


def distinct_instants(instants: Array, wanted: Array) -> tuple[Array, Texts]:
    """Codes and texts of those that are wanted; -1 for the others."""
    encoded = pa.array(instants, mask=~wanted).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy()
    return codes, Texts(instant_texts(encoded.dictionary.to_numpy()))


def _distinct(keys: Sequence[Array]) -> tuple[Array, Array]:
    """Codes of rows that are alike in all keys, and the first row of each code."""
    codes = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        encoded = pa.array(key).dictionary_encode()
        codes = codes * max(1, len(encoded.dictionary)) + encoded.indices.to_numpy()
        codes = pa.array(codes).dictionary_encode().indices.to_numpy().astype(np.int64)
    first = np.full(int(codes.max(initial=-1)) + 1, len(codes), dtype=np.int64)
    np.minimum.at(first, codes, np.arange(len(codes)))
    return codes.astype(np.int32), first


def _at(values: Array, rows: Array) -> Array:
    """Values of rows; a column of one value has it in every row."""
    return values[rows] if len(values) > 1 else np.full(len(rows), values[0] if len(values) else 0)


def _codes(codes: Array) -> Any:
    """Codes for a take: nothing where they are below zero."""
    return pa.array(codes, mask=codes < 0)


class Texts:
    """A few texts, or many, that rows have by code; no text for a code below zero."""

    def __init__(self, texts: Any) -> None:
        if not isinstance(texts, pa.Array):
            texts = pa.array(texts, pa.large_string())
        self.array = texts

    def take(self, codes: Array) -> Any:
        """The text of each row."""
        return self.array.take(_codes(codes))

    def letters(self) -> tuple[Array, Array]:
        """Where each text begins, and the last ends; and all letters."""
        array = self.array.cast(pa.large_string())
        _, ends, letters = array.buffers()
        where = np.frombuffer(ends, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        text = np.frombuffer(letters, dtype=np.int8) if letters else np.zeros(0, dtype=np.int8)
        return where, text


class Join:
    """Texts of rows, put together from parts."""

    def __init__(self, rows: int) -> None:
        self._size = np.zeros(rows, dtype=np.int64)
        self._parts: list[tuple[Array, Array, Array, int]] = []

    def add(self, texts: Texts, codes: Array, after: int) -> None:
        """A part of every row that has one; ``after``: a letter that follows it, 0 none."""
        ends, letters = texts.letters()
        short = np.ascontiguousarray(codes, dtype=np.int32)
        sizes = np.append(np.diff(ends) + (1 if after else 0), 0)  # the last: of code -1
        self._size += sizes[short]
        self._parts.append((short, ends, letters, after))

    def texts(self) -> Any:
        """Everything together."""
        rows = len(self._size)
        starts = np.zeros(rows + 1, dtype=np.int64)
        np.cumsum(self._size, out=starts[1:])
        out = np.empty(max(1, int(starts[-1])), dtype=np.int8)
        at = starts[:-1].copy()
        for codes, ends, letters, after in self._parts:
            tool("add_texts")(rows, codes, ends, letters, after, at, out)
        buffers = [None, pa.py_buffer(starts), pa.py_buffer(out)]
        return pa.Array.from_buffers(pa.large_string(), rows, buffers)

"""Rows of postings as postings: the words that the store left out come back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from laurels.base.instants import format_instant
from laurels.engine.journal import lot_of
from laurels.ledger.accounts import ACCOUNTS, KINDS
from laurels.ledger.postings import Posting
from laurels.service.programs import Running


class Row(NamedTuple):
    """A row of `postings`."""

    member: int
    sequence: int
    number: int
    event: int
    cause: int
    kind: int
    unit: str
    points: int
    debit: int
    credit: int
    backwards: bool
    corrects: bool
    rule: str
    line: int
    line_name: str
    version: int
    semantics: int
    funder: str
    lot_ends: int
    lot_active: int
    occurred_at: int
    effective_at: int
    posted_at: int


Name = tuple[str, ...]
"""(source, id) of an event; of one who became the member also what that one is called. Without an
id it is what fell due to that one by itself."""
Names = Mapping[int, Name]
"""Of a member's events, by sequence number."""


def posting_of(running: Running, row: Row, member: str, names: Names) -> Posting:
    """A row as the posting that the engine made."""
    unit = next(each for each in running.compiled.program.units if each.name == row.unit)
    source, target = row.debit, row.credit
    if row.backwards:
        source, target = target, source
    lot, expires, active = lot_of(
        row.unit, row.kind, source, target, row.lot_ends, row.lot_active, row.funder
    )
    kind = KINDS[row.kind]
    stage = ACCOUNTS[source].partition(":")[2]
    line = f"/{row.line}" if row.line >= 0 else ""
    about = names.get(row.event, NOTHING)
    member = about[2] if len(about) > 2 else member
    cause = cause_name(row.event, row.effective_at, names)
    name = f"{member}/{cause}/{kind}/{row.rule or stage}/{lot}{line}"
    corrects = ""
    if row.corrects:
        corrects = name
        name = f"{name}~{cause_name(row.cause, row.effective_at, names)}"
    return Posting(
        name, member, about[1], row.line_name, kind, row.unit,
        Decimal(row.points).scaleb(-unit.scale), ACCOUNTS[row.debit], ACCOUNTS[row.credit],
        row.rule, row.version, row.semantics, row.funder, row.occurred_at, row.effective_at,
        row.posted_at, active, expires, lot, corrects,
    )  # fmt: skip


NOTHING: Name = ("", "")


def cause_name(sequence: int, at: int, names: Names) -> str:
    """What caused a posting, as its id says it."""
    source, identity, *_ = names[sequence] if sequence else NOTHING
    if not identity:
        return format_instant(at)
    return f"{source}:{identity}" if source else identity


def wanted(rows: list[Row]) -> set[tuple[int, int]]:
    """The events whose names these rows need."""
    return {(row.member, number) for row in rows for number in (row.event, row.cause) if number}

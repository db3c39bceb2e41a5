"""What was folded in different ways, put together: members and postings in the order of ids.

A side is a part of the members, all folded in one way: straight from columns, through the door,
or by books. Each gives a table of its members and tables of their postings, both in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from laurels.engine.compiled import Compiled
from laurels.engine.kernel import layout as K
from laurels.replay.machine.posted import Facts, postings_table
from laurels.replay.machine.result import members_table
from laurels.replay.machine.run import Folded
from laurels.replay.tables import Books

ROWS = 1_000_000
"""Records that become postings at once."""


@dataclass
class Side:
    """Some members and their postings, in the order of their ids."""

    members: Any
    postings: Iterable[Any]


def folded_side(program: Compiled, facts: Facts, folded: Folded) -> Side:
    """Members that the machine folded."""
    table = members_table(program, facts.members, folded.members).sort_by("member")
    return Side(table, posted(program, facts, folded))


def posted(program: Compiled, facts: Facts, folded: Folded) -> Iterator[Any]:
    """The postings that a fold kept, member by member. Its records are handed on: they are gone."""
    if not folded.records:
        return
    records = np.concatenate([part[0] for part in folded.records]).reshape(-1, K.RECORD)
    causes = np.concatenate([part[1] for part in folded.records])
    folded.records.clear()
    owners = np.searchsorted(facts.columns.start, causes, side="right") - 1
    owners = np.where(causes < 0, -1 - causes.astype(np.int64), owners)
    ranks = np.empty(len(facts.members), dtype=np.int32)
    ranks[pc.sort_indices(facts.members).to_numpy()] = np.arange(len(ranks), dtype=np.int32)
    ranks = ranks[owners]
    if (ranks[1:] < ranks[:-1]).any():
        order = np.argsort(ranks, kind="stable")
        records, causes, ranks = records[order], causes[order], ranks[order]
    for low, high in _whole_members(ranks):
        found = postings_table(program, facts, records[low:high].ravel(), causes[low:high])
        if found.num_rows:  # levels alone are no postings
            yield found


def _whole_members(ranks: Any) -> Iterator[tuple[int, int]]:
    """Stretches of about ROWS rows that end where a member does."""
    low = 0
    while low < len(ranks):
        high = min(low + ROWS, len(ranks))
        if high < len(ranks):
            first = int(np.searchsorted(ranks, ranks[high], side="left"))
            high = first if first > low else int(np.searchsorted(ranks, ranks[high], side="right"))
        yield low, high
        low = high


def hand_over(books: Books, sides: Sequence[Side], postings: bool) -> None:
    """Everything, in the order of the members' ids."""
    members = [side.members for side in sides if side.members.num_rows]
    if len(members) > 1:
        members = [pa.concat_tables(members).sort_by("member")]
    for table in members:
        books.add(table, None)
    if postings:
        for table in interleaved([iter(side.postings) for side in sides]):
            books.add(None, table)


def interleaved(streams: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """Tables of several streams, each in the order of members, as one stream in that order. No
    member is in two streams."""
    heads: list[tuple[Any, Iterator[Any]]] = []
    for stream in streams:
        first = next(stream, None)
        if first is not None:
            heads.append((first, stream))
    while len(heads) > 1:
        bound = min(head["member"][-1].as_py() for head, _ in heads)
        ready, left = [], []
        for head, stream in heads:
            count = pc.sum(pc.less_equal(head["member"], bound)).as_py() or 0
            ready.append(head.slice(0, count))
            rest = head.slice(count) if count < head.num_rows else next(stream, None)
            if rest is not None:
                left.append((rest, stream))
        yield pa.concat_tables(ready).sort_by("member")
        heads = left
    for head, stream in heads:
        yield head
        yield from stream

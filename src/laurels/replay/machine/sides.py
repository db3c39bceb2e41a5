"""What was folded in different ways, put together: members and postings in the order of ids.

A side is a part of the members, all folded in one way: straight from columns, through the door,
or by books. Each gives a table of its members and tables of their postings, both in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
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

ROWS = 100_000
"""Records that become postings at once."""


@dataclass
class Side:
    """Some members and their postings, in the order of their ids."""

    members: Any
    postings: Iterable[Any]


def folded_side(program: Compiled, facts: Facts, folded: Folded, threads: int) -> Side:
    """Members that the machine folded."""
    table = members_table(program, facts.members, folded.members).sort_by("member")
    return Side(table, posted(program, facts, folded, threads))


def posted(program: Compiled, facts: Facts, folded: Folded, threads: int) -> Iterator[Any]:
    """The postings that a fold kept, member by member. Its records are handed on: they are gone."""
    if not folded.records:
        return
    records = np.concatenate([part[0] for part in folded.records]).reshape(-1, K.RECORD)
    causes = np.concatenate([part[1] for part in folded.records])
    folded.records.clear()
    first, bounds = _members_of(facts, causes)

    def table(low: int, high: int) -> Any:
        sizes = np.diff(bounds[low : high + 1])
        rows = np.repeat(first[low:high] - bounds[low:high], sizes)
        rows += np.arange(bounds[low], bounds[high])
        return postings_table(program, facts, records[rows].ravel(), causes[rows])

    for found in ahead(table, _stretches(bounds), threads):
        if found.num_rows:  # levels alone are no postings
            yield found


def _members_of(facts: Facts, causes: Any) -> tuple[Any, Any]:
    """Members with records, in the order of their ids: where the records of each begin, and where
    they begin (and the last end) when all stand in that order. Those of a member stand together."""
    caused = np.searchsorted(facts.columns.start, causes, side="right") - 1
    owners = np.where(causes < 0, -1 - causes.astype(np.int64), caused)
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff(first, append=len(owners))
    ranks = np.empty(len(facts.members), dtype=np.int32)
    ranks[pc.sort_indices(facts.members).to_numpy()] = np.arange(len(ranks), dtype=np.int32)
    order = np.argsort(ranks[owners[first]], kind="stable")
    return first[order], np.concatenate([[0], np.cumsum(sizes[order])])


def _stretches(bounds: Any) -> list[tuple[int, int]]:
    """Members, some at a time, that have about ROWS records."""
    cuts = np.searchsorted(bounds, np.arange(ROWS, int(bounds[-1]), ROWS))
    return list(pairwise(sorted({0, *cuts.tolist(), len(bounds) - 1})))


def ahead(
    make: Callable[[int, int], Any], spans: Sequence[tuple[int, int]], threads: int
) -> Iterator[Any]:
    """What is made of each span, in order; the next ones are made while one is used."""
    if threads < 2 or len(spans) < 2:
        yield from (make(*each) for each in spans)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Any] = deque()
        for each in spans:
            waiting.append(pool.submit(make, *each))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


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

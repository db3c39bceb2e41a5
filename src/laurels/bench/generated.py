"""Generated histories of any size, as native Parquet files: seeded, in order of time.

Purchases with every text attribute that the program reads, redemptions, and returns that name an
earlier event of the member; some members have many events, most have few.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from laurels.engine.compiled import Compiled
from laurels.program.names import FIRST_OWN_TYPE

START = 1_704_067_200_000_000
YEAR = 365 * 86_400 * 1_000_000
RETURNS, REDEMPTIONS = 0.02, 0.05
CHUNK = 1 << 21
"""Events that are drawn at once."""
SEED = 7


def write_history(
    program: Compiled, events: int, members: int, path: Path, each: dict[str, Any], numbers: bool
) -> None:
    """Write a history of one year.

    each     ``first``: what comes before all else of a member; ``each``: the usual event
    numbers  ids of members are integers, else texts
    """
    met = np.zeros(members, dtype=bool)
    writer = None
    for first in range(0, events, CHUNK):
        count = min(CHUNK, events - first)
        window = (START + YEAR * first // events, START + YEAR * (first + count) // events)
        table = _chunk(program, (first, count), window, met, each, numbers)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=CHUNK // 2)
    if writer is not None:
        writer.close()


def _chunk(
    program: Compiled,
    span: tuple[int, int],
    window: tuple[int, int],
    met: Any,
    each: dict[str, Any],
    numbers: bool,
) -> Any:
    """Some events. ``span``: the number of the first, and how many; ``met``: members that have
    had their first event."""
    first, count = span
    draw = np.random.default_rng((SEED, first))
    member = (draw.random(count) ** 1.5 * len(met)).astype(np.int64)
    at = np.sort(draw.integers(*window, count)) // 1_000_000 * 1_000_000
    kinds = draw.random(count)
    back = _earlier(member, kinds < RETURNS)
    redeems = (kinds >= RETURNS) & (kinds < RETURNS + REDEMPTIONS)
    words = [each["each"]["type"], "redemption", "return"]
    code = np.where(back >= 0, 2, np.where(redeems, 1, 0)).astype(np.int8)
    opening = each.get("first", [{}])[0]
    if opening:
        words.append(opening["type"])
        who, where = np.unique(member, return_index=True)
        code[where[~met[who]]] = 3
        met[who] = True
    amounts = draw.lognormal(7, 1, count).round(2)
    none = (code == 1) | (code == 3)
    ids = _texts("e", np.arange(first, first + count))
    columns: dict[str, Any] = {
        "id": ids,
        "member": pa.array(member) if numbers else _texts("member-", 10_000_000 + member),
        "type": pa.DictionaryArray.from_arrays(pa.array(code), words),
        "occurred_at": pa.array(at, pa.timestamp("us", "UTC")),
        "amount": pa.array(amounts, mask=none).cast(pa.decimal128(18, 2), safe=False),
        "returns": ids.take(pa.array(back, mask=(back < 0) | (code != 2))),
        "points": pa.array(draw.integers(1, 2_000, count), mask=code != 1),
    }
    for name, values in attributes(program).items():
        drawn = draw.integers(0, len(values), count).astype(np.int16)
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(drawn), values)
    for name, value in opening.items():
        if name != "type":
            columns[name] = pa.array(np.full(count, value), mask=code != 3)
    return pa.table(columns)


def _texts(prefix: str, numbers: Any) -> Any:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def _earlier(member: Any, wanted: Any) -> Any:
    """For each wanted row the member's row before it, -1 without one."""
    order = np.argsort(member, kind="stable")
    before = np.full(len(member), -1, dtype=np.int64)
    same = member[order][1:] == member[order][:-1]
    before[order[1:][same]] = order[:-1][same]
    return np.where(wanted, before, -1)


def attributes(program: Compiled) -> dict[str, list[str]]:
    """Values for every text that the program's own events have: those that it names, and one
    more."""
    found: dict[str, list[str]] = {}
    for kind in program.program.events.values():
        if kind.index < FIRST_OWN_TYPE:
            continue
        for name, attribute in kind.attributes.items():
            known = program.slots.strings
            if attribute.type == "text" and f"event.{name}" in known.names:
                codes = [value for value in known.codes(f"event.{name}") if value]
                found[name] = [*codes, "other"]
    return found

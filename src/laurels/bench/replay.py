"""`python -m laurels.bench.replay`: a whole history, from Parquet on disk to members and a summary.

The peer is DuckDB's own aggregation of the same file with as many threads:
``select member, month, sum(amount), count(*) filter (…) group by all``. A parameter of the
environment sets the size: ``LAURELS_BENCH_EVENTS`` (3,000,000), ``LAURELS_BENCH_MEMBERS`` (one
for sixty events), ``LAURELS_BENCH_THREADS`` (all processors).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from laurels.bench.histories import result
from laurels.cli import shipped
from laurels.engine.compiled import Compiled, load
from laurels.program.names import FIRST_OWN_TYPE
from laurels.replay.machine.build import machine
from laurels.replay.machine.native import replay_files

ROUNDS = 3
START = 1_704_067_200
YEAR = 365 * 86_400
SHARES = {"redemption": 0.05, "return": 0.02}
FIRST = ("enrolled", "product_opened")


def bench_replay() -> list[dict[str, Any]]:
    """Events a second for each program, beside DuckDB, and the seconds of each phase."""
    import yaml

    given = yaml.safe_load(shipped.example("bench/histories.yaml").read_text("utf-8"))
    events = int(os.environ.get("LAURELS_BENCH_EVENTS", "3000000"))
    members = int(os.environ.get("LAURELS_BENCH_MEMBERS", str(max(1, events // 60))))
    threads = int(os.environ.get("LAURELS_BENCH_THREADS", str(os.cpu_count() or 1)))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for each in given["step"]:
            program = load(shipped.folder("programs") / each["program"] / "program.yaml")
            for numbers in (False, True):
                path = Path(folder) / "events.parquet"
                write_history(program, events, members, path, each, numbers)
                kind = "numbers" if numbers else "texts"
                rows += _measure(f"{each['case']}, members as {kind}", program, path, threads)
    return rows


def _measure(case: str, program: Compiled, path: Path, threads: int) -> list[dict[str, Any]]:
    """The best of a few rounds, in turns with the peer."""
    machine(program)
    events = pq.read_metadata(path).num_rows
    best: list[tuple[str, float]] = []
    total = peer = float("inf")
    for _ in range(ROUNDS):
        phases: list[tuple[str, float]] = []
        begin = last = perf_counter()

        def watch(phase: str, phases: list[tuple[str, float]] = phases) -> None:
            nonlocal last
            now = perf_counter()
            phases.append((phase, now - last))
            last = now

        found = replay_files(program, [path], threads=threads, watch=watch, lists=False)
        pq.write_table(found.members(program), path.with_name("members.parquet"))
        watch("write")
        if last - begin < total:
            total, best = last - begin, phases
        peer = min(peer, _duckdb(path, threads))
    name = "DuckDB's group by"
    rows = [result(f"{case}: {events} events", total, "s", None, name, peer)]
    return rows + [result(f"  {phase}", seconds, "s") for phase, seconds in best]


def _duckdb(path: Path, threads: int) -> float:
    """Seconds of DuckDB's aggregation; endless where it is not installed."""
    try:
        import duckdb
    except ImportError:
        return float("inf")
    connection = duckdb.connect()
    connection.execute(f"set threads={threads}")
    before = perf_counter()
    connection.execute(
        "select member, date_trunc('month', occurred_at) as month, sum(amount), "
        "count(*) filter (amount > 100), count(*) filter (type = 'redemption') "
        f"from '{path}' group by all"
    ).fetchnumpy()
    return perf_counter() - before


# -- a history ---------------------------------------------------------------------------------


def write_history(
    program: Compiled, events: int, members: int, path: Path, each: dict[str, Any], numbers: bool
) -> None:
    """A generated history in order of time: purchases with every attribute that the program
    reads, redemptions, returns that name an earlier event of the member."""
    draw = np.random.default_rng(7)
    member = (draw.random(events) ** 1.5 * members).astype(np.int64)
    at = np.sort(draw.integers(START, START + YEAR, events)) * 1_000_000
    kinds = draw.random(events)
    returns = _earlier(member, kinds < SHARES["return"])
    redeems = (kinds >= SHARES["return"]) & (kinds < sum(SHARES.values()))
    words = [each["each"]["type"], "redemption", "return"]
    code = np.where(returns >= 0, 2, np.where(redeems, 1, 0)).astype(np.int8)
    opening = each.get("first", [])
    if opening:
        words.append(opening[0]["type"])
        _, first = np.unique(member, return_index=True)
        code[first] = 3
    amounts = np.round(draw.lognormal(7, 1, events), 2)
    none = (code == 1) | (code == 3)
    columns: dict[str, Any] = {
        "id": pa.array([f"e{number}" for number in range(events)]),
        "member": pa.array(member) if numbers else _texts(member),
        "type": pa.DictionaryArray.from_arrays(pa.array(code), words),
        "occurred_at": pa.array(at, pa.timestamp("us", "UTC")),
        "amount": pa.array(amounts, mask=none).cast(pa.decimal128(18, 2), safe=False),
        "returns": pa.array([f"e{row}" if row >= 0 else None for row in returns.tolist()]),
        "points": pa.array(draw.integers(1, 2_000, events), mask=code != 1),
    }
    for name, values in _attributes(program).items():
        drawn = draw.integers(0, len(values), events).astype(np.int16)
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(drawn), values)
    for name, value in opening[0].items() if opening else ():
        if name != "type":
            columns[name] = pa.array(np.full(events, value), mask=code != 3)
    pq.write_table(pa.table(columns), path, compression="zstd")


def _texts(member: Any) -> Any:
    names = pa.array([f"member-{number:08}" for number in range(int(member.max()) + 1)])
    return pa.DictionaryArray.from_arrays(pa.array(member), names).cast(pa.string())


def _earlier(member: Any, wanted: Any) -> Any:
    """For each wanted row the member's row before it, -1 without one."""
    order = np.argsort(member, kind="stable")
    before = np.full(len(member), -1, dtype=np.int64)
    same = member[order][1:] == member[order][:-1]
    before[order[1:][same]] = order[:-1][same]
    return np.where(wanted, before, -1)


def _attributes(program: Compiled) -> dict[str, list[str]]:
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


if __name__ == "__main__":
    import json

    print(json.dumps({"bench": "replay", "results": bench_replay()}, indent=2))

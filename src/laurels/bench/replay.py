"""`bench replay`: a whole history, from Parquet on disk to members and a summary.

The peer is DuckDB's own aggregation of the same file with as many threads:
``select member, month, sum(amount), count(*) filter (…) group by all``; for postings, its copy of
as many rows. Parameters of the environment set the size:

    LAURELS_BENCH_EVENTS   events of a history; 1,000,000 when not said
    LAURELS_BENCH_MEMBERS  its members; one for sixty events
    LAURELS_BENCH_THREADS  all processors
    LAURELS_BENCH_GROWTH   largest history of the growth table; it begins at a million. None when
                           not said
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow.parquet as pq

from laurels.bench.generated import write_history
from laurels.bench.histories import result
from laurels.cli import shipped
from laurels.engine.compiled import Compiled, load
from laurels.lab.compare import compare
from laurels.lab.pair import pair, side
from laurels.replay.machine.build import machine
from laurels.replay.machine.native import Native, replay_files
from laurels.replay.options import Files, Options
from laurels.replay.output import books_in
from laurels.replay.play import play
from laurels.replay.summary import summary
from laurels.replay.tables import Kept

ROUNDS = 3
BYTES = 64
"""The most memory an event may take above the columns of its file."""
FLAT = 1.3
FIRST = 10**6
"""Events of the smallest history of the growth table."""
MEMBERS = (10**3, 10**4, 10**5, 10**6, 10**7)
TRIED = "expires=18 months"
"""What a comparison changes."""
GROUP_BY = "DuckDB's group by"


def bench_replay() -> list[dict[str, Any]]:
    """Seconds for each program beside DuckDB, of each phase, with postings; memory; growth."""
    import yaml

    given = yaml.safe_load(shipped.example("bench/histories.yaml").read_text("utf-8"))
    events, threads = size("EVENTS", 1_000_000), size("THREADS", os.cpu_count() or 1)
    members, largest = size("MEMBERS", max(1, events // 60)), size("GROWTH", 0)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        for number, each in enumerate(given["step"]):
            program = load(program_file(each))
            for numbers in (True, False):
                write_history(program, events, members, path, each, numbers)
                kind = "numbers" if numbers else "texts"
                rows += _measure(f"{each['case']}, members as {kind}", program, path, threads)
            rows.append(_memory(each, path))
            if number == 0:
                rows.append(_postings(program, path, threads))
                rows.append(_compare(each, path, threads))
            if number == 0 and largest:
                rows += _growth(program, path, each, threads, largest)
    return rows


def size(name: str, usual: int) -> int:
    """A parameter of the environment."""
    return int(os.environ.get(f"LAURELS_BENCH_{name}", str(usual)))


def program_file(each: dict[str, Any]) -> Path:
    """The program of a case."""
    return shipped.folder("programs") / str(each["program"]) / "program.yaml"


# -- speed -------------------------------------------------------------------------------------


def _measure(case: str, program: Compiled, path: Path, threads: int) -> list[dict[str, Any]]:
    """The best of a few rounds, in turns with the peer; the phases of the best."""
    machine(program)
    events = pq.read_metadata(path).num_rows
    best: tuple[float, list[tuple[str, float]]] = (float("inf"), [])
    peer = float("inf")
    for _ in range(ROUNDS):
        best = min(best, timed(program, path, threads))
        peer = min(peer, group_by(path, threads))
    total, phases = best
    known = None if peer == float("inf") else peer
    rows = [result(f"{case}: {events:,} events", total, "s", known, GROUP_BY, known)]
    return rows + [result(f"  {phase}", seconds, "s") for phase, seconds in phases]


def timed(program: Compiled, path: Path, threads: int) -> tuple[float, list[tuple[str, float]]]:
    """Seconds from a file to members and summary, and of each phase."""
    begin = perf_counter()
    found: Native = replay_files(program, [path], threads=threads, lists=False)
    ran = perf_counter()
    pq.write_table(found.members(program), path.with_name("members.parquet"))
    summary(found.result)
    end = perf_counter()
    spent = found.vector.seconds
    phases = [(name, spent[name] / (1 if name == "group" else threads)) for name in spent]
    phases = [(name, seconds) for name, seconds in phases if name != "gather"]
    phases = [
        (name, seconds + spent["gather"] / threads if name == "decide" else seconds)
        for name, seconds in phases
    ]
    return end - begin, [*phases, ("write", end - ran)]


def group_by(path: Path, threads: int) -> float:
    """Seconds of DuckDB's aggregation; endless where it is not installed."""
    return duckdb(
        "select member, date_trunc('month', occurred_at) as month, sum(amount), "
        "count(*) filter (amount > 100), count(*) filter (type = 'redemption') "
        f"from '{path}' group by all",
        threads,
    )


def duckdb(query: str, threads: int) -> float:
    """Seconds of a query; endless where DuckDB is not installed."""
    try:
        import duckdb as engine
    except ImportError:
        return float("inf")
    connection = engine.connect()
    connection.execute(f"set threads={threads}")
    before = perf_counter()
    connection.execute(query).fetchnumpy()
    return perf_counter() - before


def _postings(program: Compiled, path: Path, threads: int) -> dict[str, Any]:
    """The same with postings written, beside a copy of as many rows."""
    total = peer = float("inf")
    options = Options(threads=threads, lists=False)
    folder, copy = path.parent / "out", path.with_name("copy.parquet")
    for _ in range(ROUNDS):
        begin = perf_counter()
        with books_in(folder, program, ["parquet"]) as books:
            play(program, Files((path,)), books, options)
        total = min(total, perf_counter() - begin)
        query = f"copy (from '{folder}/postings.parquet') to '{copy}' (format parquet)"
        peer = min(peer, duckdb(query, threads))
    rows = pq.read_metadata(folder / "postings.parquet").num_rows
    known = None if peer == float("inf") else peer
    case = f"  with {rows:,} postings written"
    return result(case, total, "s", known, "DuckDB's copy of them", known)


def _compare(each: dict[str, Any], path: Path, threads: int) -> dict[str, Any]:
    """A comparison of two programs beside one replay of the same file."""
    both = pair(side(str(program_file(each))), side(str(program_file(each)), [TRIED]))
    program, history = both.old.program, Files((path,))
    options = Options(postings=False, passed=True, lists=False, threads=threads)
    compare(both, history, options=options)  # which compiles
    once = twice = float("inf")
    for _ in range(ROUNDS):
        begin = perf_counter()
        play(program, history, Kept(program, passed=True), options)
        middle = perf_counter()
        compare(both, history, options=options)
        once, twice = min(once, middle - begin), min(twice, perf_counter() - middle)
    return result("  compare, everything of it", twice, "s", 2 * once, "one replay", once)


# -- memory ------------------------------------------------------------------------------------


def _memory(each: dict[str, Any], path: Path) -> dict[str, Any]:
    """Bytes an event at the peak above the columns of the file, of a process of its own."""
    command = [sys.executable, "-m", "laurels.bench.replay", str(program_file(each)), str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    columns = sum(column.nbytes for column in pq.read_table(path).columns)
    events = pq.read_metadata(path).num_rows
    above = max(0.0, (int(found.stdout) - columns) / events)
    name = f"  peak above the columns ({columns / events:.0f} bytes an event)"
    return result(name, above, "bytes an event", BYTES)


def peak(program: Path, path: Path) -> int:
    """Bytes that a run takes at its peak, above what the process had before it."""
    loaded = load(program)
    machine(loaded)
    before = status("VmRSS")
    found = replay_files(loaded, [path], threads=size("THREADS", os.cpu_count() or 1), lists=False)
    found.members(loaded)
    return status("VmHWM") - before


def status(name: str) -> int:
    """Bytes of memory, as Linux says."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {name}")


# -- growth ------------------------------------------------------------------------------------


def _growth(
    program: Compiled, path: Path, each: dict[str, Any], threads: int, largest: int
) -> list[dict[str, Any]]:
    """Microseconds an event of growing histories, and of more and more members: beside the least
    of them."""
    sizes = [n for k in range(9) for n in (10**k, 3 * 10**k) if FIRST <= n <= largest]
    cases = [(f"{n:,} events", n, max(1, n // 60)) for n in sizes]
    cases += [(f"{largest:,} events of {n:,} members", largest, n) for n in MEMBERS if n < largest]
    rows = []
    least = float("inf")
    for case, events, members in cases:
        write_history(program, events, members, path, each, True)
        best = min(timed(program, path, threads)[0] for _ in range(ROUNDS))
        each_event = best / events * 1e6
        least = min(least, each_event)
        rows.append(
            result(f"  {case}", each_event, "µs an event", FLAT * least, "the least", least)
        )
    return rows


if __name__ == "__main__":
    print(peak(Path(sys.argv[1]), Path(sys.argv[2])))

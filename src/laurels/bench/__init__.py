"""`laurels bench`: measured beside what it is measured against, with the targets written in.

    step      one event through the public online call, beside a step written by hand
    correct   a return as if never bought, beside folding the member anew
    replay    a whole history in columns, beside DuckDB's own aggregation of it
    verify    the whole ledger folded again, beside a binary COPY of its tables
    ingest    events over HTTP into PostgreSQL, beside pgbench on the same server
    peers     the hand-written steps
    generated histories of any size
    histories which programs and events are measured (examples/bench)
    place, traffic, load, statements: of ingest

A result: case, value, unit, peer, peer_value, ratio (above 1 we are faster), target, holds. What is
a second (/s) should be at least its target, all else below it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from laurels.bench.correct import bench_correct
from laurels.bench.step import bench_step


def _replay() -> list[dict[str, Any]]:
    from laurels.bench.replay import bench_replay  # needs the columnar engine; the others do not

    return bench_replay()


def _verify() -> list[dict[str, Any]]:
    from laurels.bench.verify import bench_verify  # needs a database

    return bench_verify()


def _ingest() -> list[dict[str, Any]]:
    from laurels.bench.ingest import bench_ingest  # needs the service and a PostgreSQL

    return bench_ingest()


BENCHES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "step": bench_step,
    "correct": bench_correct,
    "replay": _replay,
    "verify": _verify,
    "ingest": _ingest,
}


def run_bench(name: str) -> dict[str, Any]:
    """Run a bench: its name and its results."""
    return {"bench": name, "results": BENCHES[name]()}


def show_bench(console: Console, found: dict[str, Any]) -> None:
    """Results as a table."""
    table = Table(box=box.SIMPLE_HEAD, title=f"bench {found['bench']}", title_style="bold",
                  title_justify="left", header_style="dim", pad_edge=False)  # fmt: skip
    for place, header in enumerate(("case", "measured", "target", "", "peer", "")):
        right = header in ("measured", "target")
        table.add_column(header, justify="right" if right else "left",
                         no_wrap=place not in (0, 5), min_width=0 if place else 18)  # fmt: skip
    for each in found["results"]:
        peer = peer_name = ""
        if each["peer_value"] is not None:
            peer, peer_name = f"{each['peer_value']:g} {each['unit']}", each["peer"]
        sign = "≥" if each["unit"] == "/s" else "<"
        target = "" if each["target"] is None else f"{sign} {each['target']:g}"
        table.add_row(each["case"], f"{each['value']:g} {each['unit']}", target,
                      _mark(each["holds"]), peer, Text(peer_name, "dim"))  # fmt: skip
    console.print(table)


def _mark(holds: bool | None) -> Text:
    if holds is None:
        return Text("printed", "dim")
    return Text("holds", "green") if holds else Text("missed", "bold red")

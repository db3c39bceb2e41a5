"""Saved states: where every member stood at an instant, and the events that brought it there.

    states.json      program, instant, totals until then; written last, so what has none is no state
    members.parquet  member, and its state as a row of integers (see ``saved``)
    ids.parquet      of each event its id as a number and its member; files one after the other
    events/          the events before the instant, for members that must be folded from their first

A state is a cache: it serves one text of a program, and a member whose past a later event may
change is folded from its first event all the same.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from laurels.base.errors import RequestError
from laurels.base.instants import format_instant
from laurels.engine.compiled import SEMANTICS, Compiled
from laurels.replay.machine import arrow
from laurels.replay.run import Result
from laurels.replay.tally import COUNTS, RuleTotal, Tally

FORMAT = 1
"""Takes a new value when states of an earlier release can no longer be read."""
HEAD = "states.json"
MEMBERS, IDS, EVENTS = "members.parquet", "ids.parquet", "events"
GROUP = 1 << 16
LASTING = ("taken", "refused", "waiting", "ignored", "cut")
"""Counts of events that go on; what was rejected or given twice is told of each run."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """Saved states of a program. ``at``: everything before this instant has happened in them.

    names   of all members; ends: where the row of each begins in ``rows``, and the last ends
    files   of events, as they follow each other in ``ids``: path and number of events
    """

    program: Compiled
    folder: Path
    at: int
    names: Any
    ends: Ints
    rows: Ints
    files: list[tuple[Path, int]]
    head: dict[str, Any] = field(repr=False)

    def row(self, number: int) -> list[int]:
        """A member's row."""
        found: list[int] = self.rows[self.ends[number] : self.ends[number + 1]].tolist()
        return found

    def again(self) -> Any:
        """Members that are folded from their first event whatever comes."""
        return self.names.filter(pa.array(self.rows[self.ends[:-1]] == 1))

    def ids(self) -> Any:
        """Ids as numbers, and members, of all events before."""
        return pq.read_table(self.folder / IDS, read_dictionary=["member"])

    def result(self) -> Result:
        """The totals until then, without members and what they hold."""
        found = Result(self.program, False, self.at, _tally_of(self.program, self.head["tally"]))
        found.tally.members = 0
        found.tally.stages.clear()
        for name in ("events", "ignored", "reasons"):
            getattr(found, name).update(self.head[name])
        return found


def open_states(folder: Path, program: Compiled) -> States:
    """Raises RequestError where there are none, or where they are not of this program."""
    try:
        head = json.loads((folder / HEAD).read_text("utf-8"))
    except (OSError, ValueError):
        raise RequestError(
            "states-missing", f"there are no saved states in `{folder}`", where="--from-states",
            expected="a folder that --save-states wrote to its end",
        ) from None  # fmt: skip
    if head.get("format") != FORMAT or head.get("semantics") != SEMANTICS:
        raise _unfit("the states are of another release")
    if head["program"] != program.name:
        raise _unfit(f"the states are of the program `{head['program']}`")
    if head["program_hash"] != program.hash:
        raise _unfit(f"the text of `{program.name}` has changed since the states were saved")
    table = pq.read_table(folder / MEMBERS)
    rows = table["state"].combine_chunks()
    names = table["member"].combine_chunks()
    files = [(folder / EVENTS / name, count) for name, count in head["files"]]
    return States(
        program, folder, int(head["at"]), names, rows.offsets.to_numpy(), rows.values.to_numpy(),
        files, head,
    )  # fmt: skip


def _unfit(what: str) -> RequestError:
    return RequestError(
        "states-program", what, where="--from-states",
        expected="states that this text of the program made",
        hint="replay from the first event, and save states again",
    )  # fmt: skip


class Keeper:
    """States on their way into a folder.

    origin  states that this run goes on from: their events are kept, too
    """

    def __init__(self, folder: Path, origin: States | None = None) -> None:
        self.folder = folder
        self.origin = origin
        self._names: list[Any] = []
        self._sizes: list[Ints] = []
        self._rows: list[Ints] = []
        self._twins: set[str] = set()

    def begin(self) -> None:
        """An empty folder. Raises RequestError where something else stands there."""
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / MEMBERS).exists() and not (self.folder / EVENTS).exists():
                raise RequestError(
                    "folder-not-empty", f"`{self.folder}` holds something else",
                    where="--save-states", expected="a new folder, or one of saved states",
                )  # fmt: skip
            shutil.rmtree(self.folder)
        (self.folder / EVENTS).mkdir(parents=True)

    def take(self, names: Any, sizes: Ints, rows: Ints) -> None:
        """Rows of some members, one after the other."""
        self._names.append(names.cast(pa.string()))
        self._sizes.append(sizes)
        self._rows.append(rows)

    def take_row(self, name: str, row: Sequence[int]) -> None:
        """The row of one member."""
        self.take(pa.array([name]), np.array([len(row)]), np.array(row, dtype=np.int64))

    def finish(self, result: Result, history: Iterable[tuple[str, Any]]) -> None:
        """Write everything. ``history``: the events before the instant, as tables: the name of
        their file without its ending, and the rows."""
        at = result.until or 0
        files = self._events(history)
        names = pa.concat_arrays([pa.array([], pa.string()), *self._names])
        sizes = np.concatenate([np.zeros(0, dtype=np.int64), *self._sizes])
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *self._rows])
        ends = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
        again = pc.is_in(names, value_set=pa.array(sorted(self._twins | result.open), pa.string()))
        rows[ends[:-1][again.to_numpy(zero_copy_only=False)]] = 1
        state = pa.LargeListArray.from_arrays(ends, rows)
        table = pa.table({"member": names, "state": state})
        pq.write_table(table, self.folder / MEMBERS, compression="zstd", row_group_size=GROUP)
        head = {
            "format": FORMAT, "semantics": SEMANTICS, "program": result.program.name,
            "program_hash": result.program.hash, "at": at, "instant": format_instant(at),
            "members": len(names), "files": files, "tally": _tally_data(result.tally),
            "events": {name: result.events[name] for name in LASTING},
            "ignored": dict(result.ignored), "reasons": dict(result.reasons),
        }  # fmt: skip
        draft = self.folder / f"{HEAD}.draft"
        draft.write_text(json.dumps(head, indent=1), encoding="utf-8")
        draft.replace(self.folder / HEAD)

    def _events(self, history: Iterable[tuple[str, Any]]) -> list[tuple[str, int]]:
        """Write the events before the instant, and their ids; the files with their rows."""
        files: list[tuple[str, int]] = []
        schema = pa.schema([("id", pa.int64()), ("member", pa.string())])
        seen: list[Any] = []
        with pq.ParquetWriter(self.folder / IDS, schema, compression="zstd") as ids:
            if self.origin is not None:
                for path, count in self.origin.files:
                    shutil.copy2(path, self.folder / EVENTS / path.name)
                    files.append((path.name, count))
                known = self.origin.ids()
                seen.append(known)
                ids.write_table(known.cast(schema))
            for name, table in history:
                path = self._write(f"{len(files)}-{name}", table)
                here = identities(table, schema)
                seen.append(here)
                ids.write_table(here)
                files.append((path.name, table.num_rows))
        if seen:
            self._twins = set(_twins(pa.concat_tables(each.cast(schema) for each in seen)))
        return files

    def _write(self, name: str, table: Any) -> Path:
        """A file of events."""
        if "body" in table.column_names:
            path = self.folder / EVENTS / f"{name}.jsonl"
            text = "".join(f"{each}\n" for each in table["body"].to_pylist())
            path.write_text(text, encoding="utf-8")
            return path
        path = self.folder / EVENTS / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd")
        return path


def identities(table: Any, schema: Any) -> Any:
    """Ids as numbers, and members, of events."""
    columns = [_texts(table["id"]), _texts(table["member"])]
    return pa.table({"id": numbers_of(columns[0]), "member": columns[1].cast(pa.string())}, schema)


def numbers_of(ids: Any) -> Any:
    """Ids as numbers: alike for alike texts. What stands nowhere is 0."""
    found, _ = arrow.hashes(_texts(ids))
    return pa.array(found)


def _texts(column: Any) -> Any:
    """A column as texts, integers too."""
    column = arrow.whole(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.large_string()).fill_null("")


def _twins(ids: Any) -> Iterator[str]:
    """Members of whom an event has the id of another event."""
    numbers = ids["id"].to_numpy()
    order = np.argsort(numbers, kind="stable")
    same = np.flatnonzero(numbers[order[1:]] == numbers[order[:-1]])
    rows = np.unique(np.concatenate([order[same], order[same + 1]]))
    yield from pc.unique(ids["member"].take(pa.array(rows))).to_pylist()


# -- totals as plain data -------------------------------------------------------------------------


def _tally_data(tally: Tally) -> dict[str, Any]:
    found: dict[str, Any] = {name: _pairs(getattr(tally, name)) for name in COUNTS}
    found["postings"] = tally.postings
    found["months"] = sorted(tally.months)
    found["levels"] = [{name: _pairs(getattr(each, name)) for name in ("steps", "moved", "came")}
                       for each in tally.levels]  # fmt: skip
    found["rules"] = [
        [*key, each.members, each.events, _pairs(each.months)] for key, each in tally.rules.items()
    ]
    return found


def _tally_of(program: Compiled, data: dict[str, Any]) -> Tally:
    tally = Tally(program)
    for name in COUNTS:
        getattr(tally, name).update(_counted(data[name]))
    tally.postings = data["postings"]
    tally.months = set(data["months"])
    for each, kept in zip(tally.levels, data["levels"], strict=True):
        for name in ("steps", "moved", "came"):
            getattr(each, name).update(_counted(kept[name]))
    for rule, unit, members, events, months in data["rules"]:
        total = tally.rules[rule, unit] = RuleTotal(members=members, events=events)
        for month, (earned, taken_back) in months:
            total.add(month, earned, taken_back)
    return tally


def _pairs(counts: Any) -> list[list[Any]]:
    return [[list(key) if isinstance(key, tuple) else key, value]
            for key, value in counts.items()]  # fmt: skip


def _counted(pairs: Iterable[Any]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for key, value in pairs:
        found[tuple(key) if isinstance(key, list) else key] = value
    return found

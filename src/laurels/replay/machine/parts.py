"""A run in parts: each folded alone, by one of several processes, and put together at the end.

A part that is done stays on disk, under a key of the program, the files and the options; a run
that was interrupted goes on with those that are not.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import pickle
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from laurels.base.errors import Unavailable
from laurels.engine.compiled import Compiled, compile_program
from laurels.program.linked import Linked
from laurels.replay.machine.build import machine
from laurels.replay.machine.encode import Plan
from laurels.replay.machine.native import run_source
from laurels.replay.machine.partitions import known_source, part_source, parts_for, split
from laurels.replay.machine.sides import hand_over, interleaved
from laurels.replay.machine.source import Source
from laurels.replay.machine.tables import open_source
from laurels.replay.options import Ears, Options
from laurels.replay.run import Result
from laurels.replay.tables import Books
from laurels.replay.tally import RuleTotal, Tally

KEPT = "parts"
FORMAT = 1
"""Takes a new value when parts of an earlier release can no longer be used."""
ROWS = 1 << 15
"""Rows of a part that are handed on at once."""

Task = tuple[Linked, list[tuple[str, int]], str, int, Options]


@dataclass
class Part:
    """What a part left. ``end``: just after its last event, None where it has none."""

    result: Result
    end: int | None


def run_parts(
    program: Compiled, paths: Sequence[Path], books: Books | None, options: Options, ears: Ears
) -> Result | None:
    """Run a history in parts; None where the files are not plain enough to be read as columns.

    Raises Unavailable when a process was lost; what is done is kept where a folder is named.
    """
    source = open_source(program, paths)
    if source is None:
        return None
    wanted = options.parts or parts_for(
        source.rows, options.memory, options.workers, options.postings
    )
    machine(program, tell=ears.compiling)
    with _folder(options.folder, _key(program, source, options, wanted)) as folder:
        until, source = _split(program, source, folder, wanted, options)
        ears.phase("read")
        found = _fold(program, source, folder, wanted, replace(options, until=until), ears)
        ends = [part.end for part in found or [] if part.end is not None]
        if found is not None and options.until is None and max(ends, default=None) != until:
            until = max(ends, default=None)  # the last rows are no events
            found = _fold(program, source, folder, wanted, replace(options, until=until), ears)
        if found is None:
            return None
        result = _joined(program, [part.result for part in found], until)
        if books is not None:
            _hand_over(books, [_place(folder, n, until) for n in range(wanted)], options.postings)
    return result


# -- what is kept ------------------------------------------------------------------------------


def _key(program: Compiled, source: Source, options: Options, parts: int) -> str:
    """What parts are made of: the program, the files as they are, what is asked for."""
    made = [FORMAT, program.hash, parts, options.until, options.postings, options.lists]
    for path in source.paths():
        known = Path(path).stat()
        made += [path, known.st_size, known.st_mtime_ns]
    return hashlib.sha256(repr(made).encode()).hexdigest()[:20]


@contextmanager
def _folder(wanted: Path | None, key: str) -> Iterator[Path]:
    """Where parts are kept; gone when the run is done. Parts of another run are thrown away."""
    if wanted is None:
        with tempfile.TemporaryDirectory() as found:
            yield Path(found)
        return
    root = wanted / KEPT
    if root.exists() and not (root / key).exists():
        shutil.rmtree(root)
    (root / key).mkdir(parents=True, exist_ok=True)
    yield root / key
    shutil.rmtree(root)


def _split(
    program: Compiled, source: Source, folder: Path, parts: int, options: Options
) -> tuple[int | None, Source]:
    """The parts on disk, made now or earlier: the end of the run, as far as rows tell, and the
    files by name."""
    manifest = folder / "manifest.json"
    known = known_source([(file.path, file.rows) for file in source.files])
    if not manifest.exists():
        shutil.rmtree(folder / "rows", ignore_errors=True)
        plan = Plan(program, source)
        last = split(source, plan, folder / "rows", parts, program.calendar)
        draft = manifest.with_suffix(".draft")
        draft.write_text(json.dumps({"last": last}), encoding="utf-8")
        draft.replace(manifest)
    last = json.loads(manifest.read_text("utf-8"))["last"]
    end = None if last is None else last + 1
    return (end if options.until is None else options.until), known


# -- folding -----------------------------------------------------------------------------------


def _place(folder: Path, part: int, until: int | None) -> Path:
    return folder / f"part-{part}-{until}"


def _fold(
    program: Compiled, source: Source, folder: Path, parts: int, options: Options, ears: Ears
) -> list[Part] | None:
    """Fold the parts that are not done; None where one is not for the machine."""
    files = [(file.path, file.rows) for file in source.files]
    alone = replace(options, threads=max(1, options.threads // options.workers), folder=None)
    left = [n for n in range(parts) if not _place(folder, n, options.until).exists()]
    tasks = [(program.program, files, str(folder), part, alone) for part in left]
    done = parts - len(left)
    if options.workers == 1:
        for task in tasks:
            fold_part(task, program)
            done += 1
            _tell(ears, source, done, parts)
    elif tasks:
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(options.workers, spawned) as pool:
            try:
                for future in as_completed([pool.submit(fold_part, task) for task in tasks]):
                    future.result()
                    done += 1
                    _tell(ears, source, done, parts)
            except BrokenProcessPool:
                raise Unavailable(
                    "worker-lost", "a process of the run was lost: what is done is kept where the "
                    "run has a folder of its own (--out); the same command again goes on from there"
                ) from None  # fmt: skip
    found: list[Part] = []
    for part in range(parts):
        kept = _place(folder, part, options.until) / "result.pickle"
        if not kept.exists():
            return None
        found.append(pickle.loads(kept.read_bytes()))
    return found


def _tell(ears: Ears, source: Source, done: int, parts: int) -> None:
    if ears.progress is not None:
        rows = sum(file.rows for file in source.files)
        ears.progress(rows * done // parts, rows)


def fold_part(task: Task, program: Compiled | None = None) -> None:
    """Fold one part and keep what it left: whole or not at all."""
    linked, files, folder, part, options = task
    program = program or compile_program(linked)
    source = part_source(Path(folder) / "rows", known_source(files), part)
    place = _place(Path(folder), part, options.until)
    draft = place.with_name(place.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    if source.rows:
        native = run_source(program, source, options, Ears())
        if native is not None:
            with _Kept(draft) as kept:
                hand_over(kept, native.sides, options.postings)
            _strip(native.result)
            found = Part(native.result, native.end)
            (draft / "result.pickle").write_bytes(pickle.dumps(found))
    else:
        nothing = Result(program, False, options.until, Tally(program))
        _strip(nothing)
        (draft / "result.pickle").write_bytes(pickle.dumps(Part(nothing, None)))
    draft.replace(place)


def _strip(result: Result) -> None:
    """A result without its program, which is not kept."""
    result.program = result.tally.program = None  # type: ignore[assignment]


class _Kept:
    """Books in files of a part."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, members: Any | None, postings: Any | None) -> None:
        """Take a part of either, or of both."""
        for name, table in (("members", members), ("postings", postings)):
            if table is None or not table.num_rows:
                continue
            if name not in self._writers:
                path = self._folder / f"{name}.parquet"
                writer = pq.ParquetWriter(path, table.schema, compression="lz4")
                self._writers[name] = self._stack.enter_context(writer)
            self._writers[name].write_table(table, row_group_size=ROWS)


# -- putting together --------------------------------------------------------------------------


def _hand_over(books: Books, places: Sequence[Path], postings: bool) -> None:
    """Members and postings of all parts, in the order of the members' ids."""
    for table in interleaved([_rows(place / "members.parquet") for place in places]):
        books.add(table, None)
    if postings:
        for table in interleaved([_rows(place / "postings.parquet") for place in places]):
            books.add(None, table)


def _rows(path: Path) -> Iterator[Any]:
    if path.exists():
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS, use_threads=False):
                yield pa.Table.from_batches([batch])


def _joined(program: Compiled, results: Sequence[Result], until: int | None) -> Result:
    """One result of all parts."""
    whole = Result(program, False, until, Tally(program))
    for each in results:
        tally = each.tally
        for name in vars(whole.tally):
            if name not in ("program", "_scales", "rules", "levels"):
                setattr(whole.tally, name, _added(getattr(whole.tally, name), getattr(tally, name)))
        for key, total in tally.rules.items():
            kept = whole.tally.rules.setdefault(key, RuleTotal())
            for month, (earned, taken_back) in total.months.items():
                kept.add(month, earned, taken_back)
            kept.members += total.members
            kept.events += total.events
        for mine, other in zip(whole.tally.levels, tally.levels, strict=True):
            for name in vars(mine):
                setattr(mine, name, _added(getattr(mine, name), getattr(other, name)))
        for name in (
            "events",
            "ignored",
            "rejected",
            "waiting",
            "refused",
            "cut",
            "reasons",
            "decided",
        ):
            setattr(whole, name, _added(getattr(whole, name), getattr(each, name)))
        whole.report = each.report if whole.report is None else _added(whole.report, each.report)
    whole.rejected.sort(key=lambda each: (each.file, each.row))
    whole.waiting.sort(key=lambda each: each.member)
    whole.refused.sort(key=lambda each: each.member)
    whole.cut.sort(key=lambda each: each.member)
    return whole


def _added(one: Any, other: Any) -> Any:
    """Two counts, lists, sets or tables of counts as one."""
    if other is None:
        return one
    if isinstance(one, dict):
        for key, value in other.items():
            one[key] = one[key] + value if key in one else value
        return one
    if isinstance(one, set):
        return one | other
    if is_dataclass(one) and not isinstance(one, type):
        for each in fields(one):
            setattr(one, each.name, _added(getattr(one, each.name), getattr(other, each.name)))
        return one
    return one + other

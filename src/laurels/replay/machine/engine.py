"""A whole history through machine code: the same result as ``laurels.replay.run``, faster.

Members whose history the machine does not fold, and programs in which members share budgets or
give to each other, go through the online engine; the result does not say which it was.
"""

from __future__ import annotations

from laurels.engine.compiled import Compiled
from laurels.replay.machine import exact
from laurels.replay.machine.build import machine
from laurels.replay.machine.door import fold_door
from laurels.replay.machine.native import apart, run_files
from laurels.replay.machine.parts import run_parts
from laurels.replay.machine.sides import Side, hand_over
from laurels.replay.options import Ears, Files, Options
from laurels.replay.play import play_books
from laurels.replay.raw import Events
from laurels.replay.readers import find_files
from laurels.replay.run import Result
from laurels.replay.tables import Books
from laurels.replay.tally import Tally


def play_columns(
    program: Compiled, history: Files | Events, books: Books | None, options: Options, ears: Ears
) -> Result:
    """Run a history; what ``laurels.replay.play`` does for the engine numba."""
    divided = apart(program)
    if options.in_parts and not divided:
        ears.whole("members share budgets or give to each other, so all are run in one pass")
    elif options.in_parts and not (isinstance(history, Files) and history.mapping is None):
        ears.whole("these are not native files, so each event is judged by itself")
    if isinstance(history, Files) and history.mapping is None and divided:
        if options.in_parts:
            joined = run_parts(program, find_files(history.paths), books, options, ears)
            if joined is not None:
                return joined
            ears.whole("not all of the files can be judged in columns")
        found = run_files(program, find_files(history.paths), options, ears)
        if found is not None:
            finish(found.result, books, found.sides, options)
            return found.result
    events = history if isinstance(history, Events) else history.read(program)
    ears.phase("read")
    result = Result(program, options.as_recorded, None, Tally(program))
    result.report = events.report
    result.rejected += events.report.rejected
    placed = zip(events, events.places, strict=True)
    read = exact.read(program, placed, result, options.until)
    if read.pooled:
        return play_books(program, events, books, options, ears)
    code = machine(program, tell=ears.compiling)
    sides = fold_door(program, code, read, result, options, ears)
    finish(result, books, sides, options)
    return result


def finish(result: Result, books: Books | None, sides: list[Side], options: Options) -> None:
    """Lists in order, and everything handed over."""
    result.rejected.sort(key=lambda each: (each.file, each.row))
    result.waiting.sort(key=lambda each: each.member)
    result.refused.sort(key=lambda each: each.member)
    result.cut.sort(key=lambda each: each.member)
    if books is not None:
        hand_over(books, sides, options.postings)

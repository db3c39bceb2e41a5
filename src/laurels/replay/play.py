"""A program over a history: the one entry to both engines.

``numba`` is the engine over columns (``laurels.replay.machine``): the generated step as machine
code, made by llvmlite, Numba's compiler. ``python`` is the online engine, member by member. Both
give the same, to the last posting; the first is faster by far once a program is compiled.
"""

from __future__ import annotations

from laurels.engine.compiled import Compiled
from laurels.replay.options import Ears, Files, Options
from laurels.replay.raw import Events
from laurels.replay.run import Result, replay
from laurels.replay.tables import Books, Rows


def play(
    program: Compiled,
    history: Files | Events,
    books: Books | None = None,
    options: Options | None = None,
    ears: Ears | None = None,
) -> Result:
    """Run a history. ``books`` takes members and postings as tables.

    Raises RequestError for files that cannot be read, ProgramError for a mapping that does not
    fit, Fault when the books do not add up.
    """
    wanted = options or Options()
    heard = ears or Ears()
    if wanted.engine == "numba":
        from laurels.replay.machine.engine import play_columns

        return play_columns(program, history, books, wanted, heard)
    return play_books(program, history, books, wanted, heard)


def play_books(
    program: Compiled, history: Files | Events, books: Books | None, options: Options, ears: Ears
) -> Result:
    """The same by the online engine."""
    events = history if isinstance(history, Events) else history.read(program)
    ears.phase("read")
    if books is None:
        return replay(program, events, options.until, options.as_recorded, ears.progress)
    rows = Rows(program, books, not options.as_recorded, options.postings)
    result = replay(program, events, options.until, options.as_recorded, ears.progress, rows.take)
    rows.close()
    return result

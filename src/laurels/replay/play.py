"""A program over a history: the one entry to both engines.

``numba`` is the engine over columns (``laurels.replay.machine``): the generated step as machine
code, made by llvmlite, Numba's compiler. ``python`` is the online engine, member by member. Both
give the same, to the last posting; the first is faster by far once a program is compiled.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from laurels.engine.compiled import Compiled
from laurels.replay.options import Ears, Files, Options
from laurels.replay.raw import Events
from laurels.replay.run import Result, replay

if TYPE_CHECKING:
    from laurels.replay.tables import Books


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
    if books is None and wanted.engine == "python" and find_spec("llvmlite") is None:
        return play_books(program, history, None, wanted, heard)  # without the extra: no digest
    from laurels.replay.digest import Digest

    digest = Digest(books, 0, 0 if wanted.postings else None)
    if wanted.save is not None:
        from laurels.replay.resumed import play_saving

        return play_saving(program, history, books, wanted, heard)
    if wanted.states is not None:
        from laurels.replay.resumed import play_on

        result = play_on(program, history, digest, wanted, heard)
    elif wanted.engine == "numba":
        from laurels.replay.machine.engine import play_columns

        result = play_columns(program, history, digest, wanted, heard)
    else:
        result = play_books(program, history, digest, wanted, heard)
    result.digest = digest.as_data()
    return result


def play_books(
    program: Compiled, history: Files | Events, books: Books | None, options: Options, ears: Ears
) -> Result:
    """The same by the online engine."""
    events = history if isinstance(history, Events) else history.read(program)
    ears.phase("read")
    if books is None:
        return replay(
            program, events, options.until, options.as_recorded, ears.progress, keep=options.keep
        )
    from laurels.replay.tables import Rows

    rows = Rows(
        program, books, not options.as_recorded, options.postings, options.passed
    )  # fmt: skip
    result = replay(
        program, events, options.until, options.as_recorded, ears.progress, rows.take,
        keep=options.keep,
    )  # fmt: skip
    rows.close()
    return result

"""What a run is asked for: a history, an engine, an end; and who hears how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from laurels.engine.compiled import Compiled
from laurels.replay.events import read_events
from laurels.replay.mapping import Mapping
from laurels.replay.raw import Events
from laurels.replay.run import Progress

if TYPE_CHECKING:
    from laurels.replay.states import Keeper, States

ENGINES = ("numba", "python")


def nothing(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Options:
    """How a history is run.

    engine       numba or python
    until        books stand just before this instant; None: just after the last event
    as_recorded  each event when it was learned of, corrections shown; else net
    postings     postings are wanted, not only members
    passed       tables of members say also what was issued, taken back, spent and expired
    lists        requests that were refused and events that wait are listed, not only counted
    threads      of the engine numba
    memory       bytes that a run of the engine numba may take, about: a history that needs more is
                 run in parts, one after the other; workers: processes that do so at a time
    parts        how many; None: as memory and workers need
    folder       where parts are kept until the run is done, so that it can go on when it was
                 interrupted; None: nowhere
    states       saved states that the run goes on from
    save         a folder that receives where members stand at the end; keep: what brings them there
    """

    engine: str = "numba"
    until: int | None = None
    as_recorded: bool = False
    postings: bool = True
    passed: bool = False
    lists: bool = True
    threads: int = 1
    memory: int | None = None
    workers: int = 1
    parts: int | None = None
    folder: Path | None = None
    states: States | None = None
    save: Path | None = None
    keep: Keeper | None = None

    @property
    def in_parts(self) -> bool:
        """Whether the members are to be divided among parts."""
        return self.memory is not None or self.workers > 1 or self.parts is not None


@dataclass(frozen=True)
class Ears:
    """Who hears how a run goes on.

    progress  (events done, events in all), now and then
    compiling the name of a program whose machine code is made for the first time
    phase     the name of a phase that is done; ``read`` is the first
    whole     why a history that was to be run in parts is run whole, in whatever memory it takes
    """

    progress: Progress | None = None
    compiling: Callable[[str], None] = nothing
    phase: Callable[[str], None] = nothing
    whole: Callable[[str], None] = nothing


@dataclass(frozen=True)
class Files:
    """A history in files and folders; ``mapping``: how foreign ones are read."""

    paths: tuple[Path, ...]
    mapping: Mapping | None = None

    def read(self, program: Compiled) -> Events:
        """Its events. Raises RequestError for files that cannot be read, ProgramError for a
        mapping that does not fit."""
        return read_events(self.paths, self.mapping, zone=program.program.zone)

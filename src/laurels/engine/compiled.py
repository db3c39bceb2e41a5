"""A compiled program: its generated source, brought to life by CPython."""

from __future__ import annotations

import ast
import hashlib
import linecache
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from laurels.base.instants import Calendar, calendar
from laurels.engine.folding import Kernel, functions
from laurels.engine.inlining import Inliner
from laurels.engine.kernel import calendar as kernel_calendar
from laurels.engine.kernel import (
    grants,
    holds,
    layout,
    lots,
    numbers,
    opening,
    returns,
    windows,
)
from laurels.engine.slots import Slots
from laurels.engine.source import source_of
from laurels.program.check import check
from laurels.program.linked import Linked
from laurels.program.loader import load_document, parse_document

SEMANTICS = 1
"""Semantics number of the kernel: takes a new value when the posting of any story changes."""

KERNEL: tuple[ModuleType, ...] = (
    layout, numbers, kernel_calendar, windows, lots, holds, returns, grants, opening,
)  # fmt: skip

COMPILING = threading.RLock()
"""One thread at a time: CPython 3.11 counts the depth of syntax trees for all threads together."""

USUAL = {
    ("ev", layout.E_LINES): 1,
    ("s", layout.SEEN): 1,
    ("out", layout.O_COUNT): 0,
    ("out", layout.O_GRANTS): 0,
}
"""What is known of a usual step beforehand: nothing was posted yet."""

Cal = tuple[Sequence[int], Sequence[int], Sequence[int]]


@dataclass(eq=False)
class Compiled:
    """A program that can be run. Made by `laurels.load`.

    door: that of all its events, once somebody came to it (`engine.door.door_of`).
    """

    program: Linked
    slots: Slots
    source: str
    calendar: Calendar
    namespace: dict[str, Any]
    door: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.step: Callable[..., None] = self.namespace["step"]
        self.advance: Callable[..., int] = self.namespace["advance"]
        self.cal: Cal = (
            self.calendar.midnight, self.calendar.month_of, self.calendar.month_first
        )  # fmt: skip

    @property
    def name(self) -> str:
        """The program's identity."""
        return self.program.name

    @cached_property
    def hash(self) -> str:
        """A digest of the meaning: of the generated source and the kernel that it calls."""
        digest = hashlib.sha256(self.source.encode())
        for module in KERNEL:
            digest.update(Path(str(module.__file__)).read_bytes())
        return digest.hexdigest()[:16]

    @cached_property
    def summed(self) -> frozenset[int]:
        """Units whose credited total some ladder compares."""
        return frozenset(
            rules.sum_unit
            for ladder in self.program.ladders
            for rules in ladder.rules.values()
            if rules.sum_unit is not None
        )

    @cached_property
    def most_grants(self) -> int:
        """How many effects read one type of event, where they are most."""
        effects = self.program.effects
        return max(
            (
                sum(name in effects[index].on for index in version.effects)
                for version in self.program.versions
                for name in self.program.events
            ),
            default=0,
        )

    @property
    def steps(self) -> Mapping[int, Callable[..., None]]:
        """The step for each type of event: put together, unless another stands in for it."""
        return self._unless_replaced(self.together)

    @property
    def usual_steps(self) -> Mapping[int, Callable[..., None]]:
        """The same for what is usual: an event of one line, of a member who was seen before."""
        return self._unless_replaced(self.together_usual)

    def _unless_replaced(
        self, steps: Mapping[int, Callable[..., None]]
    ) -> Mapping[int, Callable[..., None]]:
        return steps if self.step is self.namespace["step"] else defaultdict(lambda: self.step)

    @cached_property
    def inliner(self) -> Inliner:
        """Has all functions at hand."""
        own = kernel().folded(ast.parse(self.source))
        return Inliner(functions([*kernel().trees, own]), dict(straight_kernel()))

    @cached_property
    def together(self) -> Mapping[int, Callable[..., None]]:
        """The step for each type of event, put together for CPython."""
        return Steps(self, "step", {})

    @cached_property
    def together_usual(self) -> Mapping[int, Callable[..., None]]:
        """The step for each type of event where all is as usual, put together for CPython."""
        given = dict(USUAL)
        if len(self.program.versions) == 1:
            given["ev", layout.E_VERSION] = 0
        return Steps(self, "usual_step", given)

    @cached_property
    def traced(self) -> dict[str, Any]:
        """The same step, saying what it sees (TRACE)."""
        return bring_to_life(source_of(self.slots, traced=True), f"{self.name} traced")

    def blank(self) -> list[int]:
        """The state of a member of whom nothing is known."""
        s = [0] * self.slots.size
        s[layout.NEXT_DUE] = s[layout.BIRTHDAY] = layout.NEVER
        for index in range(len(self.program.units)):
            s[layout.HEAD + index * layout.UNIT + layout.U_FROM] = layout.NEVER
        first = layout.HEAD + len(self.program.units) * layout.UNIT
        for index in range(len(self.program.ladders)):
            block = first + index * layout.LADDER
            s[block + layout.L_UNTIL] = s[block + layout.L_CLOSE] = layout.NEVER
        return s

    def blank_row(self) -> list[int]:
        """An event of which nothing is known. Budgets have all the room there is, where nobody
        shares it out."""
        return self._blank_row.copy()

    @cached_property
    def _blank_row(self) -> list[int]:
        row = [0] * self.slots.event_size
        for name, column in self.slots.columns.items():
            if name.startswith("E_BUDGET_"):
                row[column] = layout.NEVER
        return row

    def version_at(self, occurred: int, recorded: int) -> int | None:
        """The version that decides: in force at ``occurred``, of those published by
        ``recorded``; None before the first."""
        found = None
        for version in self.program.versions:
            if version.effective_from <= occurred and version.published_at <= recorded:
                found = version.index
        return found


def bring_to_life(source: str, name: str) -> dict[str, Any]:
    """Run generated source in a namespace that holds the kernel, constants folded in."""
    namespace: dict[str, Any] = {"TRACE": None}
    with COMPILING:
        known = kernel().code
    for code in known:
        exec(code, namespace)  # our own kernel's text
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    with COMPILING:
        code = compile(kernel().folded(ast.parse(source)), file, "exec")
    exec(code, namespace)  # our own generator's text, never a caller's
    return namespace


@cache
def kernel() -> Kernel:
    """The kernel as CPython runs it."""
    return Kernel(KERNEL)


@cache
def straight_kernel() -> dict[str, list[ast.stmt] | None]:
    """The kernel's functions as they are put into a step."""
    inliner = Inliner(functions(kernel().trees), {})
    return {name: inliner.body(name) for name in inliner.functions}


class Steps(dict[int, Callable[..., None]]):
    """The step by type of event, each put together when the first such event comes.

    given: what else is known of its sequences beforehand, by sequence and place.
    """

    def __init__(self, compiled: Compiled, name: str, given: Mapping[tuple[str, int], int]) -> None:
        super().__init__()
        self.compiled = compiled
        self.name = name
        self.given = given

    def __missing__(self, kind: int) -> Callable[..., None]:
        namespace = self.compiled.namespace
        name = f"{self.name}_{kind}"
        file = f"<{self.compiled.name} {name}>"
        given = {**self.given, ("ev", layout.E_TYPE): kind}
        with COMPILING:
            made = self.compiled.inliner.put_together("step", name, given)
            source = ast.unparse(made)
            code = compile(source, file, "exec")
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        exec(code, namespace)  # our own text, rearranged
        self[kind] = namespace[name]
        return self[kind]


def compile_program(program: Linked, measured: bool = False) -> Compiled:
    """Compile a linked program. ``measured``: it records what its caps take off, besides what it
    posts."""
    slots = Slots.of(program)
    source = source_of(slots, measured=measured)
    return Compiled(
        program, slots, source, calendar(program.zone), bring_to_life(source, program.name)
    )


def load(path: str | Path) -> Compiled:
    """Read, check and compile a program file. Raises ProgramError with every finding."""
    return compile_program(check(load_document(path)))


def loads(text: str, file: str = "program.yaml") -> Compiled:
    """The same from text."""
    return compile_program(check(parse_document(text, file)))

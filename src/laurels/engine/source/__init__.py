"""The compiler's back end: the source of a program's step.

The source is plain Python over integers and indexable sequences, in the subset that also
compiles to machine code: functions for each event type and version, in the order in which they
are called, with named constants for every slot. With ``traced`` the same source also says what
it saw on the way (``TRACE``), which is how a posting explains itself; with ``measured`` it also
records what caps take off.
"""

from __future__ import annotations

from laurels.engine.slots import Slots
from laurels.engine.source.ladders import write_ladder, write_rises
from laurels.engine.source.metrics import write_metrics
from laurels.engine.source.opening import write_opening
from laurels.engine.source.rules import write_rules
from laurels.engine.source.spending import write_returns, write_spending
from laurels.engine.source.step import write_step
from laurels.engine.source.timeline import (
    write_advance,
    write_begin,
    write_birthday,
    write_next_due,
    write_versions,
)
from laurels.engine.source.writer import TERMS, Writer


def source_of(slots: Slots, traced: bool = False, measured: bool = False) -> str:
    """The source of a program's step."""
    w = Writer(slots, traced, measured)
    write_constants(w)
    write_versions(w)
    for ladder in w.program.ladders:
        write_ladder(w, ladder)
    write_rises(w)
    for name, event in w.program.events.items():
        if name not in ("return", "withdrawn"):
            write_metrics(w, event)
    for version in w.program.versions:
        for event in w.program.events.values():
            write_rules(w, version, event)
    write_birthday(w)
    write_next_due(w)
    write_advance(w)
    write_begin(w)
    write_returns(w)
    write_spending(w)
    write_opening(w)
    write_step(w)
    return w.out.text()


def write_constants(w: Writer) -> None:
    """Names of slots and columns, and what the kernel asks of units and terms."""
    out = w.out
    out.add(f'"""The step of {w.program.name}, generated from its program file."""')
    out.add()
    for name, value in w.slots.constants().items():
        out.add(f"{name} = {value}")
    out.add(f"UNITS = {len(w.program.units)}")
    out.add(f"DEBT = ({''.join(f'{int(u.debt)}, ' for u in w.program.units)})")
    flat = [part for term in w.program.terms for part in (TERMS[term.kind], term.length)]
    out.add(f"TERMS = ({''.join(f'{part}, ' for part in flat) or '0, 0, '})")

"""States and what folds made of events, as short lists of integers that can be kept and read back.

pack, unpack      a state: without the room to work on it, and without emptied lots
kept, put_back    what the fold made of an event: outcome, grants, what is left of its lines
layout            a digest of everything that a packed state's numbers depend on
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from laurels.engine.compiled import Compiled
from laurels.engine.events import Event
from laurels.engine.kernel import layout as K
from laurels.engine.state import ROOM, Snapshot, State, live

Packed = Sequence[Any]
"""[fixed slots, active lots by unit, pending lots by unit, held points]"""

OUT_OF_HISTORY, IN_HISTORY, GONE, WAITING, WITHDRAWN = range(5)
"""Where an event stands: `GONE` as if never bought; out are returns as if never bought."""


def layout(compiled: Compiled) -> str:
    """What a packed state's numbers mean. Two programs with one layout can read each other's."""
    program, slots = compiled.program, compiled.slots
    strings = {
        name: sorted(slots.strings.codes(name).items())
        for name in slots.strings.names
        if name.startswith(("member.", "level."))
    }
    parts = [
        sorted(slots.state.items()),
        [(unit.name, unit.scale) for unit in program.units],
        [(ladder.name, ladder.levels) for ladder in program.ladders],
        [(m.name, m.kind, m.window, m.size, str(m.where), str(m.value)) for m in program.metrics],
        program.funders,
        [version.number for version in program.versions],
        strings,
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def pack(state: State | Snapshot) -> Packed:
    """A state as it is now."""
    s = list(state.s)
    active: list[list[int]] = []
    pending: list[list[int]] = []
    for u in range(len(state.la) // (state.cap * K.ACTIVE_LOT)):
        b = K.HEAD + u * K.UNIT
        first = u * state.cap
        active.append(_lots(state.la, first + s[b + K.U_AHEAD], first + s[b + K.U_ATAIL], 3))
        pending.append(_lots(state.lp, first + s[b + K.U_PHEAD], first + s[b + K.U_PTAIL], 4))
        s[b + K.U_AHEAD] = s[b + K.U_ATAIL] = s[b + K.U_PHEAD] = s[b + K.U_PTAIL] = 0
    return [s, active, pending, list(state.lh[: s[K.HOLDS] * K.HELD_LOT])]


def _lots(lots: Sequence[int], first: int, last: int, width: int) -> list[int]:
    return [number for lot in live(lots, first, last, width) for number in lot]


def unpack(packed: Packed, effects: int) -> Snapshot:
    """A packed state, with room for some more lots. effects: of the program."""
    fixed, active, pending, held = packed
    s = list(fixed)
    most = max([0, *(len(lots) // K.ACTIVE_LOT for lots in active)])
    most += max([0, *(len(lots) // K.PENDING_LOT for lots in pending)])
    cap = most + s[K.HOLDS] + 4 * (effects + 2) + ROOM
    la = [0] * (len(active) * cap * K.ACTIVE_LOT)
    lp = [0] * (len(active) * cap * K.PENDING_LOT)
    for u, (mine, coming) in enumerate(zip(active, pending, strict=True)):
        b = K.HEAD + u * K.UNIT
        la[u * cap * K.ACTIVE_LOT : u * cap * K.ACTIVE_LOT + len(mine)] = mine
        lp[u * cap * K.PENDING_LOT : u * cap * K.PENDING_LOT + len(coming)] = coming
        s[b + K.U_ATAIL] = len(mine) // K.ACTIVE_LOT
        s[b + K.U_PTAIL] = len(coming) // K.PENDING_LOT
    return Snapshot(s, la, lp, held, cap)


# -- what a fold made of an event ----------------------------------------------------------------


def kept(event: Event, standing: int, budgets: Sequence[int]) -> list[Any]:
    """What the fold made of an event; zeros and empty lists at the end are left away.

    budgets  columns of the row that tell how much room the budgets had
    """
    row = event.row
    found: list[Any] = [
        standing,
        list(event.grants),
        event.decided,
        event.refusal,
        row[K.E_POINTS] if event.decided or event.type in FACTS else 0,
        event.number + 1,
        event.returned,
        event.paid,
        int(len(event.place) > PLACE),
        _lines(event),
        _undo(event),
        [row[column] for column in budgets],
    ]
    while found and not found[-1]:
        found.pop()
    return found


PLACE = 4
"""Parts of the place of an event that stands at its own instant."""
FACTS = frozenset({"redemption", "hold", "capture", "void", "transfer"})


def _columns(lines: Sequence[int], count: int) -> list[int]:
    """Amounts, then what is left of them, of ``count`` lines."""
    width = len(lines) // count
    return [*lines[K.LN_AMOUNT :: width], *lines[K.LN_LEFT :: width]]


def _lines(event: Event) -> list[int]:
    """What is left of the lines, where it is not all."""
    count = len(event.amounts)
    if not count:
        return []
    columns = _columns(event.lines, count)
    return [] if columns == [*event.amounts, *event.amounts] else columns


def _undo(event: Event) -> list[Any]:
    """What a later fold must first put back in the event that this one names."""
    if event.undo is None:
        return []
    if event.type == "return":
        original, grants, lines = event.undo
        return [list(grants), _columns(lines, len(original.amounts))]
    return [event.undo[1]]


def put_back(event: Event, packed: Sequence[Any], budgets: Sequence[int]) -> int:
    """Tell an event that has passed the door what was kept of it; returns its standing.

    What it changed in the event that it names is told by `tie`.
    """
    full = [*packed, *BLANK[len(packed) :]]
    standing, grants, decided, refusal, points, number, returned, paid = full[:8]
    event.grants, event.decided, event.refusal = grants, decided, refusal
    event.number, event.returned, event.paid = number - 1, returned, paid
    if points:
        event.row[K.E_POINTS] = points
    if decided:
        event.row[K.E_OUTCOME] = decided
    if full[9]:
        _set_columns(event, event.lines, full[9])
        event.row[K.E_AMOUNT] = sum(full[9][: len(event.amounts)])
    event.gone = standing == GONE
    for column, room in zip(budgets, full[11], strict=False):
        event.row[column] = room
    return int(standing)


BLANK: list[Any] = [0, [], 0, 0, 0, 0, 0, 0, 0, [], [], []]


def _set_columns(event: Event, lines: list[int], columns: Sequence[int]) -> None:
    count = len(event.amounts)
    width = len(lines) // count
    lines[K.LN_AMOUNT :: width] = columns[:count]
    lines[K.LN_LEFT :: width] = columns[count:]


def is_early(packed: Sequence[Any]) -> bool:
    """Whether it stands directly after the event that it names, not at its own instant."""
    return len(packed) > 8 and bool(packed[8])


def tie(event: Event, original: Event, packed: Sequence[Any]) -> None:
    """Tell an event what it changed in the one that it names, so that a fold can undo it."""
    undo = packed[10] if len(packed) > 10 else []
    if not undo:
        return
    if event.type == "return":
        lines = list(original.lines)
        _set_columns(original, lines, undo[1])
        event.undo = (original, undo[0], lines)
    else:
        event.undo = (original, undo[0])

"""Two programs that one history can be run through.

Programs that give one word two meanings cannot be compared over one history: what the history
says would be another thing to each. That is found before anything is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from laurels.base.errors import RequestError
from laurels.engine.compiled import Compiled, compile_program
from laurels.program import linked as L
from laurels.program.check import check
from laurels.program.diff import Change, diff
from laurels.program.setting import change, open_program


@dataclass(frozen=True)
class Side:
    """One of the programs: its name as it was asked for, the values set in it, and itself.

    program   measured: it also says what its caps take off
    """

    name: str
    settings: tuple[str, ...]
    linked: L.Linked
    program: Compiled


@dataclass(frozen=True)
class Pair:
    """The old program and the new one. ``changes``: what the new one says differently."""

    old: Side
    new: Side
    changes: tuple[Change, ...]


def side(name: str, settings: Sequence[str] = ()) -> Side:
    """Open a program (`program.yaml`, `program.yaml@2`) with values set in it.

    Raises ProgramError and RequestError as `laurels check` and `--set` do.
    """
    linked = check(change(open_program(name), settings))
    return Side(name, tuple(settings), linked, compile_program(linked, measured=True))


def pair(old: Side, new: Side) -> Pair:
    """Both together. Raises RequestError where they read one history in two ways."""
    clashes = list(_clashes(old.linked, new.linked))
    if clashes:
        raise RequestError(
            "programs-not-comparable",
            "the programs read the same history in different ways: " + "; ".join(clashes),
            where=f"{old.name}, {new.name}",
            expected="one meaning for each name in both programs",
            hint="rename what means something else, or make it the same",
        )
    return Pair(old, new, diff(old.linked, new.linked))


def _clashes(old: L.Linked, new: L.Linked) -> Iterator[str]:
    """What means one thing to one program and another to the other."""
    for what in ("zone", "currency"):
        before, after = getattr(old, what), getattr(new, what)
        if before != after:
            yield f"{what} {before} and {after}"
    units = {unit.name: unit for unit in old.units}
    for unit in new.units:
        if unit.name in units and units[unit.name].scale != unit.scale:
            yield f"unit `{unit.name}` has another precision"
    for name in sorted(old.events.keys() & new.events.keys()):
        yield from _event_clashes(name, old.events[name], new.events[name])
    yield from _attributes("a member", old.member, new.member)


def _event_clashes(name: str, old: L.EventType, new: L.EventType) -> Iterator[str]:
    if (old.amount == "none") != (new.amount == "none"):
        with_money, without = ("OLD", "NEW") if new.amount == "none" else ("NEW", "OLD")
        yield f"`{name}` carries an amount in {with_money}, none in {without}"
    yield from _attributes(f"`{name}`", old.attributes, new.attributes)
    yield from _attributes(f"a line of `{name}`", old.line, new.line)


def _attributes(
    of: str, old: Mapping[str, L.Attribute], new: Mapping[str, L.Attribute]
) -> Iterator[str]:
    for key in sorted(old.keys() & new.keys()):
        before, after = _kind(old[key]), _kind(new[key])
        if before != after:
            yield f"attribute `{key}` of {of} is {before} and {after}"


def _kind(attribute: L.Attribute) -> str:
    return f"{attribute.type} {attribute.unit}".strip()

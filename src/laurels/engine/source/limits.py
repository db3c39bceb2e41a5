"""Stacking, caps and minimums: between what rules would give and what is granted."""

from __future__ import annotations

from collections.abc import Sequence

from laurels.engine.source.tables import write_table
from laurels.engine.source.writer import PERIOD, Writer
from laurels.program import linked as L


def write_stacks(w: Writer, version: L.Version, effects: Sequence[L.Effect]) -> None:
    """Of the rules of a group one gives: the best, or the first that gives anything.

    Rules are compared by the first unit that they give; ties go to the earlier rule.
    """
    for group in version.stacks:
        rules = [(rule, [each for each in effects if each.rule == rule]) for rule in group.rules]
        rules = [(rule, gives) for rule, gives in rules if gives]
        if len(rules) < 2:
            continue
        w.out.add(
            f"# {group.name}: {'the best' if group.best else 'the first'} of "
            f"{', '.join(rule for rule, _ in rules)}"
        )
        w.out.add(f"best = e{rules[0][1][0].index}")
        w.out.add("winner = 0")
        for number, (_, gives) in enumerate(rules[1:], 1):
            lead = f"e{gives[0].index}"
            test = f"{lead} > best" if group.best else f"best == 0 and {lead} > 0"
            w.out.block(f"if {test}:", [f"best = {lead}", f"winner = {number}"])
        for number, (_, gives) in enumerate(rules):
            w.out.block(f"if winner != {number}:", [f"e{each.index} = 0" for each in gives])
            if w.traced:
                for each in gives:
                    w.out.add(f"TRACE('stacked', {each.index}, e{each.index})")


def write_limits(w: Writer, version: L.Version, effects: Sequence[L.Effect]) -> None:
    """Caps: minimums first, then each effect in the order of the file takes what room is
    left under every cap over it."""
    caps = []
    for index in version.caps:
        cap = w.program.caps[index]
        covered = [each for each in effects if each.index in cap.effects]
        if covered:
            caps.append((cap, covered))
    for cap, covered in caps:
        if cap.minimum is not None:
            total = " + ".join(f"e{each.index}" for each in covered)
            test = f" and {w.emit(cap.when, version)}" if cap.when else ""
            body = []
            for each in covered:
                body += [f"if e{each.index} > 0:", f"    {cut(cap, each, f'e{each.index}')}"] if (
                    w.measured
                ) else []  # fmt: skip
                body.append(f"e{each.index} = 0")
            w.out.block(f"if {total} < {cap.minimum}{test}:  # {cap.name}", body)
    caps = [pair for pair in caps if pair[0].limit is not None or pair[0].table]
    for cap, _ in caps:
        write_room(w, version, cap)
    for effect in effects:
        over = [cap for cap, covered in caps if effect in covered]
        if not over:
            continue
        # what gives nothing needs no room
        if not w.traced:
            w.out.add(f"if e{effect.index} > 0:")
            w.out.depth += 1
        for cap in over:
            write_clip(w, cap, effect)
        write_used(w, effect, over)
        if not w.traced:
            w.out.depth -= 1


def write_room(w: Writer, version: L.Version, cap: L.Cap) -> None:
    """``room<index>``: what a cap still lets through; negative never."""
    out = w.out
    room = f"room{cap.index}"
    slot = w.slots.cap(cap.index)
    out.add(f"# {cap.name}, per {cap.per}")
    if cap.budget:
        out.add(f"{room} = ev[E_BUDGET_{cap.index}]")
        return
    if cap.table is not None:
        write_table(w, cap.table, room, None)
    else:
        out.add(f"{room} = {cap.limit}")
    if cap.per != "event":
        out.add(f"{room} -= counted(s, {slot}, {PERIOD[cap.per]})")
        out.block(f"if {room} < 0:", [f"{room} = 0"])
    if cap.when is not None:
        out.add(f"applies{cap.index} = {w.emit(cap.when, version)}")
        out.block(f"if not applies{cap.index}:", [f"{room} = NEVER"])


def write_clip(w: Writer, cap: L.Cap, effect: L.Effect) -> None:
    """Let through no more of an effect than a cap has room for."""
    points = f"e{effect.index}"
    room = f"room{cap.index}"
    w.trace(f"'cap', {effect.index}, {cap.index}, {room}, {points}")
    left = "0" if cap.refuse else room
    body = [cut(cap, effect, f"{points} - {left}")] if w.measured else []
    w.out.block(f"if {points} > {room}:", [*body, f"{points} = {left}"])


def cut(cap: L.Cap, effect: L.Effect, points: str) -> str:
    """A record of what a cap takes off."""
    return (
        f"post(out, CUT, {effect.unit}, {points}, 0, 0, {effect.index}, {cap.index}, 0, 0, t, -1)"
    )


def write_used(w: Writer, effect: L.Effect, caps: Sequence[L.Cap]) -> None:
    """Take what an effect gives out of the room of every cap over it."""
    points = f"e{effect.index}"
    body = []
    counts = False
    for cap in caps:
        body.append(f"room{cap.index} -= {points}")
        if cap.per != "event" and not cap.budget:
            counts = True
            slot = w.slots.cap(cap.index)
            test = f"if applies{cap.index}: " if cap.when is not None else ""
            body.append(f"{test}count_up(s, {slot}, {PERIOD[cap.per]}, {points})")
    if counts:
        w.out.block(f"if {points} > 0:", body)
    else:
        for line in body:
            w.out.add(line)

"""What happens by itself: versions that come into force, everything that falls due."""

from __future__ import annotations

from laurels.engine.slots import upper
from laurels.engine.source.ladders import set_level
from laurels.engine.source.rules import write_handling
from laurels.engine.source.writer import HOLDING, Writer, fn


def write_versions(w: Writer) -> None:
    """Which version is in force for what falls due by itw."""
    w.function("version_at(t)", "The version in force at an instant, by its index.")
    for version in reversed(w.program.versions[1:]):
        start = max(version.effective_from, version.published_at)
        w.out.block(f"if t >= {start}:", [f"return {version.index}"])
    w.out.add("return 0")
    w.end()


def write_birthday(w: Writer) -> None:
    """The birthday: a derived event at local midnight."""
    if "born" not in w.program.member:
        return
    w.function(
        f"birthday({HOLDING}, dv, ln, g, out, cal, cap, v, t)",
        "The member's birthday has come.",
    )
    event = w.program.events["birthday"]
    add = w.out.add
    add("out[O_GRANTS] = 0")  # nobody returns a birthday
    w.local_day()
    add(f"dv[E_TYPE] = {event.index}")
    add("dv[E_AT] = t")
    add("dv[E_DAY] = day")
    add("dv[E_MONTH] = mo")
    add("dv[E_VERSION] = v")
    add("dv[E_AMOUNT] = 0")
    add("dv[E_LINES] = 0")
    for part in w.slots.local:
        value = {
            "day": "day - cal[2][mo] + 1",
            "month": "mo % 12 + 1",
            "year": "1900 + mo // 12",
            "weekday": "day % 7 + 1",
        }.get(part, "0")
        add(f"dv[E_LOCAL_{upper(part)}] = {value}")
    write_handling(w, event, "dv")
    add("s[BIRTHDAY] = next_birthday(cal, t, s[BORN])")
    add("rise(s, out, cal, v, t, day, mo)")
    w.end()


def write_next_due(w: Writer) -> None:
    """When something falls due next."""
    w.function("next_due(s, la, lp, lh, cap)", "The next instant at which something falls due.")
    add = w.out.add
    add("due = holds_due(s, lh) if s[HOLDS] > 0 else NEVER")
    for unit in w.program.units:
        add(f"due = min(due, lots_due(s, la, lp, {unit.index}, cap))")
    for ladder in w.program.ladders:
        name = upper(ladder.name)
        if any(rules.period for rules in ladder.rules.values()):
            add(f"due = min(due, s[LADDER_{name} + L_CLOSE])")
        if any(not rules.period for rules in ladder.rules.values()):
            add(f"due = min(due, s[LADDER_{name} + L_UNTIL])")
    if "born" in w.program.member:
        add("due = min(due, s[BIRTHDAY])")
    for version in w.program.versions[1:]:
        start = max(version.effective_from, version.published_at)
        w.out.block(f"if s[VERSION] < {version.index} and {start} < due:", [f"due = {start}"])
    add("return due")
    w.end()


def write_advance(w: Writer) -> None:
    """Everything that falls due, each at its own instant and in the one order."""
    w.function(
        f"advance({HOLDING}, dv, ln, g, out, cal, cap, room, until)",
        "Bring a state to an instant: all that is due before it happens. 1: out is full, the "
        "caller empties it and calls again.",
    )
    out = w.out
    out.add("while s[NEXT_DUE] < until:")
    out.depth += 1
    out.block("if out[O_COUNT] > room:", ["return 1"])
    out.add("t = s[NEXT_DUE]")
    out.add("v = version_at(t)")
    out.add("# 1 expiry, and holds that lapse")
    for unit in w.program.units:
        out.add(f"expire(s, la, out, {unit.index}, cap, t)")
    out.block("if s[HOLDS] > 0:", ["lapse(s, la, lh, out, cap, t)"])
    out.add("# 2 versions, period close, end of a level's term")
    if len(w.program.versions) > 1:
        out.block("if v != s[VERSION]:", ["migrate(s, out, cal, v, t)"])
    for ladder in w.program.ladders:
        name = upper(ladder.name)
        if any(rules.period for rules in ladder.rules.values()):
            out.block(
                f"if s[LADDER_{name} + L_CLOSE] <= t:",
                [f"{fn(ladder.name)}_close(s, out, cal, v, t)"],
            )
        if any(not rules.period for rules in ladder.rules.values()):
            out.block(
                f"if s[LADDER_{name} + L_UNTIL] <= t and s[LADDER_{name} + L_CLOSE] == NEVER:",
                [f"{fn(ladder.name)}_end(s, out, cal, v, t)"],
            )
    out.add("# 3 activation, and the rise that it causes")
    out.add("before = out[O_COUNT]")
    for unit in w.program.units:
        out.add(f"activate(s, la, lp, out, {unit.index}, cap, t)")
    out.block(
        "if out[O_COUNT] > before:",
        ["day = day_of(cal, t)", "rise(s, out, cal, v, t, day, cal[1][day])"],
    )
    if "born" in w.program.member:
        out.add("# 4 derived events")
        out.block(
            "if s[BIRTHDAY] <= t:",
            [f"birthday({HOLDING}, dv, ln, g, out, cal, cap, v, t)"],
        )
    out.add("s[NOW] = t")
    out.add("s[NEXT_DUE] = next_due(s, la, lp, lh, cap)")
    out.depth -= 1
    out.add("return 0")
    w.end()
    if len(w.program.versions) > 1:
        write_migrate(w)


def write_migrate(w: Writer) -> None:
    """A new version comes into force: removed levels become others."""
    w.function("migrate(s, out, cal, v, t)", "Version v comes into force.")
    out = w.out
    w.local_day()
    for ladder in w.program.ladders:
        name = upper(ladder.name)
        for version in w.program.versions[1:]:
            rules = ladder.rules.get(version.index)
            body = [f"level = s[LADDER_{name} + L_LEVEL]"]
            if rules is None:
                body = [
                    f"s[LADDER_{name} + L_LEVEL] = 0",
                    f"s[LADDER_{name} + L_UNTIL] = NEVER",
                    f"s[LADDER_{name} + L_CLOSE] = NEVER",
                ]
            else:
                months = 12 if rules.period == "year" else 1
                first = "mo" if months == 1 else "mo // 12 * 12"
                for old, new in version.migrate.get(ladder.name, {}).items():
                    body += [
                        f"if level == {w.slots.level_code(ladder.name, old)}:  # {old}",
                        f"    level = {w.slots.level_code(ladder.name, new)}  # {new}",
                    ]
                close = f"cal[0][cal[2][{first} + {months}]]" if rules.period else "NEVER"
                body += [
                    f"if s[LADDER_{name} + L_CLOSE] == NEVER or s[LADDER_{name} + L_CLOSE] > t:",
                    f"    s[LADDER_{name} + L_CLOSE] = {close}",
                    f"if level != s[LADDER_{name} + L_LEVEL]:",
                    f"    {set_level(ladder)}",
                ]
            out.block(f"if s[VERSION] < {version.index} and v >= {version.index}:", body)
    out.add("s[VERSION] = v")
    w.end()


def write_begin(w: Writer) -> None:
    """The member's first event."""
    w.function("begin(s, out, cal, v, t, day, mo)", "A member is seen for the first time.")
    out = w.out
    out.add("s[SEEN] = 1")
    out.add("s[VERSION] = version_at(t)")
    for ladder in w.program.ladders:
        name = upper(ladder.name)
        for index, rules in ladder.rules.items():
            body = []
            if rules.period:
                months = 12 if rules.period == "year" else 1
                first = "mo" if months == 1 else "mo // 12 * 12"
                body.append(f"s[LADDER_{name} + L_CLOSE] = cal[0][cal[2][{first} + {months}]]")
            if rules.rises == "at_once":
                body.append(f"{fn(ladder.name)}_rise(s, out, cal, {index}, t, day, mo)")
            if body:
                out.block(f"if s[VERSION] == {index}:", body)
    out.add("s[NEXT_DUE] = min(s[NEXT_DUE], first_close(s))")
    w.end()
    w.function("first_close(s)", "The first period close after the first event.")
    out.add("due = NEVER")
    for ladder in w.program.ladders:
        out.add(f"due = min(due, s[LADDER_{upper(ladder.name)} + L_CLOSE])")
    for version in w.program.versions[1:]:
        start = max(version.effective_from, version.published_at)
        out.block(f"if s[VERSION] < {version.index}:", [f"due = min(due, {start})"])
    out.add("return due")
    w.end()

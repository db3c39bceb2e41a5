"""The step: one event applied to one state."""

from __future__ import annotations

from laurels.engine.slots import constant, upper
from laurels.engine.source.rules import write_handling
from laurels.engine.source.writer import HOLDING, Writer
from laurels.program import linked as L
from laurels.program.names import BUILTIN


def write_step(w: Writer) -> None:
    """One event applied to one state."""
    w.function(
        f"step({HOLDING}, ev, rf, ln, g, out, cal, cap)",
        "Apply one event to a state that has been brought to its instant.",
    )
    out = w.out
    out.add("t = ev[E_AT]")
    out.add("v = ev[E_VERSION]")
    out.add("day = ev[E_DAY]")
    out.add("mo = ev[E_MONTH]")
    out.block("if s[SEEN] == 0:", ["begin(s, out, cal, v, t, day, mo)"])
    out.add("kind = ev[E_TYPE]")
    word = "if"
    for event in ordered_types(w):
        body = branch(w, event)
        if not body:
            continue
        out.add(f"{word} kind == {event.index}:  # {event.name}")
        out.depth += 1
        for line in body:
            if line == "<handle>":
                write_handling(w, event, "ev")
            else:
                out.add(line)
        out.depth -= 1
        word = "elif"
    out.add("rise(s, out, cal, v, t, day, mo)")
    out.add("s[NOW] = t")
    w.end()


def ordered_types(w: Writer) -> list[L.EventType]:
    """The program's own types first: they are the most frequent."""
    return sorted(w.program.events.values(), key=lambda each: (each.name in BUILTIN, each.index))


def branch(w: Writer, event: L.EventType) -> list[str]:
    """What the step does for an event type; `<handle>` stands for metrics and rules."""
    special = {
        "return": "on_return(s, la, lp, ev, rf, ln, g, out, cal, cap)",
        "redemption": "on_redemption(s, la, ev, rf, out, cal, cap)",
        "hold": "on_hold(s, la, lh, ev, rf, out, cal, cap)",
        "capture": "on_capture(s, la, lh, ev, out, cap)",
        "void": "on_void(s, la, lh, ev, out, cap)",
        "adjustment": "on_adjustment(s, la, ev, out, cal, cap, ADJUSTED, AT_ADJUSTED)",
        "transfer": "on_transfer(s, la, ev, out, cal, cap)",
        "transfer_received":
            "on_adjustment(s, la, ev, out, cal, cap, TRANSFERRED, AT_TRANSFERRED)",
        "sealed": "on_sealed(s, la, lp, ev, ln, out, cal, cap)",
    }  # fmt: skip
    first: list[str] = []
    if event.name in special:
        first.append(special[event.name])
    elif event.name in ("withdrawn", "birthday"):
        return []
    elif event.name == "member":
        first += member_lines(w)
    elif event.name in ("product_opened", "product_closed") and w.program.products:
        held = 1 if event.name == "product_opened" else 0
        base = constant("HELD_", w.program.products[0])
        first.append(f"s[{base} + ev[E_LINE]] = {held}")
    used = any(event.name in each.of for each in w.program.metrics) or any(
        event.name in each.on for each in w.program.effects
    )
    if used or any(each.before_membership == "pending" for each in w.program.versions):
        first.append("<handle>")
    return first


def member_lines(w: Writer) -> list[str]:
    """Attributes of the member, from this instant on; what is absent changes nothing."""
    lines = []
    if "born" in w.program.member:
        lines += [
            "if ev[E_POINTS] > 0 and ev[E_POINTS] != s[BORN]:",
            "    s[BORN] = ev[E_POINTS]",
            "    s[BIRTHDAY] = next_birthday(cal, t, s[BORN])",
            "    s[NEXT_DUE] = min(s[NEXT_DUE], s[BIRTHDAY])",
        ]
    for name, attribute in w.program.member.items():
        if attribute.type == "text":
            lines += [
                f"if ev[E_MEMBER_{upper(name)}] > 0:",
                f"    s[MEMBER_{upper(name)}] = ev[E_MEMBER_{upper(name)}]",
            ]
            for predicate in w.slots.predicates_of(f"member.{name}"):
                slot = f"MEMBER_{w.slots.predicate_name(predicate)}"
                lines.append(f"    s[{slot}] = ev[E_{slot}]")
    return lines

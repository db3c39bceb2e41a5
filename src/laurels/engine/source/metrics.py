"""Metrics: what is counted of each event, and how a return lowers it."""

from __future__ import annotations

from laurels.engine.source.writer import PERIOD, Writer, fn, text_of
from laurels.program import linked as L


def write_metrics(w: Writer, event: L.EventType) -> None:
    """What an event type counts in."""
    metrics = [each for each in w.program.metrics if event.name in each.of]
    if not metrics:
        return
    w.function(f"{fn(event.name)}_metrics(s, ev, ln)", f"Count a `{event.name}` in its metrics.")
    w.out.add("day = ev[E_DAY]")
    w.out.add("mo = ev[E_MONTH]")
    for metric in metrics:
        w.out.add(f"# {metric.name}: {text_of(metric.where) or 'every one'}")
        write_metric(w, metric)
    w.end()


def write_metric(w: Writer, metric: L.Metric) -> None:
    """One metric: over the event, or over its lines."""
    if metric.by_line:
        w.out.add("value = 0")
        w.out.add("hit = 0")
        w.out.add("for i in range(ev[E_LINES]):")
        w.out.depth += 1
        w.out.add("k = i * WIDTH")
        test = w.emit(metric.where, None) if metric.where else "True"
        what = w.emit(metric.value, None) if metric.value else "1"
        w.out.block(f"if {test}:", ["hit = 1", f"value += {what}"])
        w.out.depth -= 1
        value = "value" if metric.kind == "sum" else "hit"
        w.out.block("if hit == 1:", [counting(w, metric, value)])
        return
    value = w.emit(metric.value, None) if metric.value else "1"
    line = counting(w, metric, value)
    if metric.where is not None:
        w.out.block(f"if {w.emit(metric.where, None)}:", [line])
    else:
        w.out.add(line)


def counting(w: Writer, metric: L.Metric, value: str) -> str:
    """The line that counts a value for the current period."""
    slot = w.slots.metric(metric.index)
    period = PERIOD[metric.window]
    if metric.kind == "days":
        if metric.window in ("months", "days"):
            return f"roll_up(s, {slot}, {metric.size}, {period}, 1)"
        return f"count_day(s, {slot}, {period}, day)"
    if metric.window in ("months", "days"):
        return f"roll_up(s, {slot}, {metric.size}, {period}, {value})"
    call = {"sum": "count_up", "count": "count_up", "max": "set_max", "last": "set_last"}
    return f"{call[metric.kind]}(s, {slot}, {period}, {value})"


def write_net(w: Writer, metric: L.Metric) -> None:
    """How a return lowers a metric that is net of returns."""
    slot = w.slots.metric(metric.index)
    types = " or ".join(f"rf[E_TYPE] == {w.program.events[name].index}" for name in metric.of)
    by = "cut"
    w.out.add(f"# {metric.name} is net of returns")
    if metric.by_line:
        w.out.add("cut_lines = 0")
        w.out.add("for i in range(ev[E_LINES]):")
        w.out.depth += 1
        w.out.add("k = i * WIDTH")
        test = w.emit(metric.where, None, "rf") if metric.where else "True"
        w.out.block(f"if {test}:", ["cut_lines += ln[k + LN_SHARE]"])
        w.out.depth -= 1
        by = "cut_lines"
    elif metric.kind == "count":
        by = "1"
    period = PERIOD[metric.window]
    down = (
        f"roll_down(s, {slot}, {metric.size}, {period}, {by})"
        if metric.window in ("months", "days")
        else f"count_down(s, {slot}, {period}, {by})"
    )
    test = f"({types})"
    if metric.where is not None and not metric.by_line:
        test += f" and {w.emit(metric.where, None, 'rf')}"
    w.out.block(f"if {test} and {by} > 0:", [down])

"""Requests to spend as they were decided: every limit in order, with what was asked and allowed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from laurels.engine.book import REFUSALS
from laurels.engine.explained import KeptSeen, LimitSeen, SpendingSeen
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.windows import counted
from laurels.engine.narrator import Decided
from laurels.engine.rules_seen import ROUNDINGS
from laurels.engine.sight import Sight, decimal
from laurels.engine.slots import upper
from laurels.program import linked as L

REQUESTS = frozenset({"redemption", "hold"})
MOVERS = frozenset({"redemption", "hold", "capture", "void", "transfer"})


def spending_seen(sight: Sight, decided: Decided) -> SpendingSeen:
    """A redemption, hold, capture, void or transfer as it was decided."""
    program = sight.compiled.program
    unit = program.units[max(0, decided.row[K.E_UNIT])]
    active = decided.state[K.HEAD + unit.index * K.UNIT + K.U_ACTIVE]
    open_request = sight.type in REQUESTS and decided.row[K.E_OUTCOME] == 0
    limits = tuple(_limits(sight, unit)) if open_request else ()
    return SpendingSeen(
        unit.name, decimal(decided.row[K.E_POINTS], unit.scale),
        decimal(0 if decided.refusal else decided.points, unit.scale),
        REFUSALS.get(decided.refusal, ""), decided.fact, decimal(active, unit.scale), limits,
    )  # fmt: skip


def _limits(sight: Sight, unit: L.Unit) -> Iterator[LimitSeen]:
    """The limits in the order of precedence of their refusals, up to the first that refuses."""
    points = sight.row[K.E_POINTS]
    asked = decimal(points, unit.scale)
    for seen, now in _walk(sight, unit, points):
        points = now
        yield seen
        if not seen.held:
            return
    active = sight.s[K.HEAD + unit.index * K.UNIT + K.U_ACTIVE]
    asked = decimal(points, unit.scale)
    yield LimitSeen("balance", "", points <= active, asked, decimal(active, unit.scale))


def _walk(sight: Sight, unit: L.Unit, points: int) -> Iterator[tuple[LimitSeen, int]]:
    """Each limit that applies, and what is asked after it."""
    program = sight.compiled.program
    asked = decimal(points, unit.scale)
    if not unit.spendable:
        yield LimitSeen("unit", unit.name, False, asked), points
    if points <= 0:
        yield LimitSeen("points", "", False, asked), points
    if sight.row[K.E_PAYS] == 2:
        yield LimitSeen("pays", "", False, asked), points
    limits = [
        each for each in (program.spending[i] for i in sight.version.spending)
        if each.unit in (None, unit.index) and sight.holds(each.when)
    ]  # fmt: skip
    for limit in limits:
        if limit.only_if is not None:
            held = sight.holds(limit.only_if)
            missing = () if held else sight.missing(limit.only_if)
            yield LimitSeen("only_if", limit.name, held, asked, missing=missing), points
    for limit in limits:
        if limit.minimum is not None:
            least = decimal(limit.minimum, unit.scale)
            yield LimitSeen("minimum", limit.name, points >= limit.minimum, asked, least), points
    for limit in limits:
        for seen, allowed in _most(sight, limit, unit, points):
            yield seen, min(points, allowed) if limit.clip else points
            points = min(points, allowed) if limit.clip else points
    for limit in limits:
        if limit.times is not None:
            most, per = limit.times
            slot = sight.compiled.slots.state[f"SPENDINGS_{limit.index}_{upper(limit.name)}"]
            used = counted(sight.s, slot, sight.period(per))
            yield LimitSeen("times", limit.name, used < most, decimal(points, unit.scale),
                            count=f"{most} per {per}"), points  # fmt: skip


def _most(
    sight: Sight, limit: L.SpendingLimit, unit: L.Unit, points: int
) -> Iterator[tuple[LimitSeen, int]]:
    """The limits of a request's size."""
    if limit.maximum is not None:
        held = points <= limit.maximum or (limit.clip and limit.maximum > 0)
        yield (
            LimitSeen(
                "maximum",
                limit.name,
                held,
                decimal(points, unit.scale),
                decimal(limit.maximum, unit.scale),
                clip=limit.clip,
            ),
            limit.maximum,
        )
        if limit.clip:
            points = min(points, limit.maximum)
    if limit.share is None or unit.worth is None or sight.row[K.E_PAYS] != 1 or sight.paid is None:
        return
    price, paid = sight.paid[2][K.E_AMOUNT], sight.row[K.E_PAID]
    most = Fraction(price) * limit.share / unit.worth
    allowed = max(0, most.numerator // most.denominator - paid)
    held = points <= allowed or (limit.clip and allowed > 0)
    yield LimitSeen(
        "share", limit.name, held, decimal(points, unit.scale), decimal(allowed, unit.scale),
        limit.share, decimal(price, sight.compiled.program.exponent), decimal(paid, unit.scale),
        limit.clip,
    ), allowed  # fmt: skip


def kept(sight: Sight, decided: Decided, policy: str, names: tuple[str, ...]) -> Iterator[KeptSeen]:
    """What each grant of the returned event keeps."""
    program, width = sight.compiled.program, sight.compiled.slots.width
    exponent = program.exponent
    before, after = decided.grants
    lines = decided.kept_lines[1]
    amounts, lefts = lines[K.LN_AMOUNT :: width], lines[K.LN_LEFT :: width]
    moved = {
        (decided.records[k + K.R_RULE], decided.records[k + K.R_LINE])
        for k in range(0, len(decided.records), K.RECORD)
    }
    for k in range(0, len(before), K.GRANT):
        effect = program.effects[before[k + K.G_EFFECT]]
        unit, line = program.units[before[k + K.G_UNIT]], before[k + K.G_LINE]
        whole = line < 0 or policy == "full"
        amount = sum(amounts) if whole else amounts[line]
        left = sum(lefts) if whole else lefts[line]
        end, at = before[k + K.G_END], decided.row[K.E_AT]
        gone = (effect.index, line) not in moved and (effect.index, -1) not in moved
        expired = before[k + K.G_ACTIVE] <= at and end <= at if end > 0 else gone
        yield KeptSeen(
            effect.rule, unit.name, unit.scale,
            "" if line < 0 else names[line] if line < len(names) else str(line + 1),
            decimal(before[k + K.G_GRANTED], unit.scale),
            decimal(before[k + K.G_KEPT], unit.scale), decimal(after[k + K.G_KEPT], unit.scale),
            decimal(amount, exponent), decimal(left, exponent),
            ROUNDINGS[before[k + K.G_ROUNDING]], expired,
        )  # fmt: skip

"""Returns, redemptions, holds, adjustments, transfers."""

from __future__ import annotations

from collections.abc import Sequence

from laurels.engine.slots import upper
from laurels.engine.source.metrics import write_net
from laurels.engine.source.writer import PERIOD, TERM_NAMES, Writer
from laurels.program import linked as L


def write_returns(w: Writer) -> None:
    """What a return does: sums fall, grants are taken back by the policy of the version."""
    w.function(
        "on_return(s, la, lp, ev, rf, ln, g, out, cal, cap)",
        "Part of an event (rf) comes back: sums fall, grants are taken back.",
    )
    add = w.out.add
    add("day = ev[E_DAY]")
    add("mo = ev[E_MONTH]")
    add("cut = take_off(ln, ev[E_LINES], WIDTH, ev[E_LINE], ev[E_AMOUNT])")
    add("out[O_RETURNED] = cut")
    for metric in w.program.metrics:
        if metric.net:
            write_net(w, metric)
    policies = {"proportional": 0, "full": 1, "none": 2, "as_if_never_bought": 2}
    for version in w.program.versions:
        policy = policies[version.returns]
        if policy == 2:
            continue
        call = (
            "take_back(s, la, lp, g, ln, out, cal, cap, out[O_GRANTS], ev[E_LINES], WIDTH, "
            f"{policy}, DEBT, TERMS, ev[E_AT])"
        )
        w.out.block(f"if ev[E_VERSION] == {version.index}:  # {version.returns}", [call])
    add("return")
    w.end()


def write_spending(w: Writer) -> None:
    """Everything that moves points by request."""
    for version in w.program.versions:
        write_may_spend(w, version)
    w.function(
        "may_spend(s, ev, rf, out, day, mo)",
        "Whether a request to spend or hold is allowed: 0, or the refusal's number.",
    )
    for version in w.program.versions:
        w.out.block(
            f"if ev[E_VERSION] == {version.index}:",
            [f"return may_spend_v{version.number}(s, ev, rf, out, day, mo)"],
        )
    w.out.add("return 0")
    w.end()
    write_spent(w)
    write_redemption(w)
    write_holds(w)
    write_adjustments(w)


def write_may_spend(w: Writer, version: L.Version) -> None:
    """The limits of a version, in the order of precedence of their refusals."""
    w.function(
        f"may_spend_v{version.number}(s, ev, rf, out, day, mo)",
        f"The limits of spending of version {version.number}, in order of precedence.",
    )
    out = w.out
    out.add("u = ev[E_UNIT]")
    out.add("points = ev[E_POINTS]")
    spendable = [str(u.index) for u in w.program.units if u.spendable]
    test = " and ".join(f"u != {index}" for index in spendable) or "True"
    out.block(f"if {test}:", ["return NOT_SPENDABLE"])
    out.block("if points <= 0:", ["return NO_POINTS"])
    out.block("if ev[E_PAYS] == 2:", ["return PAYS_UNKNOWN"])
    limits = [w.program.spending[i] for i in version.spending]
    for limit in limits:
        if limit.only_if is not None:
            write_limited(
                w, version, limit, f"not {w.emit(limit.only_if, version)}", ["return NOT_HERE"]
            )
    for limit in limits:
        if limit.minimum is not None:
            write_limited(w, version, limit, f"points < {limit.minimum}", ["return BELOW_MINIMUM"])
    for limit in limits:
        write_most(w, version, limit)
    for limit in limits:
        if limit.times is not None:
            most, per = limit.times
            slot = f"SPENDINGS_{limit.index}_{upper(limit.name)}"
            write_limited(
                w,
                version,
                limit,
                f"counted(s, {slot}, {PERIOD[per]}) >= {most}",
                ["return TOO_OFTEN"],
            )
    out.block("if points > s[HEAD + u * UNIT + U_ACTIVE]:", ["return NOT_COVERED"])
    out.add("out[O_POINTS] = points")
    out.add("return 0")
    w.end()


def write_limited(
    w: Writer, version: L.Version, limit: L.SpendingLimit, test: str, body: Sequence[str]
) -> None:
    """A test that holds only for the redemptions that a limit is about."""
    tests = [test]
    if limit.when is not None:
        tests.insert(0, w.emit(limit.when, version))
    if limit.unit is not None:
        tests.insert(0, f"u == {limit.unit}")
    w.out.block(f"if {' and '.join(tests)}:  # {limit.name}", body)


def write_most(w: Writer, version: L.Version, limit: L.SpendingLimit) -> None:
    """The most that a limit lets through: a number, or a share of a price."""
    if limit.maximum is not None:
        write_above(w, version, limit, str(limit.maximum), "True")
    if limit.share is None:
        return
    for unit in w.program.units:
        if not unit.spendable or unit.worth is None or limit.unit not in (None, unit.index):
            continue
        ratio = limit.share / unit.worth
        most = f"mul_div(rf[E_AMOUNT], {ratio.numerator}, {ratio.denominator}, FLOOR)"
        write_above(
            w,
            version,
            limit,
            f"max(0, {most} - ev[E_PAID])",
            f"ev[E_PAYS] == 1 and u == {unit.index}",
        )


def write_above(
    w: Writer, version: L.Version, limit: L.SpendingLimit, most: str, test: str
) -> None:
    """Refuse or clip what is above a limit."""
    body = [f"most = {most}"]
    if limit.clip:
        body += [
            "if points > most:",
            "    points = most",
            "if points <= 0:",
            "    return ABOVE_LIMIT",
        ]
    else:
        body += ["if points > most:", "    return ABOVE_LIMIT"]
    write_limited(w, version, limit, test, body)


def write_spent(w: Writer) -> None:
    """What counts how often a member spends, and units that are spent along."""
    w.function("count_spending(s, ev, rf, day, mo)", "Count an accepted redemption or hold.")
    w.out.add("u = ev[E_UNIT]")
    for limit in w.program.spending:
        if limit.times is None:
            continue
        slot = f"SPENDINGS_{limit.index}_{upper(limit.name)}"
        version = w.program.versions[limit.version]
        write_limited(
            w,
            version,
            limit,
            f"ev[E_VERSION] == {limit.version}",
            [f"count_up(s, {slot}, {PERIOD[limit.times[1]]}, 1)"],
        )
    w.out.add("return")
    w.end()
    w.function(
        "spend_along(s, la, out, cap, u, points, t)",
        "Take as many points from the units that spending lowers too.",
    )
    for unit in w.program.units:
        body = []
        for other in unit.spends_too:
            lowers = any(
                rules.sum_unit == other and rules.sum_includes_spending
                for ladder in w.program.ladders
                for rules in ladder.rules.values()
            )
            steps, of = 10 ** w.program.units[other].scale, 10**unit.scale
            body += [
                f"along = mul_div(points, {steps}, {of}, FLOOR)",
                f"rest = draw(s, la, out, {other}, cap, along, SPENT, AT_REDEEMED, -1, t, -1)",
            ]
            if lowers:
                body.append(f"credit_sum(s, {other}, rest - along, t)")
        if body:
            w.out.block(f"if u == {unit.index}:", body)
    w.out.add("return")
    w.end()


def write_redemption(w: Writer) -> None:
    """A redemption: a request is decided, a fact may make debt."""
    w.function(
        "on_redemption(s, la, ev, rf, out, cal, cap)",
        "A request to spend is decided; an accepted redemption is a fact and may make debt.",
    )
    add = w.out.add
    write_asked(w, "E_OUTCOME")
    add("rest = draw(s, la, out, u, cap, points, SPENT, AT_REDEEMED, -1, t, -1)")
    add("owe(s, out, u, rest, DEBT[u], AT_REDEEMED, -1, t)")
    add("spend_along(s, la, out, cap, u, points, t)")
    add("count_spending(s, ev, rf, ev[E_DAY], ev[E_MONTH])")
    add("out[O_POINTS] = points")
    add("return")
    w.end()


def write_asked(w: Writer, outcome: str) -> None:
    """Refuse, or go on with ``points`` of unit ``u`` at ``t``."""
    add = w.out.add
    add("t = ev[E_AT]")
    add("u = ev[E_UNIT]")
    add("points = ev[E_POINTS]")
    w.out.block(f"if ev[{outcome}] == 2:", ["out[O_REFUSAL] = REFUSED_BEFORE", "return"])
    w.out.block(
        f"if ev[{outcome}] == 0:",
        [
            "out[O_REFUSAL] = may_spend(s, ev, rf, out, ev[E_DAY], ev[E_MONTH])",
            "if out[O_REFUSAL] > 0:",
            "    return",
            "points = out[O_POINTS]",
        ],
    )


def write_holds(w: Writer) -> None:
    """Holds, and what ends them: capture and void."""
    add = w.out.add
    w.function(
        "on_hold(s, la, lh, ev, rf, out, cal, cap)",
        "Points are set aside; what an accepted hold cannot cover becomes debt.",
    )
    write_asked(w, "E_OUTCOME")
    add("until = ev[E_UNTIL]")
    for version in w.program.versions:
        term = f"{TERM_NAMES[version.lapse_after.kind]}, {version.lapse_after.length}"
        w.out.block(
            f"if until == 0 and ev[E_VERSION] == {version.index}:",
            [f"until = ends_after(cal, t, ev[E_DAY], {term})"],
        )
    add("covered = min(points, s[HEAD + u * UNIT + U_ACTIVE])")
    w.out.block(
        "if covered > 0:",
        ["set_aside(s, la, lh, out, u, cap, covered, ev[E_HOLD], until, t)"],
    )
    add("owe(s, out, u, points - covered, DEBT[u], AT_HELD, -1, t)")
    w.out.block(
        "if points > covered:",
        ["hold_owed(s, lh, u, points - covered, ev[E_HOLD], until)"],
    )
    add("count_spending(s, ev, rf, ev[E_DAY], ev[E_MONTH])")
    add("out[O_POINTS] = points")
    add("return")
    w.end()
    w.function(
        "on_capture(s, la, lh, ev, out, cap)", "Points of a hold are spent, in whole or part."
    )
    add("t = ev[E_AT]")
    add("points = ev[E_POINTS]")
    w.out.block("if ev[E_OUTCOME] == 2:", ["out[O_REFUSAL] = REFUSED_BEFORE", "return"])
    add("held = held_by(s, lh, ev[E_HOLD])")
    w.out.block("if points == 0:", ["points = held"])
    add("late = 0")
    for version in w.program.versions:
        if version.late_capture:
            w.out.block(
                f"if ev[E_VERSION] == {version.index} and held == 0 and ev[E_HOLD] >= 0:",
                [
                    "points = ev[E_POINTS] if ev[E_POINTS] > 0 else ev[E_PAID]",
                    "if points <= s[HEAD + ev[E_UNIT] * UNIT + U_ACTIVE]:",
                    "    late = points",
                ],
            )
    w.out.block(
        "if late > 0:",
        [
            "draw(s, la, out, ev[E_UNIT], cap, late, SPENT, AT_REDEEMED, -1, t, -1)",
            "out[O_POINTS] = late",
            "return",
        ],
    )
    write_hold_end(w, "capture(s, lh, out, ev[E_HOLD], points, t)")
    w.function("on_void(s, la, lh, ev, out, cap)", "Points of a hold go back, in whole or part.")
    add("t = ev[E_AT]")
    add("points = ev[E_POINTS]")
    w.out.block("if ev[E_OUTCOME] == 2:", ["out[O_REFUSAL] = REFUSED_BEFORE", "return"])
    add("held = held_by(s, lh, ev[E_HOLD])")
    w.out.block("if points == 0:", ["points = held"])
    write_hold_end(w, "give_back(s, la, lh, out, cap, ev[E_HOLD], points, t)")


def write_hold_end(w: Writer, action: str) -> None:
    """The refusals that capture and void share, then what they do."""
    add = w.out.add
    w.out.block("if ev[E_HOLD] < 0:", ["out[O_REFUSAL] = HOLD_UNKNOWN", "return"])
    w.out.block("if held == 0:", ["out[O_REFUSAL] = HOLD_ENDED", "return"])
    w.out.block("if points > held:", ["out[O_REFUSAL] = ABOVE_HOLD", "return"])
    add(action)
    add("out[O_POINTS] = points")
    add("return")
    w.end()


def write_adjustments(w: Writer) -> None:
    """Adjustments and transfers: points from outside the rules."""
    add = w.out.add
    w.function(
        "on_adjustment(s, la, ev, out, cal, cap, kind, account)",
        "A credit opens a lot with the unit's usual life; a debit draws lots, then owes.",
    )
    add("t = ev[E_AT]")
    add("u = ev[E_UNIT]")
    add("points = ev[E_POINTS]")
    add("out[O_POINTS] = points")
    w.out.add("if ev[E_OUTCOME] == 1:")
    w.out.depth += 1
    add("end = NEVER")
    for version in w.program.versions:
        for unit, term in zip(w.program.units, version.expires, strict=True):
            w.out.block(
                f"if ev[E_VERSION] == {version.index} and u == {unit.index}:",
                [f"end = ends_after(cal, t, ev[E_DAY], {TERM_NAMES[term.kind]}, {term.length})"],
            )
    add("post(out, kind, u, points, account, AT_ACTIVE, -1, end, t, 0, t, -1)")
    add("credit_sum(s, u, points, t)")
    add("open_active(s, la, out, u, cap, end, 0, points, t)")
    add("return")
    w.out.depth -= 1
    add("rest = draw(s, la, out, u, cap, points, kind, account, -1, t, -1)")
    add("owe(s, out, u, rest, DEBT[u], account, -1, t)")
    add("return")
    w.end()
    w.function("on_transfer(s, la, ev, out, cal, cap)", "Points leave for another member.")
    add("u = ev[E_UNIT]")
    give = [str(u.index) for u in w.program.units if u.transferable]
    test = " and ".join(f"u != {index}" for index in give) or "True"
    w.out.block(f"if {test}:", ["out[O_REFUSAL] = NOT_TRANSFERABLE", "return"])
    w.out.block("if ev[E_OUTCOME] == 2:", ["out[O_REFUSAL] = REFUSED_BEFORE", "return"])
    w.out.block(
        "if ev[E_OUTCOME] == 0 and ev[E_POINTS] > s[HEAD + u * UNIT + U_ACTIVE]:",
        ["out[O_REFUSAL] = NOT_COVERED", "return"],
    )
    add(
        "rest = draw(s, la, out, u, cap, ev[E_POINTS], TRANSFERRED, AT_TRANSFERRED, -1, "
        "ev[E_AT], -1)"
    )
    add("owe(s, out, u, rest, DEBT[u], AT_TRANSFERRED, -1, ev[E_AT])")
    add("out[O_POINTS] = ev[E_POINTS]")
    add("return")
    w.end()

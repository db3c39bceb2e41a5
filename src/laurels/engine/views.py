"""What a book shows of its member: balances, lots, levels, what is missing to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from laurels.base.errors import RequestError
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.windows import counted, rolled
from laurels.engine.slots import upper
from laurels.program import linked as L
from laurels.program.expr import interpret
from laurels.program.expr.conditions import AllOf, AnyOf, Atom, Condition, atoms
from laurels.program.expr.ir import Call, Const, Name, Node, names_in
from laurels.program.expr.render import render

if TYPE_CHECKING:
    from laurels.engine.compiled import Compiled
    from laurels.engine.state import State


@dataclass(frozen=True)
class Balance:
    """Points of a unit by stage."""

    active: Decimal
    pending: Decimal
    held: Decimal
    debt: Decimal


@dataclass(frozen=True)
class LotView:
    """A lot: points with the same end and funder."""

    points: Decimal
    expires_at: int | None
    funder: str
    active_at: int | None = None


@dataclass(frozen=True)
class LevelView:
    """A level and its exclusive end."""

    name: str | None
    until: int | None


@dataclass(frozen=True)
class Missing:
    """What is missing to the next level: so much of a metric, or a condition that must hold."""

    what: str
    amount: Decimal | None


class Views:
    """Reading a state. Nothing here changes it."""

    compiled: Compiled
    state: State
    now: int

    def balance(self, unit: str) -> Balance:
        """Points of a unit by stage."""
        found, block = self._unit(unit)
        s = self.state.s
        values = (s[block + at] for at in (K.U_ACTIVE, K.U_PENDING, K.U_HELD, K.U_DEBT))
        return Balance(*(Decimal(value).scaleb(-found.scale) for value in values))

    def _unit(self, name: str) -> tuple[L.Unit, int]:
        for unit in self.compiled.program.units:
            if unit.name == name:
                return unit, K.HEAD + unit.index * K.UNIT
        known = ", ".join(unit.name for unit in self.compiled.program.units)
        raise RequestError(
            "unit-unknown", f"there is no unit `{name}`", where="unit", expected=f"one of {known}"
        )

    def _ladder(self, name: str) -> L.Ladder:
        for ladder in self.compiled.program.ladders:
            if ladder.name == name:
                return ladder
        known = ", ".join(ladder.name for ladder in self.compiled.program.ladders)
        raise RequestError(
            "ladder-unknown",
            f"there is no ladder `{name}`",
            where="ladder",
            expected=f"one of {known}" if known else "a program with ladders",
        )

    def lots(self, unit: str) -> tuple[LotView, ...]:
        """Active lots in leaving order, then pending ones by activation."""
        found, b = self._unit(unit)
        s, cap = self.state.s, self.state.cap
        funders = self.compiled.program.funders
        views = []
        for i in range(s[b + K.U_AHEAD], s[b + K.U_ATAIL]):
            k = (found.index * cap + i) * K.ACTIVE_LOT
            end, funder, points = self.state.la[k : k + K.ACTIVE_LOT]
            if points:
                views.append(
                    LotView(Decimal(points).scaleb(-found.scale),
                            end if end < K.NEVER else None, funders[funder])
                )  # fmt: skip
        for i in range(s[b + K.U_PHEAD], s[b + K.U_PTAIL]):
            k = (found.index * cap + i) * K.PENDING_LOT
            active, end, funder, points = self.state.lp[k : k + K.PENDING_LOT]
            if points:
                views.append(
                    LotView(Decimal(points).scaleb(-found.scale),
                            end if 0 < end < K.NEVER else None, funders[funder],
                            active if active < K.NEVER else None)
                )  # fmt: skip
        return tuple(views)

    def next_expiry(self) -> int | None:
        """The soonest end of active lots over all units."""
        ends = [
            lot.expires_at
            for unit in self.compiled.program.units
            for lot in self.lots(unit.name)
            if lot.expires_at is not None and lot.active_at is None
        ]
        return min(ends, default=None)

    def level(self, ladder: str) -> LevelView:
        """The level in force, None without one, and its exclusive end."""
        found = self._ladder(ladder)
        s = self.state.s
        block = self.compiled.slots.state[f"LADDER_{upper(ladder)}"]
        code = s[block + K.L_LEVEL]
        until = s[block + K.L_UNTIL]
        name = found.levels[code - 1] if code else None
        return LevelView(name, until if until < K.NEVER and code else None)

    def metric(self, name: str) -> int:
        """A metric of the version in force, for the day and month of `now`."""
        version = self.compiled.program.versions[self.state.s[K.VERSION]]
        if name not in version.metrics:
            raise RequestError(
                "metric-unknown",
                f"there is no metric `{name}`",
                where="metric",
                expected="one of " + ", ".join(version.metrics),
            )
        return self._metric(self.compiled.program.metrics[version.metrics[name]])

    def _metric(self, metric: L.Metric) -> int:
        s = self.state.s
        slot = self.compiled.slots.state[self.compiled.slots.metric(metric.index)]
        zone = self.compiled.calendar
        day = zone.day_of(max(self.now, 0))
        month = zone.month_of[day]
        if metric.window == "lifetime":
            return s[slot + 1]
        period = {"day": day, "month": month, "year": month // 12, "months": month, "days": day}
        if metric.window in ("months", "days"):
            return rolled(s, slot, metric.size, period[metric.window])
        return counted(s, slot, period[metric.window])

    def progress(self, ladder: str) -> tuple[Missing, ...]:
        """What is missing to the next level above the one in force; () at the top (S4.22)."""
        found = self._ladder(ladder)
        version = self.state.s[K.VERSION]
        if version not in found.rules:
            return ()
        rules = found.rules[version]
        block = self.compiled.slots.state[f"LADDER_{upper(ladder)}"]
        code = self.state.s[block + K.L_LEVEL]
        above = [level for level in rules.levels if level.code > code]
        if not above:
            return ()
        missing = []
        for least in above[0].least:
            scale = self._scale(least.dim)
            amount = least.missing(self._value(rules, least))
            if amount:
                missing.append(Missing(least.name, Decimal(amount).scaleb(-scale)))
        if above[0].when is not None:
            missing += self._unmet(atoms(above[0].when.ir))
        return tuple(missing)

    def _value(self, rules: L.LadderRules, least: L.Least) -> int:
        if least.metric is not None:
            return self._metric(self.compiled.program.metrics[least.metric])
        return self.state.s[K.HEAD + (rules.sum_unit or 0) * K.UNIT + K.U_SUM]

    def _scale(self, dim: str) -> int:
        if dim == "money":
            return self.compiled.program.exponent
        if dim.startswith("points:"):
            return self._unit(dim[7:])[0].scale
        return 0

    def _unmet(self, condition: Condition) -> list[Missing]:
        """The conditions that do not hold; of alternatives, all of them as one."""
        match condition:
            case Atom(node=node, negated=negated):
                holds = bool(interpret(node, self.values(node))) != negated
                if holds:
                    return []
                text = f"!({render(node)})" if negated else render(node)
                return [Missing(text, self._short(node))]
            case AllOf(parts=parts):
                return [each for part in parts for each in self._unmet(part)]
            case AnyOf(parts=parts):
                unmet = [self._unmet(part) for part in parts]
                if not all(unmet):
                    return []
                return [Missing(" || ".join(m.what for each in unmet for m in each), None)]

    def _short(self, node: Node) -> Decimal | None:
        """How much a comparison with a constant falls short of it."""
        if not isinstance(node, Call) or node.op not in ("ge", "gt"):
            return None
        left, right = node.args
        if not isinstance(left, Name) or not isinstance(right, Const):
            return None
        amount = int(right.value) - int(self.values(node)[left.path]) + (node.op == "gt")
        return Decimal(amount).scaleb(-self._scale(left.dim))

    def values(self, node: Node) -> Mapping[str, int | bool | str]:
        """What the names of a condition about the member stand for now."""
        found: dict[str, int | bool | str] = {}
        s = self.state.s
        for name in names_in(node):
            kind, _, rest = name.partition(".")
            if kind == "metrics":
                found[name] = self.metric(rest)
            elif kind == "held":
                found[name] = s[self.compiled.slots.state[f"HELD_{upper(rest)}"]] != 0
            elif kind == "level":
                found[name] = self.level(rest).name or ""
            elif kind == "balance":
                found[name] = s[self._unit(rest)[1] + K.U_ACTIVE]
            elif kind == "member":
                found[name] = self._member_text(name, rest)
        return found

    def _member_text(self, name: str, attribute: str) -> str:
        code = self.state.s[self.compiled.slots.state[f"MEMBER_{upper(attribute)}"]]
        codes = self.compiled.slots.strings.codes(name)
        return next((value for value, number in codes.items() if number == code), "?")

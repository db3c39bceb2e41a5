"""Stacking, caps and limits of spending of a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from laurels.program import linked, model
from laurels.program import names as scopes
from laurels.program.expr import NameInfo
from laurels.program.form import KeyPath
from laurels.program.link.tables import Tables


class Limits(Tables):
    """Resolves what limits rules and redemptions."""

    def rule_names(self, index: int) -> list[str]:
        given = self.program.versions[index]
        return [*given.rules, *(name for offer in given.offers.values() for name in offer.rules)]

    def stacks(self, index: int, given: model.Version) -> tuple[linked.Stack, ...]:
        known = self.rule_names(index)
        result = []
        for name, stack in given.stacking.items():
            path: KeyPath = ("versions", index, "stacking", name, "rules")
            for at, rule in enumerate(stack.rules):
                if rule not in known:
                    self.unknown((*path, at), "rule", rule, known)
            result.append(linked.Stack(name, stack.mode == "best", tuple(stack.rules)))
        return tuple(result)

    def version_caps(
        self,
        index: int,
        given: model.Version,
        names: Mapping[str, NameInfo],
        effects: Sequence[linked.Effect],
    ) -> tuple[int, ...]:
        path: KeyPath = ("versions", index)
        every = [(name, cap, (*path, "caps", name)) for name, cap in given.caps.items()]
        for key, offer in given.offers.items():
            every += [
                (name, cap, (*path, "offers", key, "caps", name))
                for name, cap in offer.caps.items()
            ]
        return tuple(self.cap(index, *each, names, effects) for each in every)

    def cap(
        self,
        index: int,
        name: str,
        cap: model.Cap,
        path: KeyPath,
        names: Mapping[str, NameInfo],
        effects: Sequence[linked.Effect],
    ) -> int:
        rules = self.rule_names(index) if cap.rules == ["all"] else cap.rules
        for at, rule in enumerate(rules):
            if rule not in self.rule_names(index):
                self.unknown((*path, "rules", at), "rule", rule, self.rule_names(index))
        covered = [each for each in effects if each.rule in rules]
        units = {each.unit for each in covered}
        unit = min(units, default=0)
        if cap.unit is not None:
            unit = next((u.index for u in self.units if u.name == cap.unit), 0)
            if cap.unit not in self.program.units:
                self.unknown((*path, "unit"), "unit", cap.unit, self.program.units)
        elif len(units) > 1:
            self.wrong(
                path,
                "cap-unit",
                f"the rules of `{name}` give several units",
                "unit: the one that is limited",
            )
        covered = [each for each in covered if each.unit == unit]
        named = dict.fromkeys(name for each in covered for name in each.on)
        types = [self.events[name] for name in named if name in self.events]
        scope = {**names, **scopes.event_names(types), **scopes.local_names()}
        scale = self.units[unit].scale
        limit = table = None
        if isinstance(cap.at_most, dict):
            table = self.table(cap.at_most, (*path, "at_most"), scope, scale, None)
        elif cap.at_most is not None:
            limit = self.number(cap.at_most, scale, (*path, "at_most"))
        minimum = self.number(cap.at_least, scale, (*path, "at_least")) if cap.at_least else None
        if limit is None and table is None and minimum is None:
            self.wrong(path, "cap-empty", f"`{name}` limits nothing", "at_most or at_least")
        if cap.across == "all_members" and (limit is None or cap.when is not None):
            self.wrong(
                path,
                "budget-form",
                f"the budget `{name}` is no plain number of points",
                "at_most: a number, and no `when`: name the rules that it is for",
            )
        self.caps.append(
            linked.Cap(
                name,
                len(self.caps),
                index,
                tuple(each.index for each in covered),
                unit,
                self.expression(cap.when, scope, "bool", (*path, "when")),
                cap.per,
                limit,
                table,
                minimum,
                cap.on_breach == "refuse",
                cap.across == "all_members",
            )
        )
        return len(self.caps) - 1

    def version_spending(
        self, index: int, given: model.Version, names: Mapping[str, NameInfo]
    ) -> tuple[int, ...]:
        result = []
        paid = [each for each in self.events.values() if each.amount != "none"]
        asks = [self.events["redemption"], self.events["hold"]]
        scope = {
            **names,
            **scopes.event_names(asks),
            **scopes.event_names(paid, "paid"),
            **scopes.local_names(),
        }
        for name, limit in given.spending.items():
            path: KeyPath = ("versions", index, "spending", name)
            unit = next((u for u in self.units if u.name == limit.unit), None)
            if limit.unit is not None and unit is None:
                self.unknown((*path, "unit"), "unit", limit.unit, self.program.units)
            spendable = [each for each in self.units if each.spendable]
            scale = unit.scale if unit else max((each.scale for each in spendable), default=0)
            if unit is None and len({each.scale for each in spendable}) > 1:
                self.wrong(
                    path,
                    "spending-unit",
                    "units of different precision are spendable",
                    "unit: the one that is limited",
                )
            share = None
            if limit.share_of_price is not None:
                share = self.rate(limit.share_of_price, (*path, "share_of_price"))
                if any(u.worth is None for u in ([unit] if unit else spendable)):
                    self.wrong(
                        (*path, "share_of_price"),
                        "unit-worth-missing",
                        "a share of a price needs points that are worth money",
                        "units: worth",
                    )
            self.spending.append(
                linked.SpendingLimit(
                    name,
                    len(self.spending),
                    index,
                    unit.index if unit else None,
                    self.expression(limit.when, scope, "bool", (*path, "when")),
                    self.expression(limit.only_if, scope, "bool", (*path, "only_if")),
                    self.number(limit.at_least, scale, (*path, "at_least"))
                    if limit.at_least
                    else None,
                    self.number(limit.at_most, scale, (*path, "at_most"))
                    if limit.at_most
                    else None,
                    share,
                    (limit.times.at_most, limit.times.per) if limit.times else None,
                    limit.on_breach == "clip",
                )
            )
            result.append(len(self.spending) - 1)
        return tuple(result)

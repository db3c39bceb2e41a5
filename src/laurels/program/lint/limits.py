"""Stacking, caps and limits of spending that cannot do what they seem to say."""

from __future__ import annotations

from laurels.program import linked, model
from laurels.program.form import KeyPath
from laurels.program.lint.base import Part
from laurels.program.lint.tables import incomplete
from laurels.program.possible import possible


class Limits(Part):
    """Looks at what limits rules and redemptions."""

    def run(self) -> None:
        """Every version by itself."""
        for path, given, version in self.versions():
            self._stacking(path, version)
            caps = [((*path, "caps", name), cap) for name, cap in given.caps.items()]
            for key, offer in given.offers.items():
                caps += [((*path, "offers", key, "caps", n), cap) for n, cap in offer.caps.items()]
            for (at, cap), index in zip(caps, version.caps, strict=False):
                self._cap(at, cap, self.program.caps[index], version)
            for index in version.spending:
                limit = self.program.spending[index]
                self._spending((*path, "spending", limit.name), limit, version)

    # -- stacking ------------------------------------------------------------------------------

    def _stacking(self, path: KeyPath, version: linked.Version) -> None:
        rules = {each.rule: each for each in self.rules_of(version)}
        groups: dict[str, str] = {}
        for group in version.stacks:
            at: KeyPath = (*path, "stacking", group.name, "rules")
            for position, rule in enumerate(group.rules):
                if rule in groups:
                    where = f"in `{groups[rule]}` too" if groups[rule] != group.name else "twice"
                    self.wrong(
                        (*at, position),
                        "stacking-twice",
                        f"`{rule}` stands {where}",
                        "each rule in one group, once",
                    )
                groups.setdefault(rule, group.name)
            known = [rules[rule] for rule in group.rules if rule in rules]
            self._meet(at, group, known)

    def _meet(self, path: KeyPath, group: linked.Stack, known: list[linked.Effect]) -> None:
        for position, effect in enumerate(known):
            others = known[:position] + known[position + 1 :]
            if others and not any(set(effect.on) & set(each.on) for each in others):
                self.odd(
                    path,
                    "stacking-events",
                    f"`{effect.rule}` shares no event type with the others of `{group.name}`: "
                    "they never meet",
                    "rules on the same event type",
                )
                return
        if len({each.unit for each in known}) > 1:
            self.odd(
                path,
                "stacking-units",
                f"the rules of `{group.name}` give different units, and the best is found by "
                "number alone",
                "rules that give the same unit first",
            )

    # -- caps ----------------------------------------------------------------------------------

    def _cap(
        self, path: KeyPath, given: model.Cap, cap: linked.Cap, version: linked.Version
    ) -> None:
        known = {each.rule for each in self.rules_of(version)}
        if not cap.effects and (given.rules == ["all"] or known & set(given.rules)):
            self.wrong(
                (*path, "unit") if given.unit else path,
                "cap-covers-nothing",
                f"no rule of `{cap.name}` gives the unit that it limits",
                "rules and unit that fit together",
            )
        self.in_order(
            (*path, "at_least"), "cap-impossible", cap.minimum, cap.limit,
            "no event is above the least and below the most", "at_least not above at_most",
        )  # fmt: skip
        on = [name for each in cap.effects for name in self.program.effects[each].on]
        types = self.types(dict.fromkeys(on))
        if cap.when is not None and not possible([cap.when.ir], self.known(version, types)):
            self.odd((*path, "when"), "cap-never", "this never holds: nothing is limited")
        incomplete(self, cap.table, (*path, "at_most"), version)

    # -- spending ------------------------------------------------------------------------------

    def _spending(
        self, path: KeyPath, limit: linked.SpendingLimit, version: linked.Version
    ) -> None:
        if limit.unit is not None and not self.program.units[limit.unit].spendable:
            self.wrong(
                (*path, "unit"),
                "spending-unspendable",
                f"`{self.program.units[limit.unit].name}` cannot be spent at all",
                "a unit that is spendable",
            )
        self.in_order(
            (*path, "at_most"), "spending-impossible", limit.minimum, limit.maximum,
            "the most that can be spent is below the least",
        )  # fmt: skip
        if limit.share is not None and limit.share > 1:
            self.odd(
                (*path, "share_of_price"),
                "spending-share",
                "points pay more than the price",
                "at most 100%",
            )
        asks = self.types(["redemption", "hold"])
        known = self.known(version, asks)
        if limit.when is not None and not possible([limit.when.ir], known):
            self.odd((*path, "when"), "spending-never", "this never holds: nothing is limited")
        elif limit.only_if is not None:
            asked = [limit.when.ir] if limit.when is not None else []
            if not possible([*asked, limit.only_if.ir], known):
                self.odd((*path, "only_if"), "spending-never", "this never holds: all is refused")

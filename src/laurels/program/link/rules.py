"""Rules and offers of a version: one effect for each unit that a rule gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from laurels.program import linked, model
from laurels.program import names as scopes
from laurels.program.expr import NameInfo
from laurels.program.form import KeyPath
from laurels.program.link.gives import Gives

ROUNDINGS = {"floor": 0, "half_up": 1, "half_even": 2, "ceil": 3}


class Rules(Gives):
    """Resolves rules and offers."""

    def posting(self, given: model.Posting | str, path: KeyPath) -> tuple[linked.Term, int | None]:
        if isinstance(given, str):
            return linked.AT_ONCE, None
        if (given.after is None) == (given.day_of_next_month is None):
            self.wrong(path, "posting", "either `after` or `day_of_next_month`", "exactly one")
            return linked.AT_ONCE, None
        if given.after is not None:
            found = self.term(given.after, path)
            if found.kind == "never":
                self.wrong(path, "posting", "points that never become active are no points")
            return found, None
        return linked.AT_ONCE, given.day_of_next_month

    def version_effects(
        self, index: int, given: model.Version, names: Mapping[str, NameInfo]
    ) -> list[linked.Effect]:
        path: KeyPath = ("versions", index)
        every: list[tuple[str, model.Rule, KeyPath, model.Offer | None, str | None]] = [
            (name, rule, (*path, "rules", name), None, None) for name, rule in given.rules.items()
        ]
        for offer_key, offer in given.offers.items():
            every += [
                (name, rule, (*path, "offers", offer_key, "rules", name), offer, offer_key)
                for name, rule in offer.rules.items()
            ]
        seen: set[str] = set()
        result: list[linked.Effect] = []
        for name, rule, at, of, key in every:
            if name in seen:
                self.wrong(at, "rule-twice", f"there are two rules `{name}`", "different names")
            seen.add(name)
            result += self.rule(index, given, name, rule, at, of, key, names)
        return self.multiplied(result, {name: at for name, _, at, _, _ in every})

    def rule(
        self,
        index: int,
        version: model.Version,
        name: str,
        rule: model.Rule,
        path: KeyPath,
        offer: model.Offer | None,
        key: str | None,
        names: Mapping[str, NameInfo],
    ) -> list[linked.Effect]:
        types = self.types_of(rule.on, (*path, "on"))
        scope = {**names, **scopes.event_names(types), **scopes.local_names()}
        at_offer: KeyPath = ("versions", index, "offers", key or "")
        audience = start = stop = None
        if offer is not None:
            audience = self.expression(offer.when, scope, "bool", (*at_offer, "when"))
            start = self.instant(offer.from_, (*at_offer, "from")) if offer.from_ else None
            stop = self.instant(offer.until, (*at_offer, "until")) if offer.until else None
            if start is not None and stop is not None and stop <= start:
                self.wrong((*at_offer, "until"), "offer-window", "the offer ends before it starts")
        when = self.expression(rule.when, scope, "bool", (*path, "when"))
        lines = self.expression(
            rule.lines, {**scope, **scopes.line_names(types)}, "bool", (*path, "lines")
        )
        base = self.expression(rule.base, scope, "int", (*path, "base"))
        if base is None and any("paid_in_points" in each.attributes for each in types):
            base = self.expression(
                "event.amount - event.paid_in_points", scope, "int", (*path, "base")
            )
        posting = rule.posting or (offer.posting if offer else None) or version.posting
        wait, day = self.posting(posting, (*path, "posting"))
        own_expires = rule.expires or (offer.expires if offer else None)
        funder = rule.funder if rule.funder != "program" or not offer else offer.funder or "program"
        if funder not in self.funders:
            self.funders.append(funder)
        order = self.rule_count
        self.rule_count += 1
        result = []
        for unit in self.rule_units(rule, path):
            of_unit = self.program.units[unit.name].expires
            expires = own_expires or of_unit or version.expires
            effect = linked.Effect(
                len(self.effects),
                name,
                order,
                index,
                key,
                unit.index,
                tuple(rule.on),
                start,
                stop,
                audience,
                when,
                lines,
                base,
                self.give(rule, unit, path, scope),
                ROUNDINGS[rule.rounding],
                wait,
                day,
                self.term(expires, (*path, "expires")),
                self.funders.index(funder),
                (rule.times.at_most, rule.times.per) if rule.times else None,
                rule.for_everyone,
            )
            self.effects.append(effect)
            result.append(effect)
        return result

    def rule_units(self, rule: model.Rule, path: KeyPath) -> list[linked.Unit]:
        if not rule.unit:
            if len(self.units) != 1:
                self.wrong(
                    path,
                    "rule-unit",
                    "the rule does not say which unit it gives",
                    "unit: one of " + ", ".join(each.name for each in self.units),
                )
            return self.units[:1]
        found = []
        for index, name in enumerate(rule.unit):
            unit = next((each for each in self.units if each.name == name), None)
            if unit is None:
                self.unknown((*path, "unit", index), "unit", name, self.program.units)
            else:
                found.append(unit)
        return found

    def multiplied(
        self, effects: list[linked.Effect], paths: Mapping[str, KeyPath]
    ) -> list[linked.Effect]:
        """Settle what `multiply` refers to: effects of the named rules with the same unit."""
        by_rule = {each.rule: each for each in effects}
        for position, effect in enumerate(effects):
            if effect.give.kind != "multiply":
                continue
            rules = self.rule_document(effect).give.multiply or []
            path = (*paths[effect.rule], "give", "multiply")
            of = []
            for index, name in enumerate(rules):
                if name not in by_rule:
                    self.unknown((*path, index), "rule", name, by_rule)
                elif by_rule[name].give.kind == "multiply":
                    self.wrong(path, "give-multiply", f"`{name}` multiplies itself")
                of += [
                    each.index for each in effects if each.rule == name and each.unit == effect.unit
                ]
            settled = replace(effect, give=replace(effect.give, of=tuple(of)))
            effects[position] = settled
            self.effects[effect.index] = settled
        return effects

    def rule_document(self, effect: linked.Effect) -> model.Rule:
        version = self.program.versions[effect.version]
        if effect.offer is None:
            return version.rules[effect.rule]
        return version.offers[effect.offer].rules[effect.rule]

"""From a document to a linked program: every name resolved, every number in smallest units.

All findings of a run are collected; none stops the others. What a wrong part would make others say
is sorted out in `program/mending.py`; nothing linked is compiled unless the run had no errors.

    base     what is resolved so far, findings, readers of numbers, terms, instants, expressions
    frame    units, event types, attributes      ladders  metrics, ladders, levels
    tables   tables by level or attribute        gives    what a rule gives
    rules    rules and offers                    limits   stacking, caps, limits of spending
"""

from __future__ import annotations

from laurels.program import linked, model
from laurels.program import names as scopes
from laurels.program.form import KeyPath
from laurels.program.link.base import term
from laurels.program.link.frame import Frame
from laurels.program.link.ladders import Ladders
from laurels.program.link.limits import Limits
from laurels.program.link.reserved import WORDS
from laurels.program.link.rules import Rules
from laurels.program.loader import Document, Placed

__all__ = ["BEGINNING", "resolve", "term"]

BEGINNING = -(2**62)


def resolve(document: Document) -> tuple[linked.Linked | None, list[Placed]]:
    """What could be resolved of a document, and every error found. None where not even units and
    event types are right."""
    linker = Linker(document)
    result = linker.run()
    return result, linker.findings


def fatal(found: Placed) -> bool:
    """Whether nothing can be resolved because of this finding about the frame."""
    if found.finding.code == "name-reserved":
        return found.path[-2] in WORDS  # no expression can be read beside such a name
    return True


class Linker(Frame, Ladders, Rules, Limits):
    """One run over one document."""

    def run(self) -> linked.Linked | None:
        """Link every part in the order in which they need one another."""
        self.frame()
        if any(fatal(each) for each in self.findings):
            return None
        for index in range(len(self.program.versions)):
            self.version(index)
        self.migrations()
        ladders = tuple(
            linked.Ladder(name, index, tuple(levels), self.ladder_rules[name])
            for index, (name, levels) in enumerate(self.ladder_levels.items())
        )
        terms = tuple(dict.fromkeys(each.expires for each in self.effects))
        return linked.Linked(
            self.program.program,
            self.program.zone,
            self.program.currency,
            self.exponent,
            tuple(self.units),
            self.events,
            tuple(self.program.products),
            self.member,
            tuple(self.metrics),
            ladders,
            tuple(self.effects),
            tuple(self.caps),
            tuple(self.spending),
            tuple(self.versions),
            tuple(self.funders),
            terms,
            self.program.late,
            self.program,
        )

    def version(self, index: int) -> None:
        given = self.program.versions[index]
        path: KeyPath = ("versions", index)
        start = (
            self.instant(given.effective_from, (*path, "effective_from"))
            if given.effective_from is not None
            else BEGINNING
        )
        published = (
            self.instant(given.published_at, (*path, "published_at"))
            if given.published_at is not None
            else BEGINNING
        )
        names = scopes.member_names(self.program.products, self.member, self.units)
        metrics = self.version_metrics(index, given, names)
        names |= scopes.metric_names(self.metrics[each] for each in metrics.values())
        for name, ladder in given.ladders.items():
            self.union_levels(name, list(ladder.levels), (*path, "ladders", name))
        names |= scopes.level_names({n: tuple(each.levels) for n, each in given.ladders.items()})
        for name, ladder in given.ladders.items():
            self.ladder(index, name, ladder, names, metrics)
        membership = None
        if given.membership:
            membership = self.expression(
                given.membership.when, names, "bool", (*path, "membership", "when")
            )
        effects = self.version_effects(index, given, names)
        stacks = self.stacks(index, given)
        caps = self.version_caps(index, given, names, effects)
        spending = self.version_spending(index, given, names)
        posting, day = self.posting(given.posting, (*path, "posting"))
        self.versions.append(
            linked.Version(
                given.version,
                index,
                start,
                published,
                membership,
                given.membership.before if given.membership else "nothing",
                metrics,
                tuple(each.index for each in effects),
                caps,
                stacks,
                spending,
                given.returns,
                self.unit_terms(given, path),
                posting,
                day,
                self.term(given.holds.lapse_after, (*path, "holds", "lapse_after")),
                given.holds.late_capture == "if_covered",
                given.migrate,
            )
        )

    def unit_terms(self, given: model.Version, path: KeyPath) -> tuple[linked.Term, ...]:
        """How long lots of each unit live where no rule or offer says otherwise."""
        whole = self.term(given.expires, (*path, "expires"))
        return tuple(
            self.term(unit.expires, ("units", name, "expires")) if unit.expires else whole
            for name, unit in self.program.units.items()
        )
